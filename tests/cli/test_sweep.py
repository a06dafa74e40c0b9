"""``boldface sweep``: nonsense is told before a model loads; a sweep goes on, is shown again, and writes a profile."""

from __future__ import annotations

import json
import sys

import pytest

pytest.importorskip("optuna", reason="optuna is of the sweep extra")

from boldface.profiles.profile import Profile
from boldface.records.store import read

HEADS = "L0H1, L0H2=-0.4, L1H0=0.8, L1H3=0.5"


@pytest.fixture
def sweep(boldface, tiny, tiny_data, monkeypatch, tmp_path):
    """Runs ``boldface sweep`` on tiny data in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BOLDFACE_DATA", str(tiny_data))

    def run(*words):
        return boldface("sweep", *words)

    run.tiny = ("--model", tiny, "--tasks", "counterfact,neutral", "--rows", "3", "--profile", HEADS)
    run.grid = ("--sampler", "grid", "--strength", "1,3", "--head-counts", "1,4", "--scopes", "all")
    return run


@pytest.fixture
def no_model(monkeypatch):
    """Nothing may be loaded."""
    from boldface.cli import generate

    def load(*args, **options):
        raise AssertionError("a model is loaded")

    monkeypatch.setattr(generate, "load", load)


def test_a_sweep_from_end_to_end(sweep, tmp_path, monkeypatch):
    """Front, pictures, page and JSON; the same command goes on without asking again; another look needs no model."""
    shown = ("--report", "new/page.html", "--markdown", "new/tables.md", "--plot", "new/front.svg")
    done = sweep(*sweep.tiny, *sweep.grid, *shown)
    assert done.exit_code == 0, done.stderr
    assert "The front:" in done.stdout
    assert "plain: obedience" in done.stderr and "point 3: steered" in done.stderr
    assert "All points" in (tmp_path / "new/tables.md").read_text(encoding="utf-8")
    assert "<html" in (tmp_path / "new/page.html").read_text(encoding="utf-8")
    assert (tmp_path / "new/front.svg").read_text(encoding="utf-8").startswith("<?xml")
    answers = (tmp_path / "sweeps/tiny.jsonl").read_bytes()
    again = sweep(*sweep.tiny, *sweep.grid, "--json")
    assert again.exit_code == 0, again.stderr
    assert (tmp_path / "sweeps/tiny.jsonl").read_bytes() == answers
    content = json.loads(again.stdout)
    assert len(content["points"]) == 4
    from boldface.cli import generate

    monkeypatch.setattr(generate, "load", None)
    looked = sweep("--show", "--model", "tiny", "--json")
    assert looked.exit_code == 0, looked.stderr
    assert json.loads(looked.stdout) == content


def test_the_answers_are_an_evaluations(sweep, boldface, tmp_path):
    """``boldface evaluate --from`` shows them, and takes the points as arms."""
    sweep(*sweep.tiny, *sweep.grid)
    done = boldface("evaluate", "--from", "sweeps/tiny.jsonl")
    assert done.exit_code == 0, done.stderr
    assert "steered, 3 nats, 4 heads, all scope" in done.stdout


def test_the_recommended_point_is_written(sweep, boldface, tmp_path):
    """Where one is recommended, the profile steers with it; where none is, nothing is written and why is told."""
    words = (*sweep.tiny, *sweep.grid, "--objectives", "divergence", "--json")
    done = sweep(*words, "--write", "mine.json")
    content = None if done.exit_code else json.loads(done.stdout)
    if content is None:
        assert "nothing to write" in done.stderr
        assert not (tmp_path / "mine.json").exists()
    else:
        profile = Profile.load(tmp_path / "mine.json")
        assert profile.strength == content["recommended"]["strength"]
        assert len(profile.gains) == content["recommended"]["heads"]
    (tmp_path / "other.json").write_text("{}")
    refused = sweep(*words, "--write", "other.json")
    assert refused.exit_code == 2
    assert (tmp_path / "other.json").read_text() == "{}"


def test_an_ablation_is_told_arm_by_arm(sweep, tmp_path):
    """All heads, every layer, every head, once each, and a picture."""
    done = sweep(*sweep.tiny, "--ablation", "grain", "--rows", "2", "--plot", "grain.png")
    assert done.exit_code == 0, done.stderr
    assert "all heads, L1H3" in done.stdout
    arms = {line["arm"] for line in read(tmp_path / "sweeps/tiny.jsonl")[1] if line["kind"] == "answer"}
    assert len(arms) == 1 + 1 + 2 + 8
    assert (tmp_path / "grain.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--strength", "1:3", "--factor", "2:9"), "--strength and --factor say the same thing twice"),
        (("--strength", "three"), "cannot be read"),
        (("--strength", "1:29"), "Hint"),
        (("--factor", "-1:5"), "factor"),
        (("--head-counts", "1:9"), "steers 4"),
        (("--head-counts", "1.5"), "no number of heads"),
        (("--head-counts", "1:2", "--sparsity", "0.5"), "twice"),
        (("--sparsity", "1"), "cannot be left out"),
        (("--scopes", "some"), "There is no scope"),
        (("--temperatures", "-1"), "temperatures"),
        (("--sampler", "grid"), "needs values"),
        (("--tasks", "jsno"), "Did you mean"),
        (("--objectives", "charm"), "Choose among"),
        (("--objectives", "fluency"), "writes"),
        (("--rows", "500"), "Ask for fewer rows"),
        (("--proof", "500"), "after the first 3"),
        (("--confirm", "500"), "test split"),
        (("--settings", "loud"), "setting"),
        (("--minutes", "0"), "budget"),
        (("--trials", "-1"), "budget"),
        (("--write", "mine.txt"), ".json"),
        (("--plot", "front.gif"), "no kind"),
        (("--out", "."), "folder"),
        (("--ablation", "heads", "--write", "mine.json"), "recommends nothing"),
        (("--ablation", "heads", "--strength", "1:2"), "says itself"),
        (("--show",), "no storage"),
        (("--show", "--write", "mine.json"), "Leave --show out"),
        (("--data", "nowhere"), "does not exist"),
    ],
)
def test_nonsense_is_told_before_a_model_is_loaded(sweep, no_model, words, says):
    """With what to do."""
    if words == ("--strength", "1:29"):
        words = ("--strength", "1:29", "--profile", "L0H1=2")
    done = sweep(*sweep.tiny, *words)
    assert done.exit_code in (2, 3), done.stdout
    assert says in done.stderr
    assert "Hint" in done.stderr


def test_a_model_without_a_profile_is_told_before_it_is_loaded(sweep, no_model, tiny):
    """With where one comes from."""
    done = sweep("--model", tiny)
    assert done.exit_code == 2
    assert "profiles make" in done.stderr


def test_another_sweep_does_not_mix_in(sweep):
    """One storage holds many studies; one study is one question."""
    assert sweep(*sweep.tiny, *sweep.grid).exit_code == 0
    other = sweep(*sweep.tiny, "--trials", "2")
    assert other.exit_code == 2
    assert "was made with" in other.stderr
    other = sweep(*sweep.tiny, *sweep.grid, "--route", "reference")
    assert other.exit_code == 2
    assert "was made with route 'auto', not 'reference'" in other.stderr
    assert sweep(*sweep.tiny, "--trials", "2", "--study", "other").exit_code == 0
    shown = sweep("--show", "--model", "tiny")
    assert shown.exit_code == 2
    assert "Name one with --study" in shown.stderr
    assert sweep("--show", "--model", "tiny", "--study", "other").exit_code == 0


def test_what_is_missing_is_told(sweep, monkeypatch):
    """Optuna and matplotlib are of an extra."""
    monkeypatch.setitem(sys.modules, "optuna", None)
    from importlib import util

    real = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *more: None if name == "optuna" else real(name, *more))
    done = sweep(*sweep.tiny)
    assert done.exit_code == 3
    assert "boldface[sweep]" in done.stderr
