"""What people say: which words of a text are emphasised, and by how much. Loads neither torch nor transformers.

``span`` and ``strength`` are the values; ``markup``, ``dialects`` and ``locate`` make them from text.
"""
