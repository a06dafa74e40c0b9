"""Rounds: every lesson once, all tasks side by side, the same batches whatever comes after."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import ProfilingError
from boldface.profiling.rounds import rounds

kinds = st.lists(st.tuples(st.sampled_from(["raw", "chat"]), st.sampled_from(["asked", "other"])), min_size=1)
sizes = st.integers(1, 5)


@pytest.fixture(scope="module")
def lessons(rows_of):
    """Makes lessons of such settings and roles."""
    return lambda task, kinds: [
        replace(lesson, setting=setting, role=role)
        for lesson, (setting, role) in zip(rows_of(len(kinds), task), kinds, strict=True)
    ]


@given(a=kinds, b=kinds, size=sizes)
def test_every_lesson_is_in_one_batch(lessons, a, b, size):
    """Batches hold all lessons once, no more than so many, each of one task, setting and role."""
    given_ = {"json": lessons("json", a), "pronouns": lessons("pronouns", b)}
    laid = rounds(given_, size)
    for task, some in given_.items():
        found = [lesson for name, batch in laid if name == task for lesson in batch]
        assert sorted(one.example.id for one in found) == sorted(one.example.id for one in some)
    for task, batch in laid:
        assert 1 <= len(batch) <= size
        assert {lesson.task for lesson in batch} == {task}
        assert len({(lesson.setting, lesson.role) for lesson in batch}) == 1


@given(a=st.integers(1, 20), b=st.integers(1, 20), size=sizes)
def test_wherever_it_ends_all_tasks_have_got_as_far(rows_of, a, b, size):
    """No task is a batch ahead of another that has batches left."""
    laid = rounds({"json": rows_of(a, "json"), "pronouns": rows_of(b, "pronouns")}, size)
    whole, seen = Counter(task for task, _ in laid), Counter()
    for task, _ in laid:
        seen[task] += 1
        assert all(seen[other] >= min(seen[task] - 1, whole[other]) for other in whole)


@given(kinds=kinds, more=kinds, size=sizes)
def test_more_lessons_change_no_whole_batch(lessons, kinds, more, size):
    """What was measured on fewer lessons is found again with more of them."""
    few = rounds({"json": lessons("json", kinds)}, size)
    many = rounds({"json": lessons("json", [*kinds, *more])}, size)
    whole = [one for one in few if len(one[1]) == size]
    assert many[: len(whole)] == whole


def test_nothing_to_measure_is_refused(rows_of):
    """No task, or a task without lessons, is named."""
    with pytest.raises(ProfilingError, match="no task"):
        rounds({}, 4)
    with pytest.raises(ProfilingError, match="no lessons of pronouns"):
        rounds({"json": rows_of(2), "pronouns": []}, 4)
