"""From tokens to text, piece by piece: no broken character and no part of a stop text is ever told."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

from boldface.emphasis.pieces import SPELLINGS, read_pieces
from boldface.engine.batching.pieces import TokenScore

_SAMPLE = "How are you? Grüße aus 東京."
_BROKEN = "�"


class Words:
    """Turns the tokens of one answer into text as they come.

    Args:
        tokenizer: The model's tokenizer.
        stop: Texts that end the answer.
    """

    def __init__(self, tokenizer: Any, stop: Sequence[str] = ()) -> None:
        self._tokenizer, self._stop = tokenizer, stop
        self._ids: list[int] = []
        self._before = self._done = 0
        self._held = ""
        self._told = 0
        self._scores: deque[tuple[int, TokenScore]] = deque()
        self.is_stopped = False

    def take(self, token: int, score: TokenScore | None = None, *, may_stop: bool = True) -> str:
        """Take the next token and return the text that can be told now, often none.

        Once a stop text has come, ``is_stopped`` is true and the text ends before it.
        """
        self._ids.append(token)
        if score is not None:
            self._scores.append((self._told + len(self._held), score))
        self._held += self._new(whole=False)
        if may_stop:
            self._cut()
        held = 0 if self.is_stopped or not may_stop else self._beginning()
        return self._tell(len(self._held) - held)

    def rest(self, *, may_stop: bool = True) -> str:
        """Return what was held back; there are no more tokens."""
        self._held += self._new(whole=True)
        if may_stop:
            self._cut()
        return self._tell(len(self._held))

    def scores(self, *, last: bool = False) -> tuple[TokenScore, ...]:
        """Return the scores of the tokens whose text has begun to be told; at the end, of those without text too."""
        ready = []
        while self._scores and (self._scores[0][0] < self._told or (last and not self.is_stopped)):
            ready.append(self._scores.popleft()[1])
        return tuple(ready)

    def _new(self, *, whole: bool) -> str:
        """Return what the last tokens add to the text, decoded with the tokens before them."""
        known, shown = self._text(self._before, self._done), self._text(self._before, len(self._ids))
        if len(shown) <= len(known) or (shown.endswith(_BROKEN) and not whole):
            return ""
        self._before, self._done = self._done, len(self._ids)
        return shown[len(known) :]

    def _text(self, start: int, end: int) -> str:
        return str(self._tokenizer.decode(self._ids[start:end], skip_special_tokens=True))

    def _cut(self) -> None:
        """End the text before the first stop text in it."""
        places = [place for stop in self._stop if (place := self._held.find(stop)) >= 0]
        if places:
            self._held, self.is_stopped = self._held[: min(places)], True

    def _beginning(self) -> int:
        """Return how many of the last characters may be the beginning of a stop text."""
        longest = max(map(len, self._stop), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(stop.startswith(self._held[-length:]) for stop in self._stop):
                return length
        return 0

    def _tell(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        self._told += length
        return text


class Bytes:
    """The bytes that tokens stand for.

    Args:
        tokenizer: The model's tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._known: dict[int, bytes] = {}
        self._spelling = next((spell for spell in SPELLINGS.values() if self._is_right(spell)), None)

    def of(self, token: int) -> bytes:
        """Return the bytes of a token; none for control tokens."""
        if token not in self._known:
            self._known[token] = self._read(token)
        return self._known[token]

    def _read(self, token: int) -> bytes:
        piece = read_pieces(self._tokenizer, [token])[0]
        if piece.special:
            return b""
        if isinstance(piece.entry, bytes):
            return piece.entry
        spelled = self._spelling(piece.entry) if self._spelling is not None and not piece.added else None
        return str(self._tokenizer.decode([token])).encode() if spelled is None else spelled

    def _is_right(self, spelling: Any) -> bool:
        ids = self._tokenizer(_SAMPLE, add_special_tokens=False, verbose=False)["input_ids"]
        entries = [piece.entry for piece in read_pieces(self._tokenizer, ids)]
        spelled = [spelling(entry) if isinstance(entry, str) else entry for entry in entries]
        return None not in spelled and b"".join(spelled).strip() == _SAMPLE.encode()
