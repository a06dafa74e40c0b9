"""Messages with emphasis, in OpenAI's shape → plain messages and the spans of each.

Emphasis is said in three places, the nearer to the words the stronger its word::

    {"role": "user", "content": "…", "emphasis": true}                          the whole message
    {"role": "user", "content": [{"type": "text", "text": "…", "emphasis": {"x": 10}}]}   a part
    {"role": "user", "content": "…", "spans": [{"start": 0, "end": 4}]}         characters of it
    {"role": "user", "content": "…", "spans": [{"substring": "JSON", "occurrence": "all", "x": 3}]}

``true`` is the default strength, ``false`` none; ``{"x": …}`` or ``{"factor": …}``, ``{"strength": …}`` (nats) and
``{"alpha": …}`` are absolute. Parts are joined with nothing between them, and offsets count in the joined text.
Markup in the text is never read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from boldface.emphasis.locate import locate
from boldface.emphasis.span import CharSpan
from boldface.emphasis.strength import resolve_strength
from boldface.errors import ChatError, EmphasisError, SpanError, StrengthError

ALLOWED_ROLES = ("system", "developer", "user", "assistant")
"""Roles whose text may be emphasised; what tools and functions answer may not steer the model."""

_OWN_KEYS = ("emphasis", "spans")
_STRENGTH_KEYS = frozenset({"x", "factor", "strength", "alpha"})


@dataclass(frozen=True, slots=True)
class PlainMessage:
    """A message as a chat template wants it, and what is emphasised in its content.

    Attributes:
        fields: The message's keys without ``emphasis`` and ``spans``; ``content`` is a string (or None, as given).
        spans: Emphasised characters of the content.
    """

    fields: dict[str, Any]
    spans: tuple[CharSpan, ...]

    @property
    def text(self) -> str:
        """The content as a string; empty when there is none."""
        return self.fields.get("content") or ""


def read_message(
    message: Mapping[str, Any], where: str, allowed_roles: Collection[str] = ALLOWED_ROLES
) -> PlainMessage:
    """Split one message into what the template sees and what is emphasised.

    Args:
        message: OpenAI-style message.
        where: Its name in errors, such as ``messages[2]``.
        allowed_roles: Roles whose text may be emphasised.

    Raises:
        ChatError: Not a message, a part that is no text, unknown keys, emphasis in another role or on no text.
        SpanError: A span out of range, or a substring that is absent.
        StrengthError: A strength that is no number or out of its range.
    """
    if not isinstance(message, Mapping):
        raise ChatError(f"{where} is {type(message).__name__}, not a message.", "Give mappings with role and content.")
    _refuse_misspelt(message, where)
    whole = _read_emphasis(message.get("emphasis"), where)
    text, spans = _read_content(message.get("content"), whole, where)
    own = _read_spans(message.get("spans"), text, where)
    spans = [*_carve(spans, own), *own]
    role = message.get("role")
    if spans and role not in allowed_roles:
        raise ChatError(
            f"{where}: text of the role {role!r} may not be emphasised.",
            f"Emphasise in one of: {', '.join(sorted(allowed_roles))}.",
        )
    if whole is not None and not text:
        raise ChatError(f"{where} emphasises a message without text.", "Remove its emphasis or give it text.")
    fields = {key: value for key, value in message.items() if key not in _OWN_KEYS}
    if fields.get("content") is not None:
        fields["content"] = text
    return PlainMessage(fields, tuple(spans))


def without_emphasis(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message that says nothing about emphasis, neither as a whole nor in its parts."""
    kept = {key: value for key, value in message.items() if key not in _OWN_KEYS}
    if isinstance(kept.get("content"), list):
        kept["content"] = [
            {key: value for key, value in part.items() if key != "emphasis"} if isinstance(part, Mapping) else part
            for part in kept["content"]
        ]
    return kept


def _read_content(content: Any, whole: _Emphasis | None, where: str) -> tuple[str, list[CharSpan]]:
    """Join the parts; a part that says nothing about emphasis takes the message's."""
    if content is None or isinstance(content, str):
        text = content or ""
        return text, [CharSpan(0, len(text), whole.nats)] if whole is not None and text else []
    if not isinstance(content, Sequence):
        raise ChatError(f"{where}.content is {type(content).__name__}.", "Give a string or a list of text parts.")
    text = ""
    spans: list[CharSpan] = []
    inherits = False
    for index, part in enumerate(content):
        here = f"{where}.content[{index}]"
        piece = _read_part(part, here)
        said = part.get("emphasis") if isinstance(part, Mapping) else None
        emphasis = whole if said is None else _read_emphasis(said, here)
        if said not in (None, False) and not piece:
            raise ChatError(f"{here} emphasises an empty text.", "Remove its emphasis or give it text.")
        start, text = len(text), text + piece
        if emphasis is not None and piece:
            if said is None and inherits and spans[-1].end == start:
                spans[-1] = replace(spans[-1], end=len(text))
            else:
                spans.append(CharSpan(start, len(text), emphasis.nats))
            inherits = said is None
    return text, spans


