"""``boldface profiles show``: what a profile says about itself, and the map of its heads."""

from __future__ import annotations

import pytest

from boldface.cli.profiles.head_map import head_map
from boldface.profiles import catalogue
from boldface.profiles.canary import Canary
from boldface.profiles.heads import HeadGains
from boldface.profiles.identity import Identity
from boldface.profiles.profile import Profile
from boldface.profiles.provenance import Cost, TaskUse


def test_the_map_has_a_sign_for_every_head(boldface, tmp_path):
    """Up is turned to the emphasis, down away from it, filled is half of the largest gain or more."""
    gains = HeadGains({(0, 1): 1.0, (1, 0): -0.8, (1, 2): 0.2, (2, 2): -0.1})
    file = tmp_path / "mine.json"
    Profile("mine", "some model", gains, layers=3, heads=3, method="made [by hand]").save(file)
    said = boldface("profiles", "show", file).stdout
    assert [line.split() for line in said.splitlines() if line.strip()[:1].isdigit()] == [
        ["0", "·", "▲", "·"],
        ["1", "▼", "·", "▵"],
        ["2", "·", "·", "▿"],
    ]
    assert "4 (2 turned to the emphasis, 2 away from it)" in said
    assert "made [by hand]" in said


def test_a_bare_head_list_is_a_profile(boldface, tmp_path):
    """The reference implementation's ``{layer: [heads]}`` is mapped, as far as it reaches."""
    file = tmp_path / "heads.json"
    file.write_text('{"1": [2]}')
    said = boldface("profiles", "show", file).stdout
    assert [line.split() for line in said.splitlines() if line.strip()[:1].isdigit()] == [["0", *"···"], ["1", *"··▲"]]


def test_json_reads_back(boldface):
    """``--json`` prints the profile as a file holds it."""
    for name in catalogue.names():
        assert Profile.from_json(boldface("profiles", "show", name, "--json").stdout) == Profile.load(name)


def test_an_unknown_profile_is_refused(boldface):
    """A name that nothing ships under is an error that lists the names."""
    done = boldface("profiles", "show", "nobody")
    assert done.exit_code == 2
    assert all(name in done.stderr for name in catalogue.names())


def test_profiles_alone_shows_its_help(boldface):
    """Without a verb the help is shown, and no empty error."""
    result = boldface("profiles")

    assert "list" in result.stdout
    assert "" == result.stderr


def test_everything_is_told(boldface, tmp_path):
    """Identity, tasks, scores with their errors, canaries with their emphasis, cost: each where there is one."""
    file = tmp_path / "mine.json"
    Profile(
        "mine",
        "Tiny",
        HeadGains([(1, 2)]),
        scope="answer",
        identity=Identity(
            "LlamaForCausalLM", 3, 4, 2, 8, 32, 64, "0123456789abcdef", "", "", "float32", "t.gguf", "Q4_1 GGUF"
        ),
        settings={"steps": 70, "nested": {"not": "shown"}},
        tasks=(TaskUse("json", "chat", "original", "train", 20, 6.0),),
        seed=3,
        scores={"split": "test", "steered": {"json": {"strict": 0.525, "strict stderr": 0.079}}, "plain": {}},
        canaries=(Canary("Say [yes].", ((4, 9),), " No", -3.25, -0.5),),
        cost=Cost(12, 3456789, 90.0),
        boldface="0.1.0",
    ).save(file)
    said = " ".join(boldface("profiles", "show", file).stdout.split())
    for words in (
        "t.gguf, float32, Q4_1 GGUF",
        "LlamaForCausalLM, 3 layers of 4 heads (2 key-value) of 8 dimensions",
        "weights 0123456789abcdef, tokenizer unknown",
        "scope answer",
        "settings steps 70",
        "seed 3",
        "12 trials, 3,456,789 token passes, 1.5 minutes",
        "made by boldface 0.1.0",
        "json chat original train 20 6",
        "json · strict 0.525 ± 0.079",
        "split test",
        "Say **[yes]**. No -3.25 -0.50",
    ):
        assert words in said
    assert "shown" not in said


def test_a_picture_is_drawn(boldface, tmp_path):
    """An SVG file; any other kind is refused with a hint, and so is a folder that is not there."""
    picture = tmp_path / "map.svg"
    assert boldface("profiles", "show", "gemma", "--image", picture).exit_code == 0
    assert picture.read_text(encoding="utf-8").startswith("<svg")
    refused = boldface("profiles", "show", "gemma", "--image", tmp_path / "map.png")
    assert refused.exit_code == 2
    assert "map.svg" in refused.stderr
    assert boldface("profiles", "show", "gemma", "--image", tmp_path / "absent" / "map.svg").exit_code == 2


@pytest.mark.parametrize(("layers", "heads", "width"), [(30, 9, 80), (32, 32, 80), (80, 64, 80), (32, 32, 120)])
def test_the_map_fits_the_terminal(layers, heads, width):
    """A row a layer, every head in it, none wider than the terminal, and numbers that stand over their heads."""
    profile = Profile("a", "", HeadGains([(layers - 1, heads - 1)]), layers=layers, heads=heads)
    lines = head_map(profile, width).plain.splitlines()
    rows = [line for line in lines if line.strip()[:1].isdigit()]
    assert len(rows) == layers
    assert all(len(row[12:].replace(" ", "")) == heads for row in rows)
    assert max(map(len, lines[:-2])) <= width
    numbers = next(line for line in lines if "head" in line)
    place = rows[-1].index("▲")
    apart = (place - 12) // (heads - 1)
    assert all(numbers[12 + apart * head :].startswith(str(head)) for head in map(int, numbers[12:].split()))


def test_a_profile_without_heads_has_a_map(boldface, tmp_path):
    """Nothing is steered, and nothing fails."""
    Profile("none", "", HeadGains(), layers=1, heads=2).save(tmp_path / "none.json")
    done = boldface("profiles", "show", tmp_path / "none.json", "--image", tmp_path / "none.svg")
    assert done.exit_code == 0
    assert "0 (0 turned" in done.stdout
