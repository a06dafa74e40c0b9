"""Trials and readings: equal when everything that matters is, and the same again after a file or a wire."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.profiles.heads import HeadGains
from boldface.profiling.lesson import Lesson
from boldface.profiling.trial import LIKELIHOOD, Reading, Trial
from boldface.tasks.example import Choose, Continue, Example, Generate

numbers = st.floats(allow_nan=False, allow_infinity=False, width=32)
names = st.text(max_size=4)
gains = st.dictionaries(st.tuples(st.integers(0, 3), st.integers(0, 3)), numbers, max_size=5)
questions = st.one_of(
    st.builds(Generate, st.integers(1, 64), st.sampled_from(["end", "json", "line"])),
    st.builds(Choose, st.tuples(names, names)),
    st.builds(Continue, names),
)


@st.composite
def lessons(draw):
    """Any lesson."""
    ids = tuple(draw(st.lists(st.integers(0, 99), min_size=2, max_size=6)))
    span = TokenSpan(draw(st.integers(0, len(ids) - 1)), len(ids), draw(st.floats(-3, 3)))
    prompt = EncodedPrompt("text", ids, (), (span,), (), (), (False,) * len(ids))
    info = draw(st.dictionaries(names, st.one_of(names, st.integers(), st.lists(names)), max_size=2))
    example = Example(draw(names), "group", EmphasisedText("text", (CharSpan(0, 1),)), draw(questions), info=info)
    kind, role = draw(st.sampled_from(["obey", "calm"])), draw(st.sampled_from(["asked", "other"]))
    return Lesson(draw(names), "raw", role, kind, prompt, tuple(draw(st.lists(st.integers(0, 99)))), example)


@st.composite
def trials(draw):
    """Any trial."""
    measure = draw(st.sampled_from(["likelihood", "gradient", "answers"]))
    scope, rule = draw(st.sampled_from(["all", "answer"])), draw(st.sampled_from(["pasta", "flat"]))
    taught = tuple(draw(st.lists(lessons(), min_size=1, max_size=3)))
    return Trial(taught, HeadGains(draw(gains)), draw(st.floats(0, 30)), measure, scope, rule)


@given(trials())
def test_a_trial_travels(trial):
    """What arrives in another process is the trial, and goes by the same key, asked for before or not."""
    arrived = pickle.loads(pickle.dumps(trial))
    assert arrived == trial
    assert arrived.key == trial.key == pickle.loads(pickle.dumps(trial)).key


@given(
    trials(),
    st.dictionaries(names, st.lists(st.none() | numbers, max_size=3).map(tuple), max_size=3),
    st.lists(st.lists(numbers, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple),
    st.integers(0, 10**12),
    st.floats(0, 1e6),
)
def test_a_reading_comes_back_from_a_file(trial, scores, gradient, passes, seconds):
    """What was written as a line of JSON is read as it was."""
    reading = Reading(trial.key, scores, gradient, passes, seconds)
    assert Reading.from_line(json.loads(json.dumps(reading.to_line(trial)))) == reading


def test_the_likelihood_is_the_score_of_that_name():
    """Lesson by lesson."""
    assert Reading("key", {LIKELIHOOD: (-1.0, -2.5)}).likelihood == (-1.0, -2.5)


@given(trials(), st.randoms())
def test_the_key_is_of_the_content_and_not_of_its_spelling(trial, random):
    """Gains in another order or with zeros, and a whole number for a strength, are the same trial."""
    pairs = [*trial.gains.items(), ((7, 7), 0.0)]
    random.shuffle(pairs)
    assert replace(trial, gains=HeadGains(dict(pairs))).key == trial.key
    whole = replace(trial, strength=float(round(trial.strength)))
    assert replace(whole, strength=round(trial.strength)).key == whole.key


@given(trials())
def test_the_key_is_not_of_what_is_only_told(trial):
    """What people read of a prompt, and the group of a row, do not change the result."""
    first = trial.lessons[0]
    told = replace(
        first,
        prompt=replace(first.prompt, pieces=("x",) * len(first.prompt.ids), widened=(CharSpan(0, 1),)),
        example=replace(first.example, group="another"),
    )
    assert replace(trial, lessons=(told, *trial.lessons[1:])).key == trial.key


CHANGES = {
    "gain": lambda trial: replace(trial, gains=HeadGains({(0, 1): 0.5})),
    "head": lambda trial: replace(trial, gains=HeadGains({(1, 0): 1.0})),
    "sign": lambda trial: replace(trial, gains=-trial.gains),
    "no gains": lambda trial: replace(trial, gains=HeadGains()),
    "strength": lambda trial: replace(trial, strength=2.25),
    "gradient": lambda trial: replace(trial, measure="gradient"),
    "answers": lambda trial: replace(trial, measure="answers"),
    "scope": lambda trial: replace(trial, scope="answer"),
    "rule": lambda trial: replace(trial, rule="flat"),
    "lesson twice": lambda trial: replace(trial, lessons=trial.lessons * 2),
}
LESSON_CHANGES = {
    "task": lambda lesson: replace(lesson, task="pronouns"),
    "role": lambda lesson: replace(lesson, role="other"),
    "kind": lambda lesson: replace(lesson, kind="calm"),
    "target": lambda lesson: replace(lesson, target=(8,)),
    "longer target": lambda lesson: replace(lesson, target=(7, 7)),
    "no target": lambda lesson: replace(lesson, target=()),
    "prompt": lambda lesson: replace(lesson, prompt=replace(lesson.prompt, ids=(4, 5, 9))),
    "span": lambda lesson: replace(lesson, prompt=replace(lesson.prompt, spans=(TokenSpan(1, 3, 1.0),))),
    "span's strength": lambda lesson: replace(lesson, prompt=replace(lesson.prompt, spans=(TokenSpan(1, 2, 0.5),))),
    "row": lambda lesson: replace(lesson, example=replace(lesson.example, id="2")),
    "question": lambda lesson: replace(lesson, example=replace(lesson.example, question=Choose(("d", "f")))),
    "kind of question": lambda lesson: replace(lesson, example=replace(lesson.example, question=Generate(8))),
    "what scoring needs": lambda lesson: replace(lesson, example=replace(lesson.example, info={"wanted": "d"})),
}


@pytest.fixture
def trial(bare_lesson):
    """One trial to change."""
    return Trial((bare_lesson,), HeadGains({(0, 1): 1.0}), 2.0)


def test_the_key_changes_with_all_that_matters(trial):
    """Every change gives another key, and no two the same."""
    changed = {name: change(trial) for name, change in CHANGES.items()}
    for name, change in LESSON_CHANGES.items():
        changed[name] = replace(trial, lessons=(change(trial.lessons[0]),))
    keys = {trial.key} | {other.key for other in changed.values()}
    assert len(keys) == 1 + len(changed)


def test_the_order_of_lessons_matters(trial):
    """Scores stand in the order of lessons, so the same lessons in another order are another trial."""
    first = trial.lessons[0]
    second = replace(first, target=(9,))
    assert replace(trial, lessons=(first, second)).key != replace(trial, lessons=(second, first)).key
