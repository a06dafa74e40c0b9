"""The one append-only, resumable store of results."""
