"""Progress: what is told, and that answers of an earlier run do not count for the rate."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from boldface.cli import terminal, watching
from boldface.evaluation.record import Case
from boldface.evaluation.run import Step

CASE = Case("json", "raw", "original", "test")
STEPS = (
    Step(CASE, "plain", 1, 0, 40),
    Step(CASE, "plain", 9, 0, 40),
    Step(CASE, "plain", 10, 10, 40),
    Step(CASE, "steered", 4, 4, 40),
)


@pytest.fixture
def clock(monkeypatch):
    """Time that goes on by two seconds whenever somebody looks."""
    now = iter(range(0, 1000, 2))
    monkeypatch.setattr(watching.time, "perf_counter", lambda: float(next(now)))


def test_what_stood_there_does_not_count_for_the_rate(clock):
    """Ten answers that were read in no time say nothing about those to come."""
    pace = watching.Pace()
    for step in STEPS:
        pace.take(step)
    assert (pace.done, pace.computed, pace.rate) == (24, 14, "3.5/s")
    assert pace.left(40) == "0:00:05"


def test_a_file_gets_a_line_for_every_case_and_arm(clock, capsys):
    """Where standard error is no terminal each finished case and arm is one plain line, the last one too."""
    with watching.watching() as watch:
        for step in STEPS:
            watch(step)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2
    assert said[0].startswith("evaluating json (raw, original, test), plain: 20 rows, 10 computed, ")
    assert "; 20 of 40, " in said[0]
    assert said[1].startswith("evaluating json (raw, original, test), steered: 4 rows, 4 computed, ")
    assert "; 24 of 40, " in said[1]


def test_an_interrupted_run_says_how_far_it_came(clock, capsys):
    """The line of the arm that was cut is told as well."""
    with pytest.raises(KeyboardInterrupt), watching.watching("tuning") as watch:
        watch(STEPS[2])
        raise KeyboardInterrupt
    assert capsys.readouterr().err.startswith("tuning json (raw, original, test), plain: 10 rows")


def test_a_terminal_gets_a_bar(monkeypatch):
    """The bar has counts, rate and time left."""
    shown = io.StringIO()
    monkeypatch.setattr(terminal, "margin", lambda: Console(file=shown, force_terminal=True, width=120))
    with watching.watching() as watch:
        for step in STEPS:
            watch(step)
    assert "24/40" in shown.getvalue()
    assert "/s" in shown.getvalue()
    assert "evaluating json (raw), steered" in shown.getvalue()
