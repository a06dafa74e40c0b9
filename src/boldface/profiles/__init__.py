"""Which heads are steered: gains, the files that hold them, the ones shipped. Loads neither torch nor transformers."""
