"""What generates: load a model, turn prompts into steered batches, run them."""
