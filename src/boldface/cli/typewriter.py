"""The answer word by word, as it is generated."""

from __future__ import annotations

from typing import Any

from transformers import TextStreamer

from boldface.cli import terminal


class Typewriter(TextStreamer):
    """Writes the answer's words to standard output as soon as they are whole, and a line end behind the last."""

    def __init__(self, tokenizer: Any) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Write a piece."""
        terminal.write(text + "\n" * stream_end)
