"""What a sweep says in the end: sentences, tables, JSON, pictures, a page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest

from boldface.errors import SweepError
from boldface.sweeps.ablation import ablation_arms, ablation_objectives
from boldface.sweeps.choosing import Tried
from boldface.sweeps.curves import series_of
from boldface.sweeps.drawing import KINDS, draw
from boldface.sweeps.objectives import ACCURACY, DIVERGENCE, OBEDIENCE
from boldface.sweeps.outcome import Outcome
from boldface.sweeps.page import render_html
from boldface.sweeps.plots import plots
from boldface.sweeps.tables import CHOSEN, front_table, render_markdown
from boldface.tasks.catalogue import find_task

SHAPE = {0: 4, 1: 4}


@pytest.fixture
def outcome(tried, measured):
    """Four points, one of which a <b>bad</b> model name does not break."""
    points = (
        tried(0, 0.60, strength=3.0, heads=8, divergence=0.05, accuracy=0.7, tasks={"json": 0.6}),
        tried(1, 0.80, strength=4.0, heads=8, divergence=0.10, accuracy=0.6, tasks={"json": 0.8}),
        tried(2, 0.55, strength=5.0, heads=2, divergence=0.20, accuracy=0.5, tasks={"json": 0.5}, front=False),
        tried(3, 0.90, strength=6.0, heads=4, divergence=0.60, accuracy=0.6, tasks={"json": 0.9}),
    )
    arms = [points[1].point.arm(base) for base in ("steered", "other-span", "random-heads")]
    means = dict(zip(("plain", *arms), (0.5, 0.78, 0.4, 0.55), strict=True))
    part = {arm: measured(mean, divergence=0.1, accuracy=0.5, tasks={"json": mean}) for arm, mean in means.items()}
    facts = {"model": "<b>bad</b>", "space": {"strength": "1 to 6"}, "tasks": ["json"], "objectives": ["obedience"]}
    return Outcome(
        facts,
        (OBEDIENCE, DIVERGENCE),
        (ACCURACY,),
        measured(0.5, divergence=0.0, accuracy=0.7, tasks={"json": 0.5}),
        points,
        points[1],
        "of the rest it is the best.",
        {0: (), 1: (), 3: ("it moves the model",)},
        {"proof": part},
    )


@pytest.fixture
def ablation(outcome, measured, profile):
    """An ablation's outcome."""

    def make(kind):
        arms = ablation_arms(kind, profile, SHAPE)
        told = tuple(
            Tried(number, arm, {"arm": arm}, measured(0.02 * number, divergence=0.1), True)
            for number, arm in enumerate(arms)
        )
        facts = dict(outcome.facts) | {"space": {"arms": arms}}
        return replace(outcome, facts=facts, tried=told, chosen=None, others=(), parts={}, objections={})

    return make


def test_the_front_is_told_best_first(outcome):
    """Plain first, the recommended point marked, what is beaten left out."""
    rows = front_table(outcome).rows
    assert [row.arm.name for row in rows] == ["plain", *(outcome.tried[number].arm for number in (3, 1, 0))]
    assert [row.cells[1].text for row in rows].index(CHOSEN) == 2
    text = render_markdown(outcome)
    assert text.startswith("- Recommended: point 1, 4 nats (×54.6), 8 heads, scope all.")
    assert "On 25 validation rows that chose nothing: Obedience 78.0 ± 4.0 %, 95 % interval [70.0, 86.0]" in text
    assert "*other span, 4 nats, 8 heads, all scope*" in text
    assert outcome.tried[2].arm not in text
    assert "5 nats" in render_markdown(outcome, whole=True)


def test_json_holds_all_of_it(outcome):
    """Every point with its figures, the front by number, the recommended one, and no number that JSON has not."""
    content = json.loads(json.dumps(outcome.to_json(), allow_nan=False))
    assert content["front"] == [3, 1, 0]
    assert content["recommended"]["strength"] == 4.0
    assert [one["objectives"]["obedience"]["mean"] for one in content["points"]] == [0.6, 0.8, 0.55, 0.9]
    assert content["confirmed"] is None


