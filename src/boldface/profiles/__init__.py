"""Which heads are steered: gains, the files that hold them, and the ones shipped. Loads neither torch nor transformers."""
