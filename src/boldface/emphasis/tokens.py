"""Characters → tokens: tokenize a text once and tell which tokens its emphasis hits, and by how many nats.

The ids are always those of the plain text. White space at a token's edges belongs to the tokenizer, not to the word:
``" world"`` counts as ``world``, so that marking a word hits that word's token, whatever the vocabulary glued to it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby, pairwise
from typing import Any, Literal, NamedTuple, get_args

from boldface.emphasis.offsets import align
from boldface.emphasis.placed import PlacedToken
from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan, flatten, strongest
from boldface.errors import AlignmentError

Overlap = Literal["any", "inside", "error"]
"""What to do with a token that straddles a span's edge: hit it, leave it out, or refuse."""


class TokenReport(NamedTuple):
    r"""One token for people.

    Attributes:
        piece: What it says; part of a character as ``\xf0``.
        nats: Its strength, 0 when it is not emphasised.
        special: A control token, never emphasised.
    """

    piece: str
    nats: float
    special: bool


@dataclass(frozen=True, slots=True)
class EncodedPrompt:
    """A tokenized prompt and its emphasis: one row, not padded, never truncated.

    Attributes:
        text: The prompt without markup.
        ids: Tokens of the whole text, as the tokenizer alone would give them.
        offsets: Characters ``[start, end)`` of each token, white space at its edges left out (unless it is nothing
            else); empty ranges for tokens that the text does not hold. Empty when nothing is emphasised and the
            tokenizer cannot be aligned.
        spans: Emphasised tokens, disjoint and sorted; neighbours of equal strength are one span.
        widened: Characters that got a strength nobody asked for, because their token straddles a span's edge.
        pieces: What each token says, for people.
        special: Whether each token is a control token.
        skipped: Control tokens that stand inside emphasised text and are left out.
    """

    text: str
    ids: tuple[int, ...]
    offsets: tuple[tuple[int, int], ...]
    spans: tuple[TokenSpan, ...]
    widened: tuple[CharSpan, ...]
    pieces: tuple[str, ...]
    special: tuple[bool, ...]
    skipped: tuple[int, ...] = ()

    @property
    def nats(self) -> tuple[float, ...]:
        """Strength of every token, 0 where it is not emphasised."""
        nats = [0.0] * len(self.ids)
        for span in self.spans:
            nats[span.start : span.end] = [span.strength] * (span.end - span.start)
        return tuple(nats)

    def preview(self) -> list[tuple[str, float]]:
        """Return (piece, nats) for every token: exactly what is hit, and how hard."""
        return list(zip(self.pieces, self.nats, strict=True))

    def report(self) -> list[TokenReport]:
        """Return the preview with control tokens told apart."""
        return [TokenReport(*token) for token in zip(self.pieces, self.nats, self.special, strict=True)]


def encode(
    tokenizer: Any,
    emphasised: EmphasisedText,
    *,
    default: float,
    overlap: Overlap = "any",
    add_special_tokens: bool = True,
) -> EncodedPrompt:
    """Tokenize a text once, as a whole, and map its emphasis to tokens.

    A token touched by two spans takes the strength of larger size. Control tokens are never hit, even inside a span.

    Args:
        tokenizer: A transformers tokenizer, fast or slow.
        emphasised: Text and spans.
        default: Nats for spans without a strength of their own.
        overlap: What to do with a token that straddles a span's edge.
        add_special_tokens: Let the tokenizer add BOS and the like (False for a rendered chat).

    Raises:
        AlignmentError: Tokens cannot be placed with certainty, a span hits none, or one straddles under "error".
        SpanError: Two spans pull one token by +s and -s.
        StrengthError: ``default`` is out of range.
    """
    if overlap not in get_args(Overlap):
        raise AlignmentError(f"Unknown overlap policy {overlap!r}.", f"Choose one of {', '.join(get_args(Overlap))}.")
    text = emphasised.text
    ids, reported = _tokenize(tokenizer, text, add_special_tokens)
    try:
        tokens = align(tokenizer, text, ids, reported)
    except AlignmentError:
        if emphasised.spans:
            raise
        pieces = tuple(map(str, tokenizer.convert_ids_to_tokens(list(ids))))
        return EncodedPrompt(text, ids, (), (), (), pieces, tuple(token in tokenizer.all_special_ids for token in ids))
    offsets = [_trim(text, token) for token in tokens]
    flat = flatten(emphasised.spans, default)
    nats, widened = _hit(tokens, offsets, flat, overlap)
    is_hit = _meeting(place for one, place in zip(nats, offsets, strict=True) if one is not None)
    is_asked = _meeting((span.start, span.end) for span in flat)
    for span in emphasised.spans:
        if not is_hit(span.start, span.end):
            raise AlignmentError(
                f"The emphasised {text[span.start : span.end]!r} at [{span.start}, {span.end}) hits no token.",
                "It is white space or a control token, or (with overlap='inside') only part of a token: mark more.",
            )
    return EncodedPrompt(
        text=text,
        ids=ids,
        offsets=tuple(offsets),
        spans=_token_spans(nats),
        widened=widened,
        pieces=tuple(token.piece for token in tokens),
        special=tuple(token.special for token in tokens),
        skipped=tuple(
            index
            for index, (token, place) in enumerate(zip(tokens, offsets, strict=True))
            if token.special and is_asked(*place)
        ),
    )


