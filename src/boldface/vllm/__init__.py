"""Steering inside vLLM: a plugin, switched on by ``BOLDFACE_VLLM=1``. Importing this package imports no vLLM."""
