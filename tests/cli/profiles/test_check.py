"""``boldface profiles check``: a verdict, its figures, and an exit code for pipelines."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

import boldface as package
from boldface.cli import failures
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.profiling.canaries import Probe, measure

GAINS = HeadGains.parse("L0H1, L1H0, L1H3=-0.5")
PROBES = (Probe("The red door is open", ((4, 7),), "."), Probe("Say it now please.", ((7, 10),), " Now"))


@pytest.fixture(scope="module")
def made(byte_llama) -> Profile:
    """A profile of the tiny model with two canaries; brackets in its name are no markup."""
    model = package.Model(*byte_llama)
    canaries = measure(model, GAINS, 3.0, "all", PROBES)
    return Profile("mine [1]", "tiny", GAINS, 3.0, identity=model.identity, canaries=canaries)


@pytest.fixture
def check(boldface, tiny, tmp_path):
    """Save a profile and check it on the tiny model."""

    def run(profile, *words):
        profile.save(tmp_path / "mine.json")
        return boldface("profiles", "check", tmp_path / "mine.json", "--model", tiny, *words)

    return run


def test_a_valid_profile_says_so_and_exits_with_0(check, made):
    """Verdict, share kept, what the profile was made for, and a line a canary."""
    done = check(made)
    assert done.exit_code == 0, done.stderr
    assert "Profile mine [1] on" in done.stdout
    assert "valid" in done.stdout
    assert "100% of the canaries' effects (95 %: 100% to 100%)" in done.stdout
    assert "this model" in done.stdout
    assert all(canary.target.strip() in done.stdout for canary in made.canaries)
    assert done.stderr == ""


@pytest.mark.parametrize(("scale", "verdict", "code"), [(0.02, "broken", 5), (-1, "broken", 5)])
def test_a_broken_profile_has_its_exit_code(check, made, scale, verdict, code):
    """Gains that are not those the canaries were measured with do something else."""
    done = check(replace(made, gains=GAINS * scale))
    assert done.exit_code == code
    assert verdict in done.stdout
    assert "boldface profiles make" in done.stdout


def test_a_drifted_profile_has_its_exit_code(check, made):
    """Canaries of which a part of the effect is left, on a plain model that moved too."""
    then = tuple(replace(one, plain=one.plain - 1, steered=one.plain - 1 + one.effect * 1.5) for one in made.canaries)
    done = check(replace(made, canaries=then), "--json")
    said = json.loads(done.stdout)
    assert done.exit_code == 4
    assert said["verdict"] == "drifted"
    assert said["kept"]["share"] == pytest.approx(2 / 3, abs=1e-3)
    assert said["plain_moved"] == pytest.approx(1, abs=1e-3)


def test_json_has_every_figure(check, made):
    """One object; what is infinite, the interval of one canary, is null."""
    said = json.loads(check(replace(made, canaries=made.canaries[1:]), "--json").stdout)
    (canary,) = made.canaries[1:]
    assert said["profile"] == "mine [1]"
    assert (said["verdict"], said["relation"]["kind"]) == ("valid", "same")
    assert said["kept"] == {"share": 1.0, "low": None, "high": None}
    assert said["effect"] == {"then": canary.effect, "low": None, "high": None, "now": canary.effect}
    (told,) = said["canaries"]
    assert (told["prompt"], told["target"]) == (canary.prompt, canary.target)
    assert told["then"] == told["now"] == {"plain": canary.plain, "steered": canary.steered, "effect": canary.effect}
    assert not math.isnan(said["plain_moved"])


def test_a_profile_of_unknown_origin_is_checked_all_the_same(check, made):
    """The canaries need no identity."""
    done = check(replace(made, identity=None))
    assert done.exit_code == 0
    assert "the profile does not say" in done.stdout


def test_dtype_is_what_the_canaries_are_measured_in(check, made):
    """Another type moves the plain model, and is named."""
    said = json.loads(check(made, "--dtype", "bfloat16", "--json").stdout)
    assert said["plain_moved"] > 1e-4
    assert any("bfloat16" in difference for difference in said["relation"]["differences"])


def test_a_profile_without_canaries_is_an_error(check, made):
    """Exit code 2, and a hint."""
    done = check(replace(made, canaries=()))
    assert done.exit_code == 2
    assert "profiles make" in done.stderr


def test_exit_codes_are_distinct():
    """No two outcomes share a code, and none is success."""
    codes = [value for name, value in vars(failures).items() if name.isupper() and isinstance(value, int)]
    assert len({0, *codes}) == len(codes) + 1 >= 7
