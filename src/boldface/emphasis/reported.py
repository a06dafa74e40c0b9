"""Placing tokens by the offsets that a tokenizer reports, as far as text and pieces bear them out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from unicodedata import category

from boldface.emphasis.pieces import Piece, show
from boldface.emphasis.placed import Mismatch, PlacedToken


def place_by_report(
    text: str,
    pieces: Sequence[Piece],
    spelled: Sequence[bytes | None],
    reported: Sequence[tuple[int, int]],
    normalize: Callable[[str], str],
) -> list[PlacedToken]:
    """Take reported offsets; raise Mismatch where they do not fit pieces and text.

    Args:
        text: The text that was tokenized.
        pieces: Its tokens.
        spelled: What each piece says.
        reported: Characters ``[start, end)`` that the tokenizer names for each token.
        normalize: What the tokenizer does to text before it cuts it.
    """
    if len(reported) != len(pieces):
        raise Mismatch(0)
    placed: list[PlacedToken] = []
    group: list[int] = []
    group_start = group_end = 0

    def reach(upto: int, said: str | None) -> None:
        """Let the group take in what follows: a composed character is reported as its first half (e of e + accent)."""
        whole = text[group_start:upto].rstrip()
        marks = not _letters(whole[group_end - group_start :])
        if not group or not whole or not (marks if said is None else said == _ink(normalize(whole))):
            raise Mismatch(group_start)
        end = group_start + len(whole)
        for index in group:
            if placed[index].end == group_end:
                placed[index] = replace(placed[index], end=end, piece=text[placed[index].start : end])

    def close(upto: int) -> None:
        """Check the group of tokens that share characters, and that nothing is lost between it and ``upto``."""
        said = _ink(b"".join(spelled[index] or b"" for index in group).decode(errors="replace"))
        unknown = any(pieces[index].unknown for index in group)
        if upto < group_end or not (unknown or said == _ink(normalize(text[group_start:group_end]))):
            reach(upto, said)
        elif _ink(normalize(text[group_end:upto])):
            reach(upto, None if unknown else said)

    for index, (piece, (start, end)) in enumerate(zip(pieces, reported, strict=True)):
        if not 0 <= start <= end <= len(text):
            raise Mismatch(group_end)
        if piece.special and text[start:end].strip() != piece.entry:
            placed.append(PlacedToken(group_end, group_end, show(spelled[index] or b""), True))
            continue
        if end < group_end or _letters(text[start:group_end]) > 1 or (piece.unknown and start == end):
            raise Mismatch(group_end)
        if start >= group_end:
            close(start)
            group, group_start = [], start
        group.append(index)
        group_end = end
        # A space that the tokenizer added is reported as the character after it; it stands for none.
        added_space = not _ink(show(spelled[index] or b"")) and bool(text[start:end].strip())
        if added_space:
            placed.append(PlacedToken(start, start, show(spelled[index] or b""), piece.special))
        else:
            placed.append(PlacedToken(start, end, text[start:end], piece.special))
    close(len(text))
    return placed


def _letters(text: str) -> int:
    """Count letters, accents not counted: tokens may share one, never more."""
    return sum(not category(letter).startswith("M") for letter in text)


def _ink(text: str) -> str:
    return "".join(text.replace("▁", " ").split())
