"""What is learned on: tasks weigh alike, some of every task is of another span, batches hold what is of like length."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import ProfilingError
from boldface.profiling.material import Subject, batches, by_task, curriculum, gather, of_role
from boldface.tasks import catalogue
from boldface.tasks.data import Data
from boldface.tasks.example import Choose, Continue, Example
from boldface.tasks.task import Metric, Task

DATA = Data(None)


def _task(name, question, *, rival=None, other=True, variants=("original",), both=False):
    """A task of twelve rows a split; its prompts grow, and ``both`` asks them either way."""

    def examples(data, split, variant):
        for row in range(12):
            text = f"{split} {variant}{' word' * row}: say yes. Or no:"
            start = text.index("say")
            spans = [CharSpan(start, start + 8), CharSpan(start + 9, start + 14)]
            for turn in (spans, spans[::-1]) if both else (spans,):
                yield Example(
                    f"{row}{turn[0].start}",
                    f"{row}",
                    EmphasisedText(text, turn[:1]),
                    question,
                    other=tuple(turn[1:]) if other else (),
                    target=" yes" if turn == spans else " no",
                    rival=(rival if turn == spans else " yes") if rival else None,
                )

    metric = Metric("right", "Right", "Right.")
    return Task(name, name, "Asks.", (metric,), examples, lambda example, answer: {"right": 1.0}, variants)


PICK = Choose(("yes", "no"))
TASKS = (
    _task("rivals", PICK, rival=" no", variants=("original", "shortened")),
    _task("placebo", PICK),
    _task("either", PICK, rival=" no", both=True),
    _task("single", PICK, other=False, variants=("whole", "part")),
    _task("calm", Continue(" yes")),
)
NAMES = tuple(task.name for task in TASKS)


@pytest.fixture(autouse=True)
def tasks(monkeypatch):
    """The tasks of this file, by name."""
    for task in TASKS:
        monkeypatch.setitem(catalogue.TASKS, task.name, task)


def taught(tiny, *names, split="train", settings=("raw",), variants=("original",), rows=3, longest=300, contrast=0.25):
    """A curriculum of some tasks."""
    how = {"settings": settings, "variants": variants, "rows": rows, "longest": longest, "contrast": contrast}
    return curriculum(tiny, names, DATA, split, **how)


@pytest.mark.parametrize("settings", [("raw",), ("raw", "chat")])
@pytest.mark.parametrize("variants", [("original",), ("original", "shortened"), ("shortened",)])
@pytest.mark.parametrize("contrast", [0.0, 0.25, 0.5])
def test_every_task_weighs_one(tiny, settings, variants, contrast):
    """However many settings and wordings it has, and whether another span is looked at or not."""
    found = taught(tiny, *NAMES, settings=settings, variants=variants, contrast=contrast)
    for name in NAMES:
        own = {subject: subject.weight for subject in found if subject.task == name}
        assert sum(own.values()) == pytest.approx(1)
        asked = [weight for subject, weight in own.items() if subject.role == "asked"]
        assert len(asked) == len(settings) * (len(variants) if name == "rivals" else 1)
        assert len(set(asked)) == 1


def test_a_share_goes_to_another_span(tiny):
    """Where the other span asks for something else, or for nothing."""
    for name in ("rivals", "placebo"):
        weights = {subject.role: subject.weight for subject in taught(tiny, name, settings=("raw", "chat"))}
        assert weights == pytest.approx({"asked": 0.75 / 2, "other": 0.25 / 2})
        assert {subject.role for subject in taught(tiny, name, contrast=0)} == {"asked"}


@pytest.mark.parametrize("name", ["either", "single", "calm"])
def test_some_tasks_have_no_need_of_another_span(tiny, name):
    """Those that ask either way themselves, that have no other span, and those in which nothing is asked."""
    (subject,) = taught(tiny, name)
    assert (subject.role, subject.weight) == ("asked", 1)


def test_the_kinds_of_lessons(tiny):
    """With a rival, the other span is obeyed; without one it should change nothing."""
    kinds = {
        (subject.task, subject.role): {lesson.kind for lesson in lessons}
        for subject, lessons in taught(tiny, "rivals", "placebo", "calm").items()
    }
    assert kinds == {
        ("rivals", "asked"): {"obey"},
        ("rivals", "other"): {"obey"},
        ("placebo", "asked"): {"obey"},
        ("placebo", "other"): {"calm"},
        ("calm", "asked"): {"calm"},
    }


def test_a_task_without_the_wording_has_its_first(tiny):
    """So that it is not lost where others are taught in several wordings."""
    assert [subject.variant for subject in taught(tiny, "single", variants=("original",))] == ["whole"]
    assert [subject.variant for subject in taught(tiny, "single", variants=("original", "part"))] == ["part"]


def test_lessons_are_of_their_subject(tiny):
    """Split, wording, setting and role are those that the subject names."""
    found = taught(tiny, "rivals", split="validation", settings=("raw", "chat"), variants=("original", "shortened"))
    assert len(found) == 8
    for subject, lessons in found.items():
        assert len(lessons) == 3
        for lesson in lessons:
            assert (lesson.task, lesson.setting, lesson.role) == (subject.task, subject.setting, subject.role)
            assert lesson.example.prompt.text.startswith(f"validation {subject.variant}")


def test_rows_and_longest(tiny):
    """So many rows, none of them too long; a task that has none left is named."""
    subject = Subject("either")
    assert len(gather(tiny, subject, DATA, "train", 2, 300)) == 4  # both sides of a row
    short = gather(tiny, subject, DATA, "train", 12, 60)
    assert 0 < len(short) < 24
    assert all(lesson.tokens <= 60 for lesson in short)
    with pytest.raises(ProfilingError, match=r"either teaches nothing: .* train split .* at most 10 tokens"):
        taught(tiny, "either", longest=10)


def test_by_task_joins_settings_and_wordings(tiny):
    """One role at a time."""
    found = taught(tiny, "rivals", "single", settings=("raw", "chat"), variants=("original", "shortened"))
    assert {task: len(lessons) for task, lessons in by_task(found).items()} == {"rivals": 12, "single": 6}
    assert {subject.split("/")[0] for subject in of_role(found, "other")} == {"rivals"}
    assert {lesson.role for lessons in of_role(found, "other").values() for lesson in lessons} == {"other"}
    assert sum(len(lessons) for lessons in of_role(found, "asked").values()) == 18


@given(
    lengths=st.lists(st.integers(0, 30), min_size=1, max_size=40),
    size=st.integers(1, 9),
    seed=st.integers(0, 5),
    dice=st.randoms(use_true_random=False),
)
def test_batches_hold_every_lesson_once_and_like_lengths_together(bare_lesson, lengths, size, seed, dice):
    """However the lessons were ordered; only the longest ones' batch may be short."""
    all_of_them = [
        replace(bare_lesson, target=(7,) * length, example=replace(bare_lesson.example, id=str(place)))
        for place, length in enumerate(lengths)
    ]
    found = batches(all_of_them, size, seed)
    assert sorted(one.example.id for batch in found for one in batch) == sorted(map(str, range(len(lengths))))
    assert sorted(map(len, found), reverse=True)[: len(lengths) // size] == [size] * (len(lengths) // size)
    by_length = sorted([lesson.tokens for lesson in batch] for batch in found)
    assert [tokens for batch in by_length for tokens in batch] == sorted(one.tokens for one in all_of_them)
    dice.shuffle(all_of_them)
    assert batches(all_of_them, size, seed) == found


def test_the_seed_orders_the_batches(bare_lesson):
    """Another seed, another order of the same batches."""
    some = [replace(bare_lesson, target=(7,) * length) for length in range(12)]
    orders = [[tuple(len(one.target) for one in batch) for batch in batches(some, 2, seed)] for seed in range(4)]
    assert len(set(map(tuple, orders))) > 1
    assert len(set(map(frozenset, orders))) == 1
