"""Whatever is sent, it is read or refused: no reader of markup, messages or bodies fails in a way that nobody foresaw.

Here a few hundred cases a test; ``python tests/fuzz/run.py`` goes on for as long as one likes, guided by coverage.
"""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from boldface.emphasis.chat import render_chat
from boldface.emphasis.content import read_message
from boldface.emphasis.dialects import DIALECTS, parse_dialect
from boldface.emphasis.markup import parse
from boldface.emphasis.span import flatten
from boldface.emphasis.trust import govern
from boldface.errors import BoldfaceError, EmphasisError
from boldface.server.bodies import ChatBody, CompletionBody
from boldface.server.faults import describe, dumps, read_errors

MARKS = ["**", "*", "[", "]{", "}", "](", "(", ")", ":1.3", "x=", "=", "1e99", "-", "++", "<anchor>", "</anchor>"]
MARKS += [
    "<!->",
    "<-!>",
    "<!!->",
    "<mark>",
    "</mark>",
    "\\",
    "`",
    "```\n",
    "\n\n",
    "\x00",
    "\u202e",
    "é",
    "🙂",
    "\ud800",
    "a ",
    "b",
]
TEXTS = st.lists(st.sampled_from(MARKS) | st.text(st.characters(), max_size=5), max_size=12).map("".join)

FIELDS = ["role", "content", "emphasis", "spans", "source", "type", "text", "name", "start", "end", "substring"]
FIELDS += ["occurrence", "x", "factor", "strength", "alpha", "message", "messages", "boldface", "markup", "profile"]
FIELDS += ["scope", "rule", "overlap", "explain", "n", "stop", "seed", "max_tokens", "logprobs", "logit_bias", "prompt"]
WORDS = [
    "user",
    "system",
    "tool",
    "assistant",
    "developer",
    "retrieved",
    "text",
    "all",
    "first",
    "last",
    "any",
    "markdown",
]
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, -1, 2**63, 10**400, 30.0, 1e308, True, False])
LEAVES = st.none() | NUMBERS | st.sampled_from(WORDS) | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=16,
)
STRENGTHS = st.dictionaries(st.sampled_from(["x", "factor", "strength", "alpha"]), NUMBERS, max_size=2)
PLACES = st.fixed_dictionaries({"start": st.integers(-1, 9), "end": st.integers(-1, 9)}) | st.fixed_dictionaries(
    {"substring": TEXTS}, optional={"occurrence": st.sampled_from(["first", "last", "all"]) | st.integers(-2, 3)}
)
SPANS = st.lists(st.builds(lambda place, strength: place | strength, PLACES, STRENGTHS) | VALUES, max_size=3)
EMPHASIS = st.booleans() | STRENGTHS | VALUES
SOURCES = st.sampled_from(["system", "user", "assistant", "tool", "retrieved"])
PARTS = st.fixed_dictionaries(
    {"type": st.just("text"), "text": TEXTS}, optional={"emphasis": EMPHASIS, "source": SOURCES | VALUES}
)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(WORDS[:5]), "content": TEXTS | st.lists(PARTS | VALUES, max_size=3)},
    optional={"emphasis": EMPHASIS, "spans": SPANS, "source": SOURCES | VALUES, "name": LEAVES},
)
"""Nearly messages: what comes far enough in to break something."""


def template(messages: list[dict]) -> str:
    return "".join(f"<{message.get('role')}>{message.get('content') or ''}\n" for message in messages)


def check_told(error: BoldfaceError) -> None:
    """An error says what is wrong and what to do, and can be sent as an answer that blames the client."""
    fault, status = describe(error)
    assert error.message and error.hint
    assert 400 <= status < 500
    json.loads(dumps({"error": fault}))


@given(TEXTS, st.sampled_from(DIALECTS))
def test_markup_is_read_or_refused(text: str, dialect: str):
    """In every dialect: letters of the source in their order, with disjoint spans inside them, or one error."""
    try:
        read = parse_dialect(text, dialect)
        flat = flatten(read.spans, 1.0)
    except EmphasisError as error:
        return check_told(error)
    rest = iter(text)
    assert all(letter in rest for letter in read.text)
    assert all(0 <= span.start < span.end <= len(read.text) for span in flat)


@given(VALUES | MESSAGES)
def test_a_message_is_read_or_refused(message: object):
    """Anything that JSON can say."""
    try:
        read = read_message(message, "messages[0]")
    except EmphasisError as error:
        return check_told(error)
    assert all(span.end <= len(read.text) for span in read.spans)


@given(st.lists(MESSAGES | VALUES, max_size=3) | VALUES)
def test_a_chat_is_rendered_or_refused(messages: object):
    """What is emphasised in the prompt is what was emphasised in a message."""
    try:
        text = render_chat(messages, template)
    except EmphasisError as error:
        return check_told(error)
    contents = "\n".join(read_message(message, "").text for message in messages)
    assert all(text.text[span.start : span.end] in contents for span in text.spans)


@given(st.lists(MESSAGES | VALUES, max_size=3), SPANS, st.booleans(), st.floats(-30, 30))
def test_a_chat_is_governed_or_refused(messages: list, spans: list, marked: bool, default: float):
    """Text of tools and retrieved text is never emphasised, whatever it says and whoever says so."""
    try:
        governed = govern(messages, default=default, spans=spans, markup=parse if marked else None)
    except EmphasisError as error:
        return check_told(error)
    for given_, message in zip(messages, governed.messages, strict=True):
        if given_.get("role") == "tool" or given_.get("source") in ("tool", "retrieved"):
            assert not message.get("spans")


BODIES = st.fixed_dictionaries(
    {"messages": st.lists(MESSAGES, max_size=2), "prompt": VALUES},
    optional={field: VALUES for field in sorted(set(FIELDS) - {"messages", "prompt"})}
    | {"boldface": st.fixed_dictionaries({}, optional={"spans": SPANS}) | VALUES},
)


@given(BODIES | VALUES, st.sampled_from([ChatBody, CompletionBody]), st.booleans())
def test_a_body_is_read_or_refused(body: object, kind: type, alone: bool):
    """A body is of its kind, or the first thing that is wrong with it is told with the field that is to blame."""
    if alone and isinstance(body, dict):
        body.pop("prompt" if kind is ChatBody else "messages", None)
    try:
        kind.model_validate(body)
    except ValidationError as error:
        fault = read_errors([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])
        json.loads(dumps({"error": fault}))
        assert fault["message"] and fault["type"] == "invalid_request_error"
