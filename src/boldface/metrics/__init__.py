"""Scores of texts and numbers, and the statistics on them. Know no model and no task."""
