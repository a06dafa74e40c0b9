"""A prompt as it is looked through: marks come and go, words stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.insight.diagnosis.words import (
    Place,
    emphasised,
    lifted,
    lifting,
    messages,
    places,
    quote,
    read_prompt,
    texts,
)

TEXT = "Ann is a nurse. Answer in French."
CHAT = [
    {"role": "system", "content": "Be brief.", "emphasis": True},
    {
        "role": "user",
        "content": [{"type": "text", "text": "Say "}, {"type": "text", "text": "yes", "emphasis": {"x": 3}}],
    },
    {"role": "assistant", "content": "yes"},
    {"role": "user", "content": TEXT, "spans": [{"substring": "French"}, {"substring": "nurse", "x": 0.5}]},
]
PROMPTS = ["Ann is **a nurse**. [Answer]{x=0.1} in French.", EmphasisedText(TEXT, (CharSpan(0, 3),)), CHAT]
SPANS = st.tuples(st.integers(0, 20), st.integers(1, 12), st.none() | st.floats(-3, 3))


@pytest.mark.parametrize("prompt", PROMPTS)
def test_marks_can_be_put_back(prompt):
    """Without its emphasis, and with it again, a prompt is what it was."""
    words = read_prompt(prompt)
    bare = emphasised(words, ())
    assert not places(bare)
    assert texts(bare) == texts(words)
    assert emphasised(bare, places(words)) == words


@pytest.mark.parametrize("prompt", PROMPTS)
def test_what_is_suppressed_stays_suppressed(prompt):
    """Other words are emphasised, and what was lowered is lowered still."""
    words = read_prompt(prompt)
    elsewhere = lifting(words, [Place(0, CharSpan(1, 2))])
    assert [place.span for place in lifted(elsewhere)] == [CharSpan(1, 2)]
    assert set(places(words)) - set(lifted(words)) == set(places(elsewhere)) - set(lifted(elsewhere))


@given(st.lists(SPANS, max_size=4))
def test_messages_say_what_the_words_say(spans):
    """Read again, messages are the words that they were written from."""
    marked = EmphasisedText(TEXT, tuple(CharSpan(start, start + length, nats) for start, length, nats in spans))
    (turn,) = read_prompt(messages(marked))
    assert (turn.text, sorted(map(str, turn.spans))) == (TEXT, sorted(map(str, marked.spans)))
    assert read_prompt(messages(read_prompt(CHAT))) == read_prompt(CHAT)


def test_only_requests_are_looked_through():
    """What the model said itself is no place to look."""
    assert texts(read_prompt(CHAT)) == ["Be brief.", "Say yes", "", TEXT]


def test_quotes_are_short():
    """Of several places, of nothing, and of much."""
    words = read_prompt("Ann **is** a **nurse**.")
    assert quote(words, places(words)) == "'is … nurse'"
    assert quote(words, ()) == "nothing"
    assert len(quote(EmphasisedText("a" * 200), [Place(0, CharSpan(0, 200))])) == 62
