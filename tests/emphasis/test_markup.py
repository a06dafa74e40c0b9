"""Markup: what is emphasis, what stays text, what is refused, and the way back."""

from __future__ import annotations

import json
import math
import os
import re
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from boldface.emphasis.markup import escape, parse, render
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import MarkupError, SpanError

MARKS = ["*", "**", "***", "[", "]", "{", "}", "]{x=2}", "{bold}", "x=", "1", "\\", "`", "```", "~~~", "# ", "- ", "> "]
OTHERS = ["a", "b2", ".", "(", ")", "é", "字", " ", "\n", "\n\n", "\r\n", "\u2028", "\u00a0"]
INLINE = ["**", "**", "*", "`", "``", "\\", "é", "ß", "字", "…", "«"]
SPECIAL = st.lists(st.sampled_from(MARKS + OTHERS), max_size=20).map("".join)
TEXTS = st.one_of(SPECIAL, st.text(max_size=30))
STRENGTHS = st.one_of(st.none(), st.floats(-30, 30), st.sampled_from([0.0, math.log(10), math.log(100), -2.3]))


@st.composite
def emphasised(draw: st.DrawFn) -> EmphasisedText:
    """Any text with disjoint spans that may touch, begin with whitespace and hold marks of the markup."""
    text = draw(TEXTS)
    edges = draw(st.lists(st.integers(0, len(text)), unique=True, max_size=8).map(sorted))
    pairs = [pair for pair in pairwise(edges) if draw(st.booleans())]
    return EmphasisedText(text, tuple(CharSpan(start, end, draw(STRENGTHS)) for start, end in pairs))


def marked(text: str) -> tuple[str, list[tuple[str, float | None]]]:
    """Return the text without markup and the words that are emphasised, with their strengths."""
    found = parse(text)
    return found.text, [(found.text[span.start : span.end], span.strength) for span in found.spans]


@pytest.mark.parametrize(
    ("source", "text", "words"),
    [
        ("Mary. **Answer as JSON.**", "Mary. Answer as JSON.", [("Answer as JSON.", None)]),
        ("un**believ**able", "unbelievable", [("believ", None)]),
        ("**two\nlines**", "two\nlines", [("two\nlines", None)]),
        ("请**用 JSON 回答**好吗", "请用 JSON 回答好吗", [("用 JSON 回答", None)]),
        ("[words]{x=10}", "words", [("words", math.log(10))]),
        ("[words]{ factor = 10 }", "words", [("words", math.log(10))]),
        ("[words]{strength=-2.3}", "words", [("words", -2.3)]),
        ("[words]{alpha=0.01}", "words", [("words", -math.log(0.01))]),
        ("[words]{x=0.5}", "words", [("words", math.log(0.5))]),
        ("[words]{x=1}", "words", [("words", 0.0)]),
        ("[words]{bold}", "words", [("words", None)]),
        ("[over\n\nparagraphs]{x=2}", "over\n\nparagraphs", [("over\n\nparagraphs", math.log(2))]),
        ("[see [1] here]{x=2}", "see [1] here", [("see [1] here", math.log(2))]),
        ("***x***", "*x*", [("x", None)]),
        ("****x****", "x", [("x", None)]),
        ("**a *b* c**", "a *b* c", [("a *b* c", None)]),
        (r"**a \*b**", "a *b", [("a *b", None)]),
    ],
)
def test_markup_emphasises(source: str, text: str, words: list[tuple[str, float | None]]) -> None:
    """Bold and brackets emphasise what they enclose, and vanish from the text."""
    found_text, found = marked(source)
    assert found_text == text
    assert [word for word, _ in found] == [word for word, _ in words]
    assert [nats for _, nats in found] == [nats if nats is None else pytest.approx(nats) for _, nats in words]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("**a [b]{strength=2} c**", [("a ", None), ("b", 2.0), (" c", None)]),
        ("[a **b** c]{strength=2}", [("a ", 2.0), ("b", None), (" c", 2.0)]),
        ("[a [b]{strength=0} c]{strength=2}", [("a ", 2.0), ("b", 0.0), (" c", 2.0)]),
        ("**[b]{strength=2}**", [("b", 2.0)]),
        ("**a **b** c**", [("a b c", None)]),
    ],
)
def test_innermost_mark_decides(source: str, words: list[tuple[str, float | None]]) -> None:
    """Nested marks give disjoint spans, each with the strength of its innermost mark."""
    assert marked(source)[1] == words


