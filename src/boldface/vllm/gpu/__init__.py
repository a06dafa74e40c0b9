"""Steering on GPUs: attention over vLLM's paged cache with the bias as a term of the score, and no more cache."""
