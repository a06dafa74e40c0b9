"""Placing tokens by walking through the text piece by piece: a proof, or a mismatch."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate, groupby

from boldface.emphasis.pieces import Piece, show
from boldface.emphasis.placed import Mismatch, PlacedToken


def runs(pieces: Sequence[Piece]) -> list[tuple[int, int]]:
    """Ranges of consecutive tokens that are not added ones."""
    grouped = groupby(range(len(pieces)), key=lambda index: pieces[index].added)
    return [(run[0], run[-1] + 1) for added, group in grouped if not added for run in [list(group)]]


def place_by_pieces(text: str, pieces: Sequence[Piece], spelled: Sequence[bytes | None]) -> list[PlacedToken]:
    """Walk through the text; raise Mismatch unless the pieces spell all of it."""
    data = text.encode()
    starts = list(accumulate((len(letter.encode()) for letter in text), initial=0))

    def letter_at(byte: int) -> int:
        return bisect_right(starts, byte) - 1

    bounds: list[tuple[int, int]] = []
    run_ends = dict(runs(pieces))
    position = token = 0
    while token < len(pieces):
        piece = pieces[token]
        if not piece.added:
            end = run_ends[token]
            position = _place_run(data, position, pieces[end:], spelled[token:end], bounds, letter_at)
            token = end
            continue
        content = spelled[token] or b""
        ahead = _skip_space(data, position) if piece.lstrip else position
        written = content if data.startswith(content, ahead) else content.replace("▁".encode(), b" ")
        if data.startswith(written, ahead):
            bounds.append((ahead, ahead + len(written)))
            position = ahead + len(written)
            position = _skip_space(data, position) if piece.rstrip else position
        elif piece.special:
            bounds.append((position, position))
        else:
            raise Mismatch(letter_at(position))
        token += 1
    if position != len(data):
        raise Mismatch(letter_at(position))
    placed = []
    for (start, end), piece, said in zip(bounds, pieces, spelled, strict=True):
        first = letter_at(start)
        last = letter_at(end - 1) + 1 if end > start else first
        whole = starts[first] == start and starts[last] == end and start < end
        placed.append(
            PlacedToken(first, last, text[first:last] if whole or said is None else show(said), piece.special)
        )
    return placed


def _place_run(
    data: bytes,
    position: int,
    following: Sequence[Piece],
    spelled: Sequence[bytes | None],
    bounds: list[tuple[int, int]],
    letter_at: Callable[[int], int],
) -> int:
    """Place tokens between two added ones; their first space may be one that the tokenizer added."""
    whole = b"".join(one for one in spelled if one is not None)
    extra = 0
    if not _fits(data, position, whole, following):
        extra = int(whole.startswith(b" ") and _fits(data, position, whole[1:], following))
        if not extra:
            same = next((n for n, (a, b) in enumerate(zip(whole, data[position:], strict=False)) if a != b), len(whole))
            raise Mismatch(letter_at(min(position + same, len(data))))
    start = end = position - extra
    waiting = 0
    for one in spelled:
        waiting += 1
        if one is None:
            continue
        end = start + len(one)
        bounds += [(max(start, position), max(end, position))] * waiting
        start, waiting = end, 0
    return end


def _fits(data: bytes, position: int, whole: bytes, following: Sequence[Piece]) -> bool:
    """Tell whether ``whole`` stands at ``position`` and what follows it is the end or an added token."""
    end = position + len(whole)
    if not data.startswith(whole, position):
        return False
    if end == len(data):
        return True
    for piece in following:
        if not piece.added:
            break
        content = piece.entry if isinstance(piece.entry, bytes) else piece.entry.encode()
        ahead = _skip_space(data, end) if piece.lstrip else end
        if data.startswith((content, content.replace("▁".encode(), b" ")), ahead):
            return True
    return False


def _skip_space(data: bytes, position: int) -> int:
    rest = data[position:].decode(errors="ignore")
    return position + len(rest[: len(rest) - len(rest.lstrip())].encode())
