"""Emphasis through a chat template: where, in the rendered prompt, do the emphasised characters of a message stand?

Searching for the text would be a guess: a template may hold the same words, trim, reorder, repeat, change or drop
text. So the template itself answers. It renders the messages once as they are, and once more with marks at the edges
of the emphasised characters; where the marks come out is where the characters are. A mark may itself change what a
template does (a length check, ``startswith``), so an answer counts only if

- without its marks the second rendering equals the first, character for character, and
- between the marks stands exactly the emphasised text.

Several kinds of marks are tried; when none gives an answer that counts, the emphasis is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, count, pairwise
from typing import Any

from boldface.emphasis.content import ALLOWED_ROLES, PlainMessage, read_message
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import ChatError

Template = Callable[[list[dict[str, Any]]], str]
"""Renders plain messages (string contents) to the whole prompt."""

_AT_ONCE = 3000
"""Regions in one rendering: more marks than the 6400 private characters below U+10000 are slow to find again."""


def render_chat(
    messages: Sequence[Mapping[str, Any]], template: Template, *, allowed_roles: Collection[str] = ALLOWED_ROLES
) -> EmphasisedText:
    """Render messages with ``template`` and carry their emphasis into the prompt.

    Text that the template repeats is emphasised in every copy. White space at the edges of emphasised text is left
    out where the template trims it.

    Args:
        messages: OpenAI-style messages; see :mod:`boldface.emphasis.content`.
        template: Called with fresh copies of the plain messages, several times when something is emphasised.
        allowed_roles: Roles whose text may be emphasised.

    Raises:
        ChatError: A message cannot be read, or the template does not carry its emphasis with certainty.
        SpanError: A span out of range, or a substring that is absent.
        StrengthError: A strength out of its range.
    """
    if isinstance(messages, (str, Mapping)) or not isinstance(messages, Sequence):
        raise ChatError(f"messages is {type(messages).__name__}, not a list.", "Give a list of messages.")
    if not messages:
        raise ChatError("The chat is empty: there are no messages.", "Give at least one message.")
    plain = [read_message(message, f"messages[{index}]", allowed_roles) for index, message in enumerate(messages)]
    text = _render(template, plain, {})
    regions = [_Region(index, span) for index, message in enumerate(plain) for span in message.spans]
    rendering = _Rendering(template, plain, text)
    return EmphasisedText(text, tuple(rendering.carry(regions)) if regions else ())


@dataclass(frozen=True, slots=True)
class _Region:
    """Emphasised characters of one message."""

    message: int
    span: CharSpan

    def stripped(self, content: str) -> _Region | None:
        """The region without white space at its edges; None when nothing is left."""
        text = content[self.span.start : self.span.end]
        if not text.strip():
            return None
        start = self.span.start + len(text) - len(text.lstrip())
        return _Region(self.message, CharSpan(start, start + len(text.strip()), self.span.strength))


class _Rejected(Exception):
    """An answer of the template that does not count; its message says why, as the rest of "the template …"."""


@dataclass(frozen=True, slots=True)
class _Rendering:
    template: Template
    messages: list[PlainMessage]
    text: str

    def carry(self, regions: list[_Region]) -> list[CharSpan]:
        """Locate many regions at once; where that fails, halve until the ones that fail stand alone."""
        if len(regions) > _AT_ONCE:
            return self.carry(regions[:_AT_ONCE]) + self.carry(regions[_AT_ONCE:])
        try:
            return self._locate_by_marks(regions, self._private_marks())
        except _Rejected as rejected:
            if len(regions) > 1:
                half = len(regions) // 2
                return self.carry(regions[:half]) + self.carry(regions[half:])
            return self._carry_alone(regions[0], str(rejected))

    def _carry_alone(self, region: _Region, reason: str) -> list[CharSpan]:
        content = self.messages[region.message].text
        core = region.stripped(content)
        for candidate in dict.fromkeys((region, core)):
            if candidate is None:
                continue
            for locate in (
                lambda one: self._locate_by_marks([one], self._private_marks()),
                lambda one: self._locate_by_marks([one], self._ascii_marks()),
                self._locate_by_stand_in,
            ):
                try:
                    return locate(candidate)
                except _Rejected:
                    continue
        start, end = region.span.start, region.span.end
        raise ChatError(
            f"messages[{region.message}]: the chat template {reason}, so the emphasised "
            f"{_quote(content[start:end])} cannot be followed into the prompt.",
            "Emphasise other words of the message or the whole of it, or render the prompt yourself "
            "and give spans over the finished text.",
        )

    def _locate_by_marks(self, regions: list[_Region], fresh: Iterator[str]) -> list[CharSpan]:
        """Insert a mark at both edges of every region and read off where they come out."""
        marks = {mark: (index, side) for index in range(len(regions)) for side in (0, 1) for mark in [next(fresh)]}
        by_edge = {edge: mark for mark, edge in marks.items()}
        cuts: dict[int, list[tuple[int, str]]] = {}
        for index, region in enumerate(regions):
            edges = cuts.setdefault(region.message, [])
            edges += [(region.span.start, by_edge[index, 0]), (region.span.end, by_edge[index, 1])]
        contents = {message: _insert(self.messages[message].text, edges) for message, edges in cuts.items()}
        # Capturing group: the marks themselves stand at the odd places of the split.
        split = re.split("(" + "|".join(map(re.escape, marks)) + ")", self._variant(contents))
        if "".join(split[::2]) != self.text:
            raise _Rejected("reacts to the wording of this text")
        opened: dict[int, int] = {}
        found: list[list[CharSpan]] = [[] for _ in regions]
        position = 0
        for text, mark in zip(split[::2], split[1::2], strict=False):
            position += len(text)
            index, side = marks[mark]
            if (side == 0) == (index in opened):
                raise _Rejected("tears this text apart")
            if side == 0:
                opened[index] = position
                continue
            start, span = opened.pop(index), regions[index].span
            if self.text[start:position] != self.messages[regions[index].message].text[span.start : span.end]:
                raise _Rejected("changes this text")
            found[index].append(CharSpan(start, position, span.strength))
        if opened:
            raise _Rejected("tears this text apart")
        if not all(found):
            raise _Rejected("drops this text")
        return [span for copies in found for span in copies]

    def _locate_by_stand_in(self, region: _Region) -> list[CharSpan]:
        """Replace the region by unique text of equal length, for templates that look at lengths."""
        content = self.messages[region.message].text
        start, end = region.span.start, region.span.end
        original, length = content[start:end], end - start
        fresh = self._private_marks()
        first, middle, last = next(fresh), next(fresh), next(fresh)
        stand_in = first if length == 1 else first + middle * (length - 2) + last
        variant = self._variant({region.message: content[:start] + stand_in + content[end:]})
        places = [match.start() for match in re.finditer(re.escape(stand_in), variant)]
        if not places:
            raise _Rejected("drops this text")
        if variant.replace(stand_in, original) != self.text:
            raise _Rejected("reacts to the wording of this text")
        return [CharSpan(place, place + length, region.span.strength) for place in places]

    def _variant(self, contents: Mapping[int, str]) -> str:
        try:
            return _render(self.template, self.messages, contents)
        except Exception as error:  # whatever a template raises, it raised it because of the marks
            raise _Rejected("reacts to the wording of this text") from error

    def _private_marks(self) -> Iterator[str]:
        """Private-use characters that neither the messages nor the prompt hold."""
        used = set(self.text).union(*(message.text for message in self.messages))
        yield from (
            chr(code) for code in chain(range(0xE000, 0xF900), range(0xF0000, 0xFFFFE)) if chr(code) not in used
        )
        raise _Rejected("is given more private-use characters than can be told apart")

    def _ascii_marks(self) -> Iterator[str]:
        """Words of ASCII letters that occur nowhere, for templates that escape other characters."""
        texts = [self.text, *(message.text for message in self.messages)]
        stem = next(stem for n in count(1) for stem in ["q" + "xz" * n] if not any(stem in text for text in texts))
        return (f"{stem}{'abcdefghij'[n % 10]}{n // 10}k" for n in count())


def _render(template: Template, messages: Sequence[PlainMessage], contents: Mapping[int, str]) -> str:
    """Render copies of the messages, with other contents where given."""
    copies = [deepcopy(message.fields) for message in messages]
    for index, content in contents.items():
        copies[index]["content"] = content
    text = template(copies)
    if not isinstance(text, str):
        raise ChatError(
            f"The chat template returned {type(text).__name__}, not text.",
            "With a tokenizer's apply_chat_template, pass tokenize=False.",
        )
    return text


def _insert(content: str, edges: list[tuple[int, str]]) -> str:
    places = sorted(edges, key=lambda edge: edge[0])
    bounds = [0, *(place for place, _ in places), len(content)]
    slices = [content[start:end] for start, end in pairwise(bounds)]
    return "".join(chain.from_iterable(zip(slices, [*(mark for _, mark in places), ""], strict=True)))


def _quote(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "…")
