"""Serves models over HTTP in OpenAI's shape, with emphasis."""
