"""Spans nobody marked: who proposes them, and which of them are emphasised."""