@pytest.mark.parametrize(
    "text",
    [
        "2**3",
        "2**3 + 4**5",
        "2**3**2",
        "(a+b)**2 + (c+d)**2",
        "x**(1/2) + 2**-1",
        "a ** b ** c",
        "a lone ** here",
        "** spaced **",
        "****",
        "******",
        "*single* and *more*",
        "f**k",
        "six asterisks (******), then a title (******).",
        "`**code**` and ``a ` **b**``",
        "```python\nf(**a, **b)\n```",
        "~~~\n**a**\n~~~",
        "> ```\n> **a**\n> ```",
        "- ```\n  **a**\n  ```",
        "```\n**never closed fence",
        "[a](b) [a] [1] {x} {x=10} [link][ref]",
        '{"a": [1, 2], "b": {"x": 10}}',
        "xs[0]{y}",
        r"\sqrt[3]{x} and C:\dir\new \n \{",
        "",
    ],
)
def test_everything_else_stays_text(text: str) -> None:
    """Operators, dividers, code, links, JSON, LaTeX and other backslashes are text to the letter."""
    assert parse(text) == EmphasisedText(text)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (r"\*\*a\*\*", "**a**"),
        (r"[a\]{x=10", "[a]{x=10"),
        (r"[a\]{x=10}", "[a]{x=10}"),
        (r"\`**`", "`**`"),
        ("\\~~~\na", "~~~\na"),
        (r"a\\b", r"a\b"),
        (r"\\*a*", r"\*a*"),
        (r"`\*`", r"`\*`"),
        ("```\n\\*\n```", "```\n\\*\n```"),
    ],
)
def test_backslash_makes_marks_text(source: str, text: str) -> None:
    r"""A backslash vanishes before ``\ * [ ] ` ~`` outside of code, and what follows is text."""
    assert parse(source) == EmphasisedText(text)


@pytest.mark.parametrize(
    ("source", "where"),
    [
        ("**Answer as JSON", "line 1, column 1"),
        ("a\nb **Answer", "line 2, column 3"),
        ("**one\n\ntwo**", "line 1, column 1"),
        ("- **one\n- two**", "line 1, column 3"),
        ("# **one\ntwo**", "line 1, column 3"),
        ("**one\n```\ntwo**\n```", "line 1, column 1"),
        ("** Answer as JSON.**", "line 1, column 19"),
        ('**"Quoted" words', "line 1, column 1"),
        ("**a [b** c]{x=2}", "line 1, column 1"),
        ("f(**kwargs)", "line 1, column 3"),
        ("[words]{x=", "line 1, column 8"),
        ("[words]{x=10", "line 1, column 8"),
        ("[words]{x=10\n}", "line 1, column 8"),
        ("[words]{x=abc}", "line 1, column 8"),
        ("[words]{x=}", "line 1, column 8"),
        ("[words]{x=-1}", "line 1, column 8"),
        ("[words]{x=0}", "line 1, column 8"),
        ("[words]{x=nan}", "line 1, column 8"),
        ("[words]{x=1e30}", "line 1, column 8"),
        ("[words]{strength=31}", "line 1, column 8"),
        ("[words]{alpha=0}", "line 1, column 8"),
        ("[words]{x=1, alpha=1}", "line 1, column 8"),
        ("[words]{weight=3}", "line 1, column 8"),
        ("[]{x=2}", "line 1, column 2"),
        ("words]{x=2}", "line 1, column 6"),
    ],
)
def test_broken_markup_is_refused(source: str, where: str) -> None:
    """Markup that does not close or cannot be read is one error that names the place and the way out."""
    with pytest.raises(MarkupError) as caught:
        parse(source)
    assert where in caught.value.message
    assert caught.value.hint


DIVIDERS = [
    "Separate the parts by 6 asterisk symbols: ******.",
    "two critiques separated by ******. Each response should be short.",
    "Use the markdown divider: ***",
    "six asterisks (******), then a title (***).",
    'exactly *** and 3 bullet points, "***", such as:\nStep 1: ......\n***\nStep 2\n***\n...',
    "separated by '***'. Also, reply without",
    "[essay]\n******\n[poem]\n\n******",
    "symbols ***) and highlight at least",
]


@pytest.mark.parametrize("prompt", DIVIDERS)
def test_dividers_of_real_prompts_stay_text(prompt: str) -> None:
    """Runs of asterisks that touch no word are dividers: neither emphasis nor an error."""
    assert parse(prompt) == EmphasisedText(prompt)


