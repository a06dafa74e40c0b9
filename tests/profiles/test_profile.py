"""Profiles: files that round-trip, files that are refused, and what ships."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.strength import DEFAULT_STRENGTH, MAX_STRENGTH
from boldface.errors import HeadError, StrengthError
from boldface.profiles import catalogue
from boldface.profiles.canary import Canary
from boldface.profiles.heads import HeadGains
from boldface.profiles.identity import Identity, pack_sketch
from boldface.profiles.migrations import LATEST
from boldface.profiles.profile import Profile
from boldface.profiles.provenance import Cost, TaskUse

TINY = Identity(
    architecture="LlamaForCausalLM",
    layers=2,
    heads=3,
    kv_heads=1,
    head_dim=8,
    hidden_size=24,
    vocabulary=64,
    weights="0123456789abcdef",
    sketch=pack_sketch(index / 8 for index in range(64)),
    tokenizer="fedcba9876543210",
    dtype="bfloat16",
    origin="tiny.gguf",
    quantization="Q8_0 GGUF",
)

SMALL = Profile(
    name="small",
    model="Tiny",
    gains=HeadGains({(1, 2): 0.5, (0, 0): -1.25}),
    strength=2.0,
    scope="answer",
    layers=2,
    heads=3,
    identity=TINY,
    method="by hand",
    settings={"steps": 3, "prices": [0.5, None]},
    tasks=(TaskUse("facts", "raw", "original", "train", 20, 1.5, "abc"),),
    seed=7,
    scores={"facts": {"new": 1.0}},
    canaries=(Canary("Say yes. **No**.", ((9, 15), (0, 3)), " No", -3.25, -0.5),),
    cost=Cost(12, 34567, 8.5),
    boldface="0.1.0",
    note="für Tests",
    version=4,
)

GAINS = st.dictionaries(
    st.tuples(st.integers(0, 200), st.integers(0, 200)), st.floats(allow_nan=False, allow_infinity=False), max_size=9
)


@given(gains=GAINS, strength=st.floats(-MAX_STRENGTH, MAX_STRENGTH), name=st.text())
def test_json_round_trip(gains: dict[tuple[int, int], float], strength: float, name: str) -> None:
    """Reading what was written gives the same profile."""
    profile = Profile(name=name, model="any", gains=HeadGains(gains), strength=strength)
    assert Profile.from_json(profile.to_json()) == profile


def test_file_round_trip(tmp_path: Path) -> None:
    """A saved profile loads as it was, from a path and from the path's text; nothing else is left in the folder."""
    path = tmp_path / "small.json"
    SMALL.save(path)
    SMALL.save(path)
    assert Profile.load(path) == Profile.load(str(path)) == SMALL
    assert list(tmp_path.iterdir()) == [path]
    assert json.loads(path.read_text(encoding="utf-8"))["schema_version"] == LATEST


def test_failed_save_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the old file whole and no draft beside it."""
    path = tmp_path / "small.json"
    SMALL.save(path)

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(HeadError, match=r"cannot be written.*disk full"):
        Profile(name="other", model="", gains=HeadGains()).save(path)
    assert list(tmp_path.iterdir()) == [path]
    assert Profile.load(path) == SMALL


def test_save_into_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A folder that does not exist gives a HeadError that names the file."""
    with pytest.raises(HeadError, match=r"absent.x\.json cannot be written"):
        SMALL.save(tmp_path / "absent" / "x.json")


