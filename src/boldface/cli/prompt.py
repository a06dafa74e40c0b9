"""From what a person gave on the command line to a prompt with its emphasis. Runs before any model is loaded."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from boldface.emphasis.content import without_emphasis
from boldface.emphasis.dialects import parse_dialect
from boldface.emphasis.locate import locate
from boldface.emphasis.markup import parse
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import BoldfaceError, ChatError, MarkupError, SpanError

Messages = list[dict[str, Any]]

_SPAN = re.compile(r"(\d{1,12}):(\d{1,12})(?::(.+))?")


@dataclass(frozen=True)
class Marking:
    """What is emphasised besides the text's own markup, and how that is spelt.

    Attributes:
        dialect: Of the markup; None when the text has none.
        spans: As in ``10:25`` or ``10:25:x=10``.
        words: Substrings.
        occurrence: Which occurrence of each word: first, last, all or a number from 0.
    """

    dialect: str | None = "markdown"
    spans: Sequence[str] = ()
    words: Sequence[str] = ()
    occurrence: str = "first"

    def apply(self, text: str) -> EmphasisedText:
        """Read the markup, then emphasise spans and words of what is left.

        Raises:
            EmphasisError: When something cannot be read or is not there.
        """
        known = parse_dialect(text, self.dialect) if self.dialect else EmphasisedText(text)
        added = [read_span(span) for span in self.spans]
        for word in self.words:
            added += locate(known.text, word, _occurrence(self.occurrence))
        return EmphasisedText(known.text, (*known.spans, *added))


def read_prompt(
    prompt: str | None, file: Path | None, messages: Path | None, marking: Marking
) -> EmphasisedText | Messages:
    """Return what is asked: a text with its emphasis, or a chat, which brings its own.

    Raises:
        BoldfaceError: When there is no prompt, or more than one, or it cannot be read.
        EmphasisError: When something of its emphasis cannot be read or is not there.
    """
    if messages is None:
        return marking.apply(read_text(prompt, file))
    if prompt is not None or file is not None or marking.spans or marking.words:
        raise BoldfaceError(
            "--messages stands alone: it brings its own text and emphasis.",
            'Emphasise inside the messages, for example "spans": [{"substring": "…"}].',
        )
    return read_messages(messages)


def read_text(prompt: str | None, file: Path | None) -> str:
    """Return the prompt from the argument, a file or standard input (``-``, or nothing given and no terminal).

    One line end at the end of a file or of standard input is left out.

    Raises:
        BoldfaceError: When there is no prompt or more than one, or it cannot be read.
    """
    if prompt is not None and file is not None:
        raise BoldfaceError("The prompt is given twice: as text and as --file.", "Give one of them.")
    if prompt is not None and prompt != "-":
        text = prompt
    elif file is not None and str(file) != "-":
        text = _without_line_end(read_file(file))
    elif prompt is None and file is None and sys.stdin.isatty():
        raise BoldfaceError("There is no prompt.", "Write it behind the command, name a --file, or pipe it in.")
    else:
        text = _without_line_end(_decode(sys.stdin.buffer.read(), "standard input"))
    if not text.strip():
        raise BoldfaceError("The prompt is empty.", "Write for example: boldface generate 'Be **brief**. Who was Ada?'")
    return text


def read_messages(file: Path) -> Messages:
    """Read a chat: a JSON list of messages, or an object with such a list as ``messages``; ``-`` is standard input.

    Raises:
        ChatError: When the file is no chat.
        BoldfaceError: When it cannot be read.
    """
    text = _decode(sys.stdin.buffer.read(), "standard input") if str(file) == "-" else read_file(file)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ChatError(f"{file} is not JSON: {error}.", _CHAT_HINT) from None
    messages = content.get("messages") if isinstance(content, Mapping) else content
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise ChatError(f"{file} holds no list of messages.", _CHAT_HINT)
    return messages


def read_file(file: Path) -> str:
    """Return the text of a file.

    Raises:
        BoldfaceError: It cannot be read, or is not UTF-8.
    """
    try:
        return _decode(file.expanduser().read_bytes(), str(file))
    except OSError as error:
        raise BoldfaceError(f"{file} cannot be read: {error.strerror or error}.", "Name a readable file.") from error


def read_span(text: str) -> CharSpan:
    """Read ``START:END`` or ``START:END:STRENGTH``; the strength is written as in markup: x=10, strength=2.3, ….

    Raises:
        SpanError: When it cannot be read, or is empty.
        StrengthError: When the strength is out of range.
    """
    match = _SPAN.fullmatch(text.strip())
    if match is None:
        raise SpanError(f"--span {text!r} cannot be read.", _SPAN_HINT)
    span = CharSpan(int(match[1]), int(match[2]))
    if match[3] is None:
        return span
    try:
        marked = parse(f"[…]{{{match[3]}}}").spans
    except MarkupError as error:
        reason = error.message.removesuffix(".")
        raise SpanError(f"--span {text!r}: {reason}.", _SPAN_HINT) from None
    if len(marked) != 1:
        raise SpanError(f"--span {text!r}: {match[3]!r} is no strength.", _SPAN_HINT)
    return replace(span, strength=marked[0].strength)


def is_emphasised(prompt: EmphasisedText | Messages) -> bool:
    """Tell whether anything is marked, whatever its strength."""
    return bool(prompt.spans) if isinstance(prompt, EmphasisedText) else plain(prompt) != prompt


def plain(prompt: EmphasisedText | Messages) -> EmphasisedText | Messages:
    """Return the prompt without its emphasis."""
    if isinstance(prompt, EmphasisedText):
        return EmphasisedText(prompt.text)
    return [without_emphasis(message) for message in prompt]


def _occurrence(text: str) -> Literal["first", "last", "all"] | int:
    if text in ("first", "last", "all"):
        return text  # type: ignore[return-value]
    try:
        return int(text)
    except ValueError:
        raise SpanError(f"There is no occurrence {text!r}.", "Use first, last, all or a whole number from 0.") from None


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BoldfaceError(
            f"{name} is not UTF-8: {error.reason} at byte {error.start}.", "Convert it first."
        ) from None


def _without_line_end(text: str) -> str:
    return re.sub(r"\r?\n\Z", "", text)


_SPAN_HINT = "Write --span 10:25 or --span 10:25:x=10 (characters from 0, end not included; x, strength or alpha)."
_CHAT_HINT = 'Give a list like [{"role": "user", "content": "…", "spans": [{"substring": "…"}]}].'