def test_the_test_split_confirms_or_does_not(outcome, measured):
    """Inside the interval of the proof or outside; without a proof the interval is said to flatter."""
    for mean, said in ((0.85, "inside"), (0.69, "outside")):
        test = {**outcome.parts["proof"], outcome.chosen.arm: measured(mean, divergence=0.1, accuracy=0.5)}
        both = replace(outcome, parts={**outcome.parts, "test": test})
        assert f"lies {said} the interval" in render_markdown(both)
        assert both.to_json()["confirmed"] == (said == "inside")
    assert "flatters" in render_markdown(replace(outcome, parts={}))
    nothing = replace(outcome, chosen=None, why="No point does more good than harm (…).", parts={})
    assert render_markdown(nothing).startswith("- No point")


def test_pictures_are_drawn(outcome, ablation, tmp_path):
    """Of every kind, of sweeps and ablations; the SVG is the same again, byte by byte."""
    for name, one in (("sweep", outcome), *((kind, ablation(kind)) for kind in ("heads", "alpha", "grain"))):
        draw(one, tmp_path / f"{name}.svg")
        ElementTree.parse(tmp_path / f"{name}.svg")
    for kind in KINDS:
        draw(outcome, tmp_path / f"again{kind}")
        assert (tmp_path / f"again{kind}").stat().st_size > 1000
    assert (tmp_path / "again.svg").read_bytes() == (tmp_path / "sweep.svg").read_bytes()
    assert (tmp_path / "again.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_asks_for_nothing_and_trusts_nobody(outcome, ablation):
    """One file: no address in it, names escaped, every point somewhere."""
    for one in (outcome, ablation("heads"), ablation("grain")):
        page = render_html(one)
        assert "<b>bad</b>" not in page and "&lt;b&gt;bad" in page
        assert "http" not in page.replace("http-equiv", "")
        for some in one.tried:
            assert f"{100 * some.measure.objectives['obedience'].mean:.1f}" in page
    assert "Recommended: point 1" in render_html(outcome)


def test_plots_put_better_higher(outcome, ablation):
    """Places follow figures, inside the plot, and a front of several objectives has a plot for each other one."""
    (plot,) = plots(outcome)
    dots = {dot.number: dot for group in plot.groups for dot in group.dots if dot.number}
    assert dots["3"].y < dots["1"].y < dots["0"].y
    assert dots["3"].x > dots["1"].x > dots["0"].x
    for plot in (*plots(outcome), *plots(ablation("alpha"))):
        assert all(0 <= dot.x <= 100 and 0 <= dot.y <= 100 for group in plot.groups for dot in group.dots)


def test_ablations_are_the_papers(ablation, profile):
    """More and more heads, other alphas, all heads and every layer and head, each once."""
    heads, alphas, grain = (series_of(ablation(kind)) for kind in ("heads", "alpha", "grain"))
    assert [[x for x, _ in one.points] for one in heads] == [[1, 2, 3, 4], [1, 2, 3]]
    assert all(one.points[0][0] == pytest.approx(0.001, rel=0.01) for one in alphas)
    assert [one.title for one in grain] == ["one layer", "one head", "all heads"]
    assert [len(one.points) for one in grain] == [2, 8, 2]
    arms = ablation_arms("grain", profile, SHAPE)
    assert arms[0] == "all-heads" and len(arms) == len(set(arms)) == 11
    assert ablation_objectives([find_task("json")])[-1] == "json.entropy"
    assert ablation_objectives([find_task("counterfact")]) is None


def test_a_profile_of_negative_gains_has_no_ablation(profile):
    """The paper's form needs positive ones."""
    with pytest.raises(SweepError, match="positive gain"):
        ablation_arms("heads", profile._replace(gains=-profile.gains), SHAPE)