def test_reference_file_is_read(tmp_path: Path) -> None:
    """The reference implementation's bare {layer: [heads]} becomes gains of 1 at the default strength."""
    path = tmp_path / "heads.json"
    path.write_text('{"12": [3, 7], "0": [1]}')
    profile = Profile.load(path)
    assert profile.gains == HeadGains([(12, 3), (12, 7), (0, 1)])
    assert (profile.name, profile.strength, profile.layers) == ("heads", DEFAULT_STRENGTH, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ("[1, 2]", "holds list"),
        ('{"0": [1], "0": [2]}', "twice"),
        ('{"a": [1]}', "not a layer number"),
        ('{"0": "12"}', "Layer 0 names"),
        ('{"0": [null]}', "not a head number"),
        ('{"0": {"1": "much"}}', "no readable head gains"),
        ('{"0": {"1": NaN}}', "not a finite number"),
        ('{"-1": [0]}', "-1"),
        ('{"schema_version": 3}', "schema_version 3.*update boldface"),
        ('{"schema_version": true}', "schema_version True"),
        ('{"schema_version": "1"}', "schema_version '1'"),
        ('{"schema_version": 1, "name": "a", "model": "b"}', "lacks gains"),
        ('{"schema_version": 1, "name": "a", "model": "b", "gains": {}, "colour": 1}', "unknown fields: colour"),
        ('{"schema_version": 1, "name": 3, "model": "b", "gains": {}}', "name is 3"),
        ('{"schema_version": 1, "name": "a", "model": "b", "gains": []}', "gains is"),
        ('{"schema_version": 1, "name": "a", "model": "b", "gains": {}, "strength": true}', "strength is True"),
        ('{"schema_version": 1, "name": "a", "model": "b", "gains": {"9": [0]}, "layers": 2, "heads": 1}', "L9H0"),
    ],
)
def test_bad_file_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """What is no profile gives a HeadError that names the file and says what is wrong."""
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(HeadError, match=message) as caught:
        Profile.load(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_bad_strength_is_refused(tmp_path: Path) -> None:
    """A strength beyond the cap gives a StrengthError that names the file."""
    path = tmp_path / "strong.json"
    path.write_text('{"schema_version": 1, "name": "a", "model": "b", "gains": {}, "strength": 1000}')
    with pytest.raises(StrengthError, match=r"strong\.json.*1000"):
        Profile.load(path)


def test_binary_file_is_refused(tmp_path: Path) -> None:
    """A file that is not text gives a HeadError."""
    path = tmp_path / "model.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(HeadError, match="cannot be read"):
        Profile.load(path)


@pytest.mark.parametrize("source", ["missing.json", "folder/smollm2", Path("smollm2")])
def test_missing_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str | Path) -> None:
    """What is written as a path is a file and never a shipped profile."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(HeadError, match="cannot be read"):
        Profile.load(source)


def test_unknown_name_lists_the_known_ones() -> None:
    """The error for an unknown name lists every shipped profile."""
    with pytest.raises(HeadError, match="no shipped profile 'smollm3'") as caught:
        Profile.load("smollm3")
    assert all(name in caught.value.hint for name in catalogue.names())


@pytest.mark.parametrize(("layers", "heads", "fits"), [(2, 3, True), (2, 4, False), (3, 3, False)])
def test_shape_is_compared(layers: int, heads: int, fits: bool) -> None:
    """A profile matches models of its own shape alone; one of unknown shape matches any."""
    assert SMALL.matches(layers, heads) is fits
    assert Profile(name="any", model="", gains=HeadGains([(0, 0)])).matches(layers, heads)


@pytest.mark.parametrize(("name", "layers", "heads"), [("smollm2", 30, 9), ("gemma", 18, 4)])
def test_shipped_profiles(name: str, layers: int, heads: int) -> None:
    """Both embedded models have a profile of their shape, with gains, scores with errors, and a seed."""
    profile = Profile.load(name)
    assert name in catalogue.names()
    assert profile.name == name
    assert profile.matches(layers, heads)
    assert profile.gains
    assert profile.seed is not None
    assert profile.method
    assert profile.settings
    steered, plain = profile.scores["steered"], profile.scores["plain"]
    assert profile.scores["split"] == "validation"
    for before, after in (
        (plain["average"], steered["average"]),
        (plain["tasks"]["counterfact"], steered["tasks"]["counterfact"]),
    ):
        assert after["mean"] - after["stderr"] > before["mean"] + before["stderr"]
    assert profile.canaries
    assert profile.cost is not None and profile.identity is not None


def test_the_evidence_profile_is_the_same_models() -> None:
    """A second profile of a model goes by a name of its own, says what it is for, and beats plain on what it is for."""
    evidence, own = Profile.load("smollm2-evidence"), Profile.load("smollm2")
    assert evidence.identity is not None and own.identity is not None
    assert evidence.identity.weights == own.identity.weights and evidence.gains != own.gains
    assert "evidence" in evidence.note and {"squad (asked)", "hotpotqa (asked)"} <= {use.name for use in evidence.tasks}
    assert evidence.scores["steered"]["average"]["mean"] > evidence.scores["plain"]["average"]["mean"]


def test_profiles_need_no_torch() -> None:
    """Loading a shipped profile imports neither torch nor transformers."""
    code = (
        "import sys; from boldface.profiles.profile import Profile; Profile.load('smollm2'); "
        "sys.exit(bool({'torch', 'transformers'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    "content",
    ["[" * 100_000, '{"0": {"1": 1' + "0" * 400 + "}}"],
    ids=["nested too deeply", "gain beyond any float"],
)
def test_absurd_json_is_refused(content: str) -> None:
    """JSON that Python can hardly read is a HeadError like any other."""
    with pytest.raises(HeadError):
        Profile.from_json(content)


def test_profile_takes_head_gains_alone() -> None:
    """A bare dictionary of gains is refused where it is given, not where it is used."""
    with pytest.raises(HeadError, match="gains is dict"):
        Profile("small", "Tiny", {(0, 1): 1.0})  # type: ignore[arg-type]


def test_name_that_is_no_path_is_refused() -> None:
    """A name no file can have is a profile that cannot be read."""
    with pytest.raises(HeadError, match="cannot be read"):
        Profile.load("a\0.json")
