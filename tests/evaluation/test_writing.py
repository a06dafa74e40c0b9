"""How arms write prompts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.evaluation.arms import find_arm
from boldface.evaluation.noise import random_spans
from boldface.evaluation.writing import write
from boldface.tasks.example import Choose, Example

TEXT = "Mary lives here. She is a nurse.\n\nMary has the occupation of"
START = TEXT.index("She")
ASKED = CharSpan(START, START + len("She is a nurse."))
EXAMPLE = Example(
    id="1",
    group="1",
    prompt=EmphasisedText(TEXT, (ASKED,)),
    question=Choose(("nurse",)),
    other=(CharSpan(0, 16),),
    answer_start=TEXT.index("Mary has"),
    target=" nurse",
)


def emphasised(text: EmphasisedText) -> list[str]:
    return [text.text[span.start : span.end] for span in text.spans]


@pytest.mark.parametrize(
    ("arm", "text", "spans"),
    [
        ("plain", TEXT, []),
        ("steered", TEXT, ["She is a nurse."]),
        ("other-span", TEXT, ["Mary lives here."]),
        ("steered@cut=0.5", TEXT, ["a nurse."]),
        ("pasta@other", TEXT, ["Mary lives here."]),
        ("marked=*", TEXT.replace("She is a nurse.", "*She is a nurse.*"), []),
        ("marked=<mark>", TEXT.replace("She is a nurse.", "<mark>She is a nurse.</mark>"), []),
        ("repeated", TEXT.replace("\n\n", "\n\nShe is a nurse.\n\n"), []),
        ("instaboost", TEXT, ["She is a nurse."]),
    ],
)
def test_raw_prompts(arm, text, spans):
    """Prompting arms change the text and steer nothing; steering arms leave the text and choose the span."""
    prompt = write(EXAMPLE, find_arm(arm), "raw")
    assert (prompt.text, emphasised(prompt)) == (text, spans)


def test_a_mark_at_the_end_stands_once():
    """Words that end the prompt are closed by one mark, like all others."""
    example = Example("1", "1", EmphasisedText("Now be brief.", (CharSpan(4, 13),)), Choose(("a",)))
    assert write(example, find_arm("marked=*"), "raw").text == "Now *be brief.*"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Be brief. Go.", "Be brief. Go. Be brief."), ("Be brief. Go:\n", "Be brief. Go:\nBe brief.\n")],
)
def test_what_is_repeated_stands_apart(text, expected):
    """Where the user's words end the emphasised ones stand again, never glued to the last of them."""
    example = Example("1", "1", EmphasisedText(text, (CharSpan(0, 9),)), Choose(("a",)))
    assert write(example, find_arm("repeated"), "raw").text == expected
    inside = Example("1", "1", EmphasisedText(text + "A", (CharSpan(0, 9),)), Choose(("a",)), answer_start=len(text))
    assert write(inside, find_arm("repeated"), "raw").text == expected + ("A" if expected[-1].isspace() else " A")


def test_few_shot_prompts_join_answered_examples():
    """Answered examples stand before the prompt, joined as PASTA's code joins them."""
    prompt = write(EXAMPLE, find_arm("few-shot=1"), "raw", [EXAMPLE])
    assert prompt.text == f"{TEXT} nurse\n###\n{TEXT}"


def test_chat_prompts_are_turns():
    """What the model completes is the beginning of its own turn; the emphasis stays on the user's words."""
    user, said = write(EXAMPLE, find_arm("steered"), "chat")
    assert user["content"] == "Mary lives here. She is a nurse."
    assert user["spans"] == [{"start": ASKED.start, "end": ASKED.end}]
    assert said == {"role": "assistant", "content": "Mary has the occupation of"}


def test_few_shot_chats_are_earlier_turns():
    """In a chat the examples are turns that were answered."""
    turns = write(EXAMPLE, find_arm("few-shot=1"), "chat", [EXAMPLE])
    assert [turn["role"] for turn in turns] == ["user", "assistant", "user", "assistant"]
    assert turns[1]["content"] == "Mary has the occupation of nurse"
    assert "spans" not in turns[0]


WORDS = st.lists(st.sampled_from(["a", "bb", "ccc", "dd."]), min_size=1, max_size=12)


@given(WORDS, st.data())
def test_random_spans_keep_length_and_distance(words, data):
    """A random span has as many words as the emphasis, or all there are beside it, and never touches it."""
    text = " ".join(words)
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first + 1, len(words)))
    start = len(" ".join([*words[:first], ""]))
    asked = CharSpan(start, start + len(" ".join(words[first:last])))
    example = Example("x", "x", EmphasisedText(text, (asked,)), Choose(("a",)))
    spans = random_spans(example)
    if len(words) == last - first:
        assert spans == ()
        return
    (span,) = spans
    assert span.end <= asked.start or span.start >= asked.end
    longest = max(first, len(words) - last)
    assert len(text[span.start : span.end].split()) == min(last - first, longest)
    assert random_spans(example) == spans


@pytest.mark.parametrize("setting", ["raw", "chat"])
def test_spans_fight_at_the_strength_of_the_arm(setting):
    """The other span has its share of the arm's strength, the asked one the arm's own."""
    prompt = write(EXAMPLE, find_arm("steered@fight=0.5"), setting, strength=3.0)
    if setting == "raw":
        assert [span.strength for span in prompt.spans] == [1.5, None]
    else:
        assert [span.get("strength") for span in prompt[0]["spans"]] == [1.5, None]