def test_ifeval_holds_no_bold() -> None:
    """All prompts of IFEval read as plain text, as they do in CommonMark, though 51 of them hold two asterisks."""
    path = Path(os.environ.get("BOLDFACE_DATA", "no-data")) / "ifeval" / "input_data.jsonl"
    if not path.exists():
        pytest.skip("needs BOLDFACE_DATA with ifeval/input_data.jsonl")
    prompts = [json.loads(line)["prompt"] for line in path.read_text("utf-8").splitlines()]
    assert sum("**" in prompt for prompt in prompts) == 51
    markdown = MarkdownIt("commonmark")
    for prompt in prompts:
        children = [child.type for token in markdown.parse(prompt) for child in token.children or []]
        assert "strong_open" not in children
        assert parse(prompt) == EmphasisedText(re.sub(r"\\([\\*\[\]`~])", r"\1", prompt))


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(INLINE)).map(lambda pieces: "é" + "".join(pieces)))
@example("`**a**` **b**")
def test_bold_outside_code_is_that_of_commonmark(source: str) -> None:
    """With code spans and escapes about, text is bold exactly where CommonMark says, or the markup is refused."""
    markdown = MarkdownIt("commonmark").disable(["newline", "entity", "autolink", "html_inline", "link", "image"])
    depth, expected = 0, []
    for token in markdown.parseInline(source)[0].children or []:
        if token.type in ("strong_open", "strong_close"):
            depth += token.nesting
            continue
        written = {"em_open": "*", "em_close": "*"}.get(token.type, token.content)
        if token.type == "code_inline":
            written = f"{token.markup}{token.content}{token.markup}"
        expected += [(char, depth > 0) for char in written]
    try:
        found = parse(source)
    except MarkupError:
        return
    bold = {i for span in found.spans for i in range(span.start, span.end)}
    ours = [(char, i in bold) for i, char in enumerate(found.text)]
    assert ours == expected


@settings(deadline=None, max_examples=500)
@given(emphasised())
@example(EmphasisedText("ab", (CharSpan(0, 1), CharSpan(1, 2))))
@example(EmphasisedText(" a ", (CharSpan(0, 3),)))
@example(EmphasisedText("**", (CharSpan(0, 1), CharSpan(1, 2, -1.0))))
@example(EmphasisedText("a\n\nb", (CharSpan(0, 4),)))
@example(EmphasisedText("```\n**", (CharSpan(0, 3),)))
@example(EmphasisedText("2 3 4 5", (CharSpan(2, 5),)))
def test_render_is_the_inverse_of_parse(emphasis: EmphasisedText) -> None:
    """Rendering any text with disjoint spans and parsing it gives the same text and the same spans."""
    assert parse(render(emphasis)) == emphasis


@settings(deadline=None, max_examples=500)
@given(TEXTS, TEXTS, TEXTS)
def test_escaped_text_reads_as_itself(before: str, text: str, after: str) -> None:
    """Escaped text is text, alone, beside other escaped text and inside brackets."""
    assert parse(escape(text)) == EmphasisedText(text)
    assert parse(escape(before) + escape(after)) == EmphasisedText(before + after)
    assume(text)
    found = parse(f"{escape(before)}[{escape(text)}]{{x=10}}{escape(after)}")
    span = CharSpan(len(before), len(before) + len(text), math.log(10))
    assert found == EmphasisedText(before + text + after, (span,))


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_parse_gives_disjoint_spans_or_one_error(source: str) -> None:
    """Whatever is typed, parse returns disjoint spans of a text no longer than the source, or a MarkupError."""
    try:
        found = parse(source)
    except MarkupError:
        return
    assert len(found.text) <= len(source)
    assert all(left.end <= right.start for left, right in pairwise(found.spans))
    assert parse(render(found)) == found


@pytest.mark.parametrize(
    ("emphasis", "source"),
    [
        (EmphasisedText("Say yes.", (CharSpan(4, 8),)), "Say **yes.**"),
        (EmphasisedText("a b", (CharSpan(0, 1, math.log(10)),)), "[a]{x=10} b"),
        (EmphasisedText("a b", (CharSpan(0, 1, 0.3),)), "[a]{strength=0.3} b"),
        (EmphasisedText("ab", (CharSpan(0, 1), CharSpan(1, 2))), "**a**[b]{bold}"),
        (EmphasisedText("a b", (CharSpan(1, 3),)), "a[ b]{bold}"),
        (EmphasisedText("2**3 and [1]"), "2**3 and [1]"),
        (EmphasisedText("**a**"), r"\*\*a\*\*"),
    ],
)
def test_render_writes_what_a_person_would(emphasis: EmphasisedText, source: str) -> None:
    """Rendering uses asterisks where they work, brackets elsewhere, and escapes only where needed."""
    assert render(emphasis) == source


def test_render_refuses_overlap() -> None:
    """Overlapping spans have no markup; flatten comes first."""
    with pytest.raises(SpanError, match="overlap"):
        render(EmphasisedText("abc", (CharSpan(0, 2), CharSpan(1, 3))))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["**a** ", "`", "[", "a** *b ", "*a `b\n\n", "\\", "]", "***. ", "> ", "~~~\n"])
def test_long_text_is_read_in_linear_time(unit: str) -> None:
    """A hundred thousand characters of marks are read, or refused, within seconds."""
    try:
        parse(unit * (100_000 // len(unit)))
    except MarkupError as error:
        assert error.hint