def _tokenize(tokenizer: Any, text: str, special: bool) -> tuple[tuple[int, ...], Sequence[tuple[int, int]] | None]:
    """Return ids and, from fast tokenizers, the offsets they report."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise AlignmentError(
            f"Character {error.start} of the text is half of a surrogate pair and cannot be tokenized.",
            "Decode the text properly before (JSON: a \\ud83d without its partner).",
        ) from None
    fast = bool(getattr(tokenizer, "is_fast", False))
    encoding = tokenizer(
        text,
        add_special_tokens=special,
        padding=False,
        truncation=False,
        verbose=False,
        **({"return_offsets_mapping": True} if fast else {}),
    )
    reported = encoding.get("offset_mapping") if fast else None
    return tuple(encoding["input_ids"]), None if reported is None else [tuple(pair) for pair in reported]


def _trim(text: str, token: PlacedToken) -> tuple[int, int]:
    piece = text[token.start : token.end]
    if not piece.strip():
        return token.start, token.end
    start = token.start + len(piece) - len(piece.lstrip())
    return start, start + len(piece.strip())


def _meet(place: tuple[int, int], span: CharSpan) -> bool:
    return place[0] < place[1] and place[0] < span.end and span.start < place[1]


def _meeting(ranges: Iterable[tuple[int, int]]) -> Callable[[int, int], bool]:
    """Return what tells, by bisection, whether ``[start, end)`` shares a character with any of ``ranges``."""
    ordered = sorted(one for one in ranges if one[0] < one[1])
    starts = [start for start, _ in ordered]
    furthest = list(accumulate((end for _, end in ordered), max, initial=0))

    def meets(start: int, end: int) -> bool:
        return start < end and furthest[bisect_left(starts, end)] > start

    return meets


def _hit(
    tokens: Sequence[PlacedToken], offsets: Sequence[tuple[int, int]], flat: Sequence[CharSpan], overlap: Overlap
) -> tuple[list[float | None], tuple[CharSpan, ...]]:
    """Return every token's nats (None: not hit) and the characters hit beyond what was asked."""
    nats: list[float | None] = []
    widened: list[CharSpan] = []
    first = 0
    for index, (token, place) in enumerate(zip(tokens, offsets, strict=True)):
        # Tokens come in order of their starts, so spans that end before this one are done with.
        while first < len(flat) and flat[first].end <= place[0]:
            first += 1
        touching = []
        for at in range(first, len(flat)):
            span = flat[at]
            if span.start >= place[1]:
                break
            if _meet(place, span) and not token.special:
                touching.append(span)
        inside = any(span.start <= place[0] and place[1] <= span.end for span in touching)
        if touching and not inside and overlap == "error":
            raise AlignmentError(
                f"Token {index} ({token.piece!r}) straddles the edge of the span "
                f"[{touching[0].start}, {touching[0].end}).",
                "Move the edge to a token's edge, or choose overlap 'any' or 'inside'.",
            )
        if not touching or (overlap == "inside" and not inside):
            nats.append(None)
            continue
        strength = strongest([span.strength or 0.0 for span in touching], f"token {index} ({token.piece!r})")
        nats.append(strength)
        asked = [(span.start, span.end) for span in touching if span.strength == strength]
        for (_, start), (end, _) in pairwise([(0, place[0]), *asked, (place[1], 0)]):
            if start < end and strength:
                widened.append(CharSpan(start, end, strength))
    # Tokens may share a character (its bytes), so each strength is merged alone: +s and -s are no contradiction here.
    by_strength: defaultdict[float | None, list[CharSpan]] = defaultdict(list)
    for span in widened:
        by_strength[span.strength].append(span)
    merged = [span for spans in by_strength.values() for span in flatten(spans, 0.0)]
    return nats, tuple(sorted(merged, key=lambda span: (span.start, span.end)))


def _token_spans(nats: Sequence[float | None]) -> tuple[TokenSpan, ...]:
    spans: list[TokenSpan] = []
    start = 0
    for strength, run in groupby(nats):
        length = len(list(run))
        if strength is not None:
            spans.append(TokenSpan(start, start + length, strength))
        start += length
    return tuple(spans)
