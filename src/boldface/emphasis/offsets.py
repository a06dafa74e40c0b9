"""Offsets: which characters of the text each token stands for, proven or refused.

Tokenizers report offsets, and the reports have been wrong (zero width after a space in Llama 3, one off after
SentencePiece's added space). Hence:

1. *By pieces.* Put end to end, the vocabulary entries of the ids must spell the text, byte for byte. If they do, that
   is the alignment, whatever the tokenizer reports, and there is only one. Control characters for which the
   vocabulary has no token (SmolLM2 drops some) are left out of the text.
2. *By report.* Where a normalizer changed the text (lower case, NFKC) or spaces have no token (WordPiece), the
   reported offsets are taken if they never run backwards, leave nothing out, and every token's characters,
   normalized, are what its piece spells.
3. Otherwise: AlignmentError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from unicodedata import category

from boldface.emphasis.pieces import SPELLINGS, Piece, Spelling, decode_pieces, read_pieces
from boldface.emphasis.placed import Mismatch, PlacedToken
from boldface.emphasis.reported import place_by_report
from boldface.emphasis.walk import place_by_pieces, runs
from boldface.errors import AlignmentError


def align(
    tokenizer: Any, text: str, ids: Sequence[int], reported: Sequence[tuple[int, int]] | None
) -> list[PlacedToken]:
    """Return the place of every token of ``ids`` in ``text``.

    Args:
        tokenizer: A transformers tokenizer, fast or slow.
        text: The text that was tokenized.
        ids: All its tokens, special ones included, without padding.
        reported: Offsets as a fast tokenizer reports them, or None.

    Raises:
        AlignmentError: When neither pieces nor reported offsets prove where each token stands.
    """
    pieces = read_pieces(tokenizer, ids)
    furthest = 0
    for places in _attempts(tokenizer, text):
        kept = "".join(text[place] for place in places)
        for name in (*SPELLINGS, "decoded"):
            try:
                spelled = _decode(tokenizer, ids, pieces) if name == "decoded" else _spell(pieces, SPELLINGS[name])
                placed = place_by_pieces(kept.replace("▁", " ") if name == "SentencePiece" else kept, pieces, spelled)
                return placed if len(kept) == len(text) else _restore(placed, [*places, len(text)])
            except Mismatch as mismatch:
                furthest = max(furthest, mismatch.where)
    if reported is not None:
        for spelling in SPELLINGS.values():
            try:
                return place_by_report(text, pieces, _spell(pieces, spelling), reported, _normalizer(tokenizer))
            except Mismatch as mismatch:
                furthest = max(furthest, mismatch.where)
    around = text[max(0, furthest - 10) : furthest + 20]
    raise AlignmentError(
        f"The tokens do not spell the text: they part at character {furthest} (near {around!r}).",
        "The tokenizer cuts or rewrites text without saying where; use a fast tokenizer of this model, "
        "or write the prompt in the form it keeps (NFC, lower case, no control characters).",
    )


def _attempts(tokenizer: Any, text: str) -> Iterator[list[int]]:
    """Places of all characters; then, if it makes a difference, of those for which the tokenizer has tokens."""
    yield list(range(len(text)))
    controls = {letter for letter in text if category(letter).startswith("C")}
    dropped = {letter for letter in controls if not tokenizer(letter, add_special_tokens=False)["input_ids"]}
    if dropped:
        yield [place for place, letter in enumerate(text) if letter not in dropped]


def _restore(placed: Sequence[PlacedToken], places: Sequence[int]) -> list[PlacedToken]:
    """Return tokens placed in the kept characters to their places in the whole text."""
    starts = [places[token.start] for token in placed]
    ends = [places[token.end - 1] + 1 if token.end > token.start else places[token.start] for token in placed]
    return [replace(token, start=a, end=b) for token, a, b in zip(placed, starts, ends, strict=True)]


def _spell(pieces: Sequence[Piece], spelling: Spelling) -> list[bytes | None]:
    """Spell every piece; added ones as they are written."""
    spelled: list[bytes | None] = []
    for piece in pieces:
        if isinstance(piece.entry, bytes):
            spelled.append(piece.entry)
            continue
        one = piece.entry.encode() if piece.added or piece.unknown else spelling(piece.entry)
        if one is None:
            raise Mismatch(0)
        spelled.append(one)
    return spelled


def _decode(tokenizer: Any, ids: Sequence[int], pieces: Sequence[Piece]) -> list[bytes | None]:
    spelled = _spell(pieces, str.encode)
    for start, end in runs(pieces):
        spelled[start:end] = decode_pieces(tokenizer, ids[start:end])
    return spelled


def _normalizer(tokenizer: Any) -> Callable[[str], str]:
    normalizer = getattr(getattr(tokenizer, "backend_tokenizer", None), "normalizer", None)
    return (lambda text: text) if normalizer is None else normalizer.normalize_str
