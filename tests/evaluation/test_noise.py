"""Noise: what goes wrong with an emphasis, and what never does."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import TaskError
from boldface.evaluation.noise import ELSEWHERE, NOISES, SCALES, Noise, noisy, random_spans, read_noise
from boldface.tasks.example import Choose, Example

NATS = 4.0
TEXT = "One two three. Four five six. Seven eight nine.\n\nAnswer:"
ASKED = CharSpan(15, 29)
EXAMPLE = Example(
    "1",
    "1",
    EmphasisedText(TEXT, (ASKED,)),
    Choose(("a",)),
    other=(CharSpan(0, 14),),
    answer_start=TEXT.index("Answer"),
)


@st.composite
def examples(draw) -> Example:
    """A prompt of one-letter words, some runs of them emphasised, perhaps with words of the model's own behind it."""
    words = draw(st.integers(4, 40))
    edges = sorted(draw(st.sets(st.integers(0, words), min_size=2, max_size=6)))
    spans = tuple(CharSpan(2 * a, 2 * b - 1) for a, b in zip(edges[::2], edges[1::2], strict=False))
    end = edges[-1] + draw(st.integers(0, 2))
    start = 2 * end if end < words else None
    text = " ".join(["w"] * words)
    return Example(str(draw(st.integers(0, 99))), "g", EmphasisedText(text, spans), Choose(("a",)), answer_start=start)


def words_of(spans) -> set[int]:
    return {place for span in spans for place in range(span.start // 2, (span.end + 1) // 2)}


def users_words(example: Example) -> int:
    end = len(example.prompt.text) + 1 if example.answer_start is None else example.answer_start
    return end // 2


LEVELS = {"shift": (1, 3, 9), "cut": (0.25, 0.5, 0.9), "grow": (1.5, 2, 6), "cover": (0.3, 0.5, 1), "extra": (1, 3, 9)}


@given(examples(), st.sampled_from([(kind, level) for kind, levels in LEVELS.items() for level in levels]))
def test_noise_is_the_users_own_words_and_the_same_every_time(example, noise):
    """Whatever goes wrong, only words of the user are emphasised, some are, and the draw is repeatable."""
    kind, level = noise
    spans = noisy(example, Noise(kind, level), NATS)
    assert spans == noisy(example, Noise(kind, level), NATS)
    assert words_of(spans) and max(words_of(spans)) < users_words(example)
    assert all(span.strength is None for span in spans)


@given(examples(), st.integers(1, 12))
def test_shifted_spans_keep_their_words_and_distances(example, by):
    """All runs move alike, as far as asked where there is room on either side."""
    before, after = example.prompt.spans, noisy(example, Noise("shift", by), NATS)
    moves = {new.start - old.start for old, new in zip(before, after, strict=True)}
    assert moves == {new.end - old.end for old, new in zip(before, after, strict=True)}
    (move,) = moves
    room = max(before[0].start // 2, users_words(example) - (before[-1].end + 1) // 2)
    assert abs(move) == 2 * min(by, room)


@given(examples(), st.sampled_from(LEVELS["cut"]))
def test_cut_spans_lose_an_end(example, share):
    """Each run keeps its share, rounded, one word at least, from the same end."""
    after = noisy(example, Noise("cut", share), NATS)
    sides = set()
    for old, new in zip(example.prompt.spans, after, strict=True):
        count = len(words_of([old]))
        assert len(words_of([new])) == max(1, round(count * (1 - share)))
        assert words_of([new]) <= words_of([old])
        sides |= {old.start == new.start, old.end != new.end} if old != new else set()
    assert len(sides) <= 1


@given(examples(), st.sampled_from(LEVELS["grow"]), st.sampled_from(LEVELS["cover"]))
def test_grown_spans_hold_what_was_asked_and_as_much_as_was_said(example, factor, share):
    """Widened emphasis keeps the right words, and reaches its size to the word where the prompt has it."""
    asked, total = words_of(example.prompt.spans), users_words(example)
    for noise, target in ((Noise("grow", factor), factor * len(asked)), (Noise("cover", share), share * total)):
        wide = words_of(noisy(example, noise, NATS))
        assert asked <= wide
        assert len(wide) == max(len(asked), min(total, round(target)))


@given(examples(), st.integers(1, 10))
def test_further_spans_stand_apart(example, count):
    """What is emphasised too touches nothing that is asked for; more of it holds all that less of it holds."""
    asked = words_of(example.prompt.spans)
    fewer, more = (noisy(example, Noise("extra", level), NATS) for level in (count, count + 1))
    assert fewer[: len(example.prompt.spans)] == example.prompt.spans
    beside = words_of(fewer) - asked
    assert len(beside) == sum(len(words_of([span])) for span in fewer[len(example.prompt.spans) :])
    assert words_of(fewer) <= words_of(more)


@given(examples())
def test_elsewhere_touches_nothing_that_is_asked_for(example):
    """A random run and a random sentence have no word of the emphasis."""
    assume(users_words(example) > len(words_of(example.prompt.spans)))
    assert noisy(example, Noise("random"), NATS) == random_spans(example) != ()
    for kind in ("random", "sentence"):
        assert not words_of(noisy(example, Noise(kind), NATS)) & words_of(example.prompt.spans)


def test_a_wrong_sentence_is_a_whole_one():
    """Sentences are drawn whole, and the emphasised one never."""
    (span,) = noisy(EXAMPLE, Noise("sentence"), NATS)
    assert TEXT[span.start : span.end] in ("One two three.", "Seven eight nine.")


def test_spans_fight():
    """Both sides are emphasised, the other as strongly as said; without another side nobody fights."""
    equal, half = noisy(EXAMPLE, Noise("fight", 1), NATS), noisy(EXAMPLE, Noise("fight", 0.5), NATS)
    assert equal == (ASKED, CharSpan(0, 14))
    assert half == (ASKED, CharSpan(0, 14, 2.0))
    assert noisy(Example("1", "1", EXAMPLE.prompt, Choose(("a",))), Noise("fight", 1), NATS) == ()
    assert noisy(EXAMPLE, Noise("other"), NATS) == EXAMPLE.other


@pytest.mark.parametrize("text", ["shift=4", "cut=0.5", "grow=2", "cover=0.5", "extra=9", "fight=0.5", *ELSEWHERE])
def test_noise_is_read_as_it_is_written(text):
    """A noise's name reads back, and its sentence holds its level."""
    noise = read_noise(text)
    assert str(noise) == text
    assert noise.is_elsewhere or text.split("=")[1] in noise.says


@pytest.mark.parametrize(
    "text",
    ["", "nope", "random=1", "shift", "shift=", "shift=0", "shift=1.5", "shift=-1", "cut=0", "cut=1.1", "grow=1",
     "grow=0.5", "cover=0", "extra=nan", "fight=inf", "shift=x"],
)  # fmt: skip
def test_wrong_noise_is_told(text):
    """A noise that is not there, or does nothing, is refused with a hint that itself is right."""
    with pytest.raises(TaskError) as raised:
        read_noise(text)
    hint = raised.value.hint
    if hint.startswith("Write for example"):
        read_noise(hint.removeprefix("Write for example ").removesuffix("."))
    else:
        assert all(noise in hint for noise in NOISES)


def test_every_kind_is_tried_above():
    """No kind of noise has no test."""
    assert {*LEVELS, "fight"} == set(SCALES)
