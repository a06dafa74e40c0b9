"""Prompts are read from where they lie, and emphasised as asked."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path

import pytest

from boldface.cli.prompt import Marking, is_emphasised, plain, read_messages, read_span, read_text
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import BoldfaceError, ChatError, EmphasisError, SpanError, StrengthError


class Stdin(io.TextIOWrapper):
    """Standard input that holds bytes, or is a terminal."""

    def __init__(self, content: bytes = b"", terminal: bool = False) -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8")
        self.terminal = terminal

    def isatty(self) -> bool:
        """Whatever was said at the start."""
        return self.terminal


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10:25", CharSpan(10, 25)),
        ("0:3:x=10", CharSpan(0, 3, math.log(10))),
        ("0:3:factor=0.5", CharSpan(0, 3, math.log(0.5))),
        ("0:3:strength=-2", CharSpan(0, 3, -2.0)),
        ("0:3:alpha=0.01", CharSpan(0, 3, math.log(100))),
        ("0:3:bold", CharSpan(0, 3)),
    ],
)
def test_spans_are_read(text, expected):
    """A span is two offsets and, if wanted, a strength in the words of the markup."""
    span = read_span(text)
    assert (span.start, span.end) == (expected.start, expected.end)
    assert span.strength == pytest.approx(expected.strength)


@pytest.mark.parametrize(
    "text",
    ["", "3", "3-5", "5:3", "3:3", "-1:3", "0:3:", "0:3:10", "0:3:y=1", "0:3:x=ten", "0:3:x=1} [a]{x=2", "0:3:x=-1"],
)
def test_unreadable_spans_are_refused(text):
    """Whatever is wrong with a span is an error of emphasis with a hint."""
    with pytest.raises(EmphasisError) as caught:
        read_span(text)
    assert caught.value.hint


def test_offsets_count_without_the_markup():
    """Spans and words refer to the text that is left when the markup is read."""
    text = Marking(spans=["0:2"], words=["c"]).apply("ab **x** c")
    assert text == EmphasisedText("ab x c", (CharSpan(0, 2), CharSpan(3, 4), CharSpan(5, 6)))


def test_markup_is_left_alone_on_request():
    """Without a dialect the asterisks are text, and a dialect reads its own marks only."""
    assert Marking(None).apply("2 **x**") == EmphasisedText("2 **x**")
    assert Marking("mark").apply("<mark>a</mark> **x**").text == "a **x**"


@pytest.mark.parametrize(
    ("occurrence", "starts"), [("first", [0]), ("last", [4]), ("all", [0, 2, 4]), ("1", [2]), ("-1", [4])]
)
def test_occurrences(occurrence, starts):
    """A word that occurs several times is emphasised where asked."""
    assert [span.start for span in Marking(words=["a"], occurrence=occurrence).apply("a a a").spans] == starts


@pytest.mark.parametrize(
    "marking", [Marking(words=["z"]), Marking(words=["a"], occurrence="second"), Marking(spans=["0:99"])]
)
def test_what_is_not_there_is_refused(marking):
    """A word, an occurrence or characters that the text does not have are errors."""
    with pytest.raises(SpanError):
        marking.apply("a a a")


def test_strengths_are_capped():
    """A strength beyond the cap is refused here already."""
    with pytest.raises((StrengthError, SpanError)):
        read_span("0:3:strength=31")


@pytest.mark.parametrize("content", [b"hi **you**\n", b"hi **you**\r\n", b"hi **you**", b"\xef\xbb\xbfhi **you**\n"])
def test_one_line_end_is_left_out(monkeypatch, tmp_path, content):
    """Files and pipes lose their last line end, and a byte order mark."""
    file = tmp_path / "prompt.txt"
    file.write_bytes(content)
    monkeypatch.setattr(sys, "stdin", Stdin(content))
    assert read_text(None, file) == "hi **you**"
    assert read_text("-", None) == "hi **you**"


def test_nothing_given_reads_the_pipe(monkeypatch):
    """Without a prompt, what is piped in is the prompt."""
    monkeypatch.setattr(sys, "stdin", Stdin("größer\n\n".encode()))
    assert read_text(None, None) == "größer\n"


@pytest.mark.parametrize(
    ("prompt", "file", "stdin"),
    [
        (None, None, Stdin(terminal=True)),
        ("x", "file", Stdin()),
        (" \n", None, Stdin()),
        ("-", None, Stdin(b"\n")),
        ("-", None, Stdin(b"\xff\xfe")),
        (None, "absent", Stdin()),
        (None, ".", Stdin()),
    ],
)
def test_no_prompt_is_refused(monkeypatch, tmp_path, prompt, file, stdin):
    """No prompt, two prompts, an empty one and an unreadable one are errors with a hint."""
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(BoldfaceError) as caught:
        read_text(prompt, tmp_path / file if file else None)
    assert caught.value.hint


@pytest.mark.parametrize("content", ["[]", "{}", "nothing", '"text"', "[1]", '{"messages": 3}'])
def test_what_is_no_chat_is_refused(tmp_path, content):
    """A file without a list of messages is an error with an example."""
    file = tmp_path / "chat.json"
    file.write_text(content)
    with pytest.raises(ChatError) as caught:
        read_messages(file)
    assert "role" in caught.value.hint


def test_a_chat_without_its_emphasis():
    """Emphasis of messages, parts and spans is taken out; everything else stays."""
    chat = [
        {"role": "system", "content": "Be brief.", "emphasis": True},
        {"role": "user", "content": [{"type": "text", "text": "Hi", "emphasis": {"x": 2}}], "name": "Ann"},
        {"role": "user", "content": "Bye", "spans": [{"start": 0, "end": 1}]},
    ]
    stripped = plain(chat)
    assert stripped == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}], "name": "Ann"},
        {"role": "user", "content": "Bye"},
    ]
    assert is_emphasised(chat)
    assert not is_emphasised(stripped)


def test_absurd_input_is_refused(tmp_path: Path) -> None:
    """A chat nested beyond what Python reads, and offsets of thousands of digits, are errors of usage."""
    file = tmp_path / "chat.json"
    file.write_text("[" * 100_000)
    with pytest.raises(ChatError, match="is not JSON"):
        read_messages(file)
    with pytest.raises(SpanError, match="cannot be read"):
        read_span(f"0:{'9' * 5000}")