def _read_part(part: Any, where: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping) or part.get("type") != "text" or not isinstance(part.get("text"), str):
        kind = part.get("type") if isinstance(part, Mapping) else type(part).__name__
        raise ChatError(f"{where} is no text part ({kind!r}).", 'Only {"type": "text", "text": "…"} can be read.')
    _refuse_unknown(part, {"type", "text", "emphasis"}, where)
    return str(part["text"])


def _read_spans(spans: Any, text: str, where: str) -> list[CharSpan]:
    if spans is None:
        return []
    if isinstance(spans, (str, Mapping)) or not isinstance(spans, Sequence):
        raise ChatError(f"{where}.spans is {type(spans).__name__}, not a list.", 'Give [{"start": 0, "end": 4}].')
    found: list[CharSpan] = []
    for index, span in enumerate(spans):
        here = f"{where}.spans[{index}]"
        if not isinstance(span, Mapping) or ("substring" in span) == ("start" in span or "end" in span):
            raise ChatError(f"{here} is no span.", 'Give {"start": 0, "end": 4} or {"substring": "JSON"}.')
        place = {"substring", "occurrence"} if "substring" in span else {"start", "end"}
        _refuse_unknown(span, place | _STRENGTH_KEYS, here)
        nats = _read_strength({key: span[key] for key in span if key in _STRENGTH_KEYS}, here)
        try:
            if "substring" in span:
                if not isinstance(span["substring"], str):
                    raise ChatError(f"substring is {span['substring']!r}.", "Give the words to emphasise as a string.")
                found += locate(text, span["substring"], span.get("occurrence", "first"), nats)
                continue
            one = CharSpan(span.get("start"), span.get("end"), nats)  # type: ignore[arg-type]  # CharSpan checks
        except EmphasisError as error:
            raise type(error)(f"{here}: {error.message}", error.hint) from None
        if one.end > len(text):
            raise SpanError(
                f"{here}: [{one.start}, {one.end}) ends beyond the content of {len(text)} characters.",
                "Offsets are half-open and count in the message's content, its parts joined.",
            )
        found.append(one)
    return found


@dataclass(frozen=True, slots=True)
class _Emphasis:
    nats: float | None


def _read_emphasis(value: Any, where: str) -> _Emphasis | None:
    if value is None or value is False:
        return None
    if value is True:
        return _Emphasis(None)
    if not isinstance(value, Mapping) or not value:
        raise ChatError(f"{where}.emphasis is {value!r}.", 'Write true, or for example {"x": 10}.')
    _refuse_unknown(value, _STRENGTH_KEYS, f"{where}.emphasis")
    return _Emphasis(_read_strength(value, f"{where}.emphasis"))


def _read_strength(spelled: Mapping[str, Any], where: str) -> float | None:
    for key, value in spelled.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise StrengthError(f"{where}: {key} is {value!r}, not a number.", 'Write for example {"x": 10}.')
    if {"x", "factor"} <= spelled.keys():
        raise StrengthError(f"{where}: x and factor say the same thing twice.", "Give only one of them.")
    given = {"factor" if key == "x" else key: value for key, value in spelled.items()}
    try:
        return resolve_strength(**given)
    except StrengthError as error:
        raise StrengthError(f"{where}: {error.message}", error.hint) from None


def _refuse_unknown(given: Mapping[str, Any], known: Collection[str], where: str) -> None:
    """Refuse keys that would be ignored: a misspelled emphasis must not vanish silently."""
    unknown = sorted(str(key) for key in given if key not in known)
    if unknown:
        raise ChatError(f"{where} has an unknown key {unknown[0]!r}.", f"Known are: {', '.join(sorted(known))}.")


def _refuse_misspelt(message: Mapping[str, Any], where: str) -> None:
    """Refuse keys that were meant for emphasis; others are the template's, which may read any."""
    for key in message:
        if key in _STRENGTH_KEYS or (key not in _OWN_KEYS and get_close_matches(str(key).lower(), _OWN_KEYS, 1, 0.75)):
            raise ChatError(
                f"{where} has a key {key!r}, which says nothing about emphasis.",
                'Write "emphasis": true, "emphasis": {"x": 10} or "spans": [...].',
            )


def _carve(outer: Sequence[CharSpan], inner: Sequence[CharSpan]) -> list[CharSpan]:
    """Return what of ``outer`` no span of ``inner`` covers."""
    left = list(outer)
    for hole in inner:
        pieces: list[CharSpan] = []
        for span in left:
            if hole.end <= span.start or span.end <= hole.start:
                pieces.append(span)
                continue
            if span.start < hole.start:
                pieces.append(replace(span, end=hole.start))
            if hole.end < span.end:
                pieces.append(replace(span, start=hole.end))
        left = pieces
    return left
