"""Trust: a chat whose parts say where their text comes from, as a policy lets it emphasise.

A message's role says where its text comes from. A message or a part of it may say that it is trusted less::

    {"role": "user", "content": [{"type": "text", "text": "Sum it up: "},
                                 {"type": "text", "text": page, "source": "retrieved"}]}

Markup is read in the text of sources that may emphasise, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from boldface.emphasis.content import PlainMessage, read_message
from boldface.emphasis.judging import Piece, Protected, Refused, Sourced, judge
from boldface.emphasis.policy import DEFAULT_POLICY, SOURCES, Policy, Source, narrowed, source_of
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.errors import ChatError, EmphasisError

__all__ = [
    "DEFAULT_POLICY",
    "SOURCES",
    "Governed",
    "Policy",
    "Protected",
    "Refused",
    "Source",
    "govern",
    "sourced",
]

Markup = Callable[[str], EmphasisedText]
"""Reads markup; for example :func:`boldface.emphasis.markup.parse`."""


@dataclass(frozen=True, slots=True)
class Governed:
    """A chat as the policy lets it emphasise.

    Attributes:
        messages: The messages as :func:`boldface.emphasis.chat.render_chat` takes them: text, and spans in nats.
        refused: Emphasis that was asked for and is not there.
        protected: Emphasis that is there because lesser text is emphasised.
        wished: How many spans of some strength the messages and their markup name, refused ones included.
    """

    messages: tuple[dict[str, Any], ...]
    refused: tuple[Refused, ...]
    protected: tuple[Protected, ...]
    wished: int

    @property
    def roles(self) -> tuple[Any, ...]:
        """Roles of the messages that are emphasised: what ``render_chat`` is to allow."""
        return tuple(message.get("role") for message in self.messages if "spans" in message)


def govern(
    messages: Sequence[Mapping[str, Any]],
    policy: Policy = DEFAULT_POLICY,
    *,
    default: float = DEFAULT_STRENGTH,
    spans: Sequence[Mapping[str, Any]] = (),
    markup: Markup | None = None,
) -> Governed:
    """Read a chat and let a policy decide over its emphasis.

    Args:
        messages: OpenAI-style messages with emphasis, see :mod:`boldface.emphasis.content`; messages and parts may
            have a ``source``.
        policy: Which sources may emphasise.
        default: Nats of emphasis that names no strength.
        spans: More spans, each like those of a message, with the index of its ``message``.
        markup: Reads markup in the text of sources that may emphasise; None leaves all text as it is. Offsets count in
            the text without markup.

    Raises:
        ChatError: Something is no message, span or source, or claims more trust than its role has.
        MarkupError: Markup that cannot be read, where it is.
        SpanError: A span out of range, absent, or contradicting another.
        StrengthError: A strength out of its range.
    """
    read = _read_all(messages, policy, spans, markup)
    judged = judge([each.sourced for each in read], policy, default=default)
    unread = [
        Refused(index, piece.start, piece.end, each.plain.text[piece.start : piece.end], piece.source, _UNREAD)
        for index, each in enumerate(read)
        for piece in each.unread
    ]
    return Governed(
        tuple(_message(each.plain, text) for each, text in zip(read, judged.texts, strict=True)),
        tuple(sorted((*judged.refused, *unread), key=lambda one: (one.message, one.start, one.end))),
        judged.protected,
        sum(span.strength != 0 for each in read for span in each.plain.spans),
    )


def sourced(
    messages: Sequence[Mapping[str, Any]], policy: Policy = DEFAULT_POLICY, *, markup: Markup | None = None
) -> list[Sourced]:
    """Return the text of every message, the emphasis that is wished for in it, and where its characters come from.

    Args:
        messages: As :func:`govern` takes them.
        policy: Which sources may emphasise.
        markup: As in :func:`govern`; the texts are without it.

    Raises:
        EmphasisError: As :func:`govern`.
    """
    return [each.sourced for each in _read_all(messages, policy, (), markup)]


def _read_all(
    messages: Sequence[Mapping[str, Any]],
    policy: Policy,
    spans: Sequence[Mapping[str, Any]],
    markup: Markup | None,
) -> list[_Read]:
    if isinstance(messages, (str, Mapping)) or not isinstance(messages, Sequence) or not messages:
        raise ChatError("The chat is no list of messages, or an empty one.", "Give at least one message.")
    return [
        _read(message, f"messages[{index}]", policy, more, markup)
        for index, (message, more) in enumerate(zip(messages, _by_message(spans, len(messages)), strict=True))
    ]


_UNREAD = "markup is not read in text that may not emphasise"


@dataclass(frozen=True, slots=True)
class _Read:
    """A message, where its text comes from, and the pieces with markup that was not read."""

    plain: PlainMessage
    pieces: tuple[Piece, ...]
    unread: tuple[Piece, ...]

    @property
    def sourced(self) -> Sourced:
        return Sourced(EmphasisedText(self.plain.text, self.plain.spans), self.pieces)


class _Part(NamedTuple):
    """A part of a message as :func:`~boldface.emphasis.content.read_message` takes it, what its markup said, and more.

    Attributes:
        content: The part, or the message's content where that has no parts.
        text: Its text; empty where it has none, which is refused later.
        source: Where it comes from.
        spans: What markup emphasised in it.
        unread: Whether it holds markup that was left as text.
    """

    content: Any
    text: str
    source: Source
    spans: tuple[CharSpan, ...]
    unread: bool


def _read(
    message: Mapping[str, Any], where: str, policy: Policy, more: Sequence[Mapping[str, Any]], markup: Markup | None
) -> _Read:
    """Split a message into its text, its emphasis and its sources."""
    if not isinstance(message, Mapping):
        raise ChatError(f"{where} is {type(message).__name__}, not a message.", "Give mappings with role and content.")
    role: Any = message.get("role")
    content: Any = message.get("content")
    own: Any = message.get("spans")
    source = narrowed(source_of(role), message.get("source"), where)
    is_list = isinstance(content, Sequence) and not isinstance(content, str)
    parts = [
        _read_part(part, f"{where}.content[{index}]" if is_list else where, source, policy, markup)
        for index, part in enumerate(content if is_list else [content])
    ]
    pieces: list[Piece] = []
    unread: list[Piece] = []
    marked: list[dict[str, Any]] = []
    end = 0
    for part in parts:
        start, end = end, end + len(part.text)
        piece = Piece(start, end, part.source)
        marked += [_span(span, start) for span in part.spans]
        unread += [piece] if part.unread else []
        if pieces and pieces[-1].source == part.source:
            pieces[-1] = replace(pieces[-1], end=end)
        elif part.text:
            pieces.append(piece)
    clean = {key: value for key, value in message.items() if key != "source"}
    if "content" in message:
        clean["content"] = [part.content for part in parts] if is_list else parts[0].content
    if own is None or (isinstance(own, Sequence) and not isinstance(own, str)):
        clean["spans"] = [*(own or ()), *marked, *more]
    return _Read(read_message(clean, where, (role,)), tuple(pieces), tuple(unread))


def _read_part(part: Any, where: str, source: Source, policy: Policy, markup: Markup | None) -> _Part:
    """Read what a part says of its source, and its markup where that source may emphasise."""
    is_mapping = isinstance(part, Mapping)
    text = part.get("text") if is_mapping else part
    if is_mapping and "source" in part:
        source = narrowed(source, part["source"], where)
        part = {key: value for key, value in part.items() if key != "source"}
    if not isinstance(text, str):
        return _Part(part, "", source, (), False)
    may = policy.limit(source) > 0
    found = None if markup is None else _marked(text, where, markup, may=may)
    if found is None or not may:
        return _Part(part, text, source, (), found is not None and bool(found.spans))
    return _Part({**part, "text": found.text} if is_mapping else found.text, found.text, source, found.spans, False)


def _marked(text: str, where: str, markup: Markup, *, may: bool) -> EmphasisedText | None:
    """Read markup; None where it cannot be read in text that may not emphasise, so that it is no markup.

    Raises:
        EmphasisError: It cannot be read, and its source may emphasise.
    """
    try:
        return markup(text)
    except EmphasisError as error:
        if not may:
            return None
        raise type(error)(f"{where}: {error.message}", error.hint) from None


def _by_message(spans: Sequence[Mapping[str, Any]], count: int) -> list[list[Mapping[str, Any]]]:
    found: list[list[Mapping[str, Any]]] = [[] for _ in range(count)]
    for index, span in enumerate(spans):
        at = span.get("message") if isinstance(span, Mapping) else None
        if isinstance(at, bool) or not isinstance(at, int) or not 0 <= at < count:
            raise ChatError(
                f"spans[{index}] names no message of the chat: {at!r}.", f"Give message, from 0 to {count - 1}."
            )
        found[at].append({key: value for key, value in span.items() if key != "message"})
    return found


def _span(span: CharSpan, offset: int) -> dict[str, Any]:
    strength = {} if span.strength is None else {"strength": span.strength}
    return {"start": offset + span.start, "end": offset + span.end, **strength}


def _message(plain: PlainMessage, text: EmphasisedText) -> dict[str, Any]:
    spans = [_span(span, 0) for span in text.spans]
    return {**plain.fields, "spans": spans} if spans else dict(plain.fields)
