"""Data sets turned into questions with emphasis, and the scores of the answers. Know no model."""
