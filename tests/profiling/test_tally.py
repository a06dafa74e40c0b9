"""Effects are over data rows: lessons of a row are joined first, by the metric's own rule."""

from __future__ import annotations

import math
from itertools import groupby
from statistics import fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.profiling.tally import Tally
from boldface.tasks.task import Metric

JOIN = {"mean": fmean, "all": min, "any": max}
scores = st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0])


@st.composite
def tables(draw):
    """Rows of (group, plain score, scores of two candidates), and where to cut them into batches."""
    table = draw(st.lists(st.tuples(st.sampled_from("abcd"), scores, scores, scores), min_size=1, max_size=12))
    return table, draw(st.integers(1, len(table)))


def by_hand(table, at, within, better):
    """The mean, error and rows of a candidate, written as one would say it."""
    gained = []
    there = sorted((row for row in table if row[1] is not None and row[at] is not None), key=lambda row: row[0])
    for _, rows in groupby(there, key=lambda row: row[0]):
        rows = list(rows)
        gained.append(JOIN[within]([row[at] for row in rows]) - JOIN[within]([row[1] for row in rows]))
    if better == "lower":
        gained = [-one for one in gained]
    if not gained:
        return None
    return fmean(gained), stdev(gained) / math.sqrt(len(gained)) if len(gained) > 1 else math.inf, len(gained)


@given(tables(), st.sampled_from(sorted(JOIN)), st.sampled_from(["higher", "lower"]))
def test_effects_are_what_one_would_say(drawn, within, better):
    """Join the lessons of a row, subtract, average over rows; a missing score leaves its lesson out on both sides."""
    table, size = drawn
    tally = Tally(["x", "y"], Metric("m", "", "", within=within, better=better))
    for start in range(0, len(table), size):
        part = table[start : start + size]
        columns = [np.array([row[at] for row in part], dtype=float) for at in (1, 2, 3)]
        tally.add([row[0] for row in part], columns[0], np.stack(columns[1:]))
    found = tally.effects()
    for at, key in ((2, "x"), (3, "y")):
        expected = by_hand(table, at, within, better)
        assert (key in found) == (expected is not None)
        if expected is not None:
            assert found[key] == pytest.approx(expected, abs=1e-12)
