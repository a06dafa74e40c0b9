"""Run tasks under arms on a model, keep every answer, and say what came out with its error."""
