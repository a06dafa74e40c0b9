"""A prompt written piece by piece, so that every piece's place in it is known without searching."""

from __future__ import annotations

from boldface.emphasis.span import CharSpan


class Page:
    """A growing text.

    Attributes:
        text: What has been written.
    """

    def __init__(self) -> None:
        self.text = ""

    def write(self, piece: str) -> CharSpan:
        """Append a piece, not empty, and return where it stands.

        Raises:
            SpanError: The piece is empty.
        """
        start = len(self.text)
        self.text += piece
        return CharSpan(start, len(self.text))
