"""Steering on CPUs: vLLM's own kernel on heads that are widened by the columns of the fold."""
