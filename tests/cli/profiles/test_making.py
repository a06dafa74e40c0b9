"""``boldface profiles make``: from a model to a profile, through interruptions; wrong words come before work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boldface.profiles.profile import Profile
from boldface.profiling.choosing import MOST_DIVERGENCE
from boldface.records.store import read

SOURCE = str(Path(__file__).parents[3] / "src")

FEW = ("--rows", 12, "--looked", 8, "--judged", 12, "--longest", 400)
LEARN = ("--tasks", "counterfact", "--contrast", 0, "--rate", 0.2, "--price", 0, "--least", "0,0.1", *FEW)


@pytest.fixture(scope="session")
def yes_no(yes_no_llama, tmp_path_factory):
    """The folder of a random llama that tells the answers to the facts apart."""
    folder = tmp_path_factory.mktemp("models") / "yes-no"
    for part in yes_no_llama:
        part.save_pretrained(folder)
    return folder


@pytest.fixture
def make(boldface, yes_no, tiny_data, tmp_path, monkeypatch):
    """Runs ``boldface profiles make`` on that model and the invented data, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*words, model=yes_no, data=tiny_data):
        return boldface("profiles", "make", model, *(("--data", data) if data else ()), *words)

    return run


def trials(path):
    """The keys of all readings in a file."""
    return [line["key"] for line in read(path)[1]]


def test_a_profile_is_made(make, boldface, tmp_path):
    """It is written where it was wanted, and what it is worth is shown beside its placebos."""
    done = make(*LEARN, "--steps", 30, "--out", "new/mine.json")
    assert done.exit_code == 0, done.stderr
    profile = Profile.load(tmp_path / "new" / "mine.json")
    assert (profile.name, profile.model, profile.rule) == ("mine", "yes-no", "flat")
    for said in ("plain", "steered", "random heads", "other span", "counterfact", "split validation"):
        assert said in done.stdout
    assert "step 10 of 30: score" in done.stderr
    assert "judging plain: " in done.stderr
    assert "in new/mine.json. It cost" in done.stderr
    assert len(trials(tmp_path / "profiling" / "yes-no.jsonl")) == profile.cost.trials
    shown = boldface("profiles", "show", "new/mine.json")
    assert "counterfact (asked)" in shown.stdout


def test_it_is_made_again_from_what_was_kept(make, tmp_path):
    """The same command runs no trial, and writes the same file; another budget of it goes on."""
    part = make(*LEARN, "--steps", 30, "--trials", 26, "--out", "part.json")
    assert part.exit_code == 0, part.stderr
    first = make(*LEARN, "--steps", 30, "--out", "a.json")
    before = (tmp_path / "profiling" / "yes-no.jsonl").read_bytes()
    second = make(*LEARN, "--steps", 30, "--out", "b.json", "--name", "a")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert (tmp_path / "a.json").read_text("utf-8") == (tmp_path / "b.json").read_text("utf-8")
    assert (tmp_path / "profiling" / "yes-no.jsonl").read_bytes() == before
    keys = trials(tmp_path / "profiling" / "yes-no.jsonl")
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("method", ["gradient", "coarse", "exhaustive"])
def test_heads_are_ranked(make, tmp_path, method):
    """With the paper's rule, unless another is named."""
    words = ("--method", method, "--tasks", "counterfact", "--strategy", "union", "--shares", "0.125,0.25,0.5", *FEW)
    words = (*words, "--times", "0.25,0.5,1", "--store", f"{method}.jsonl", "--out", "mine.json")
    done = make(*words)
    assert done.exit_code == 0, done.stderr
    profile = Profile.load(tmp_path / "mine.json")
    assert profile.method == f"{method}, union"
    assert (profile.rule, profile.settings["rule"]) == ("pasta", "pasta")
    assert set(profile.gains.values()) == {1.0}
    again = make(*words, "--rule", "flat")
    assert again.exit_code == 0, again.stderr
    assert Profile.load(tmp_path / "mine.json").rule == "flat"


@pytest.mark.parametrize(
    ("words", "code", "told", "hint"),
    [
        (("--tasks", "jason"), 2, "no task 'jason'", "'json'"),
        (("--tasks", "squad"), 3, "SQuAD", "published at"),
        (("--tasks", ","), 2, "names nothing", "commas"),
        (("--tasks", "neutral"), 2, "neutral asks for nothing", "more tasks"),
        (("--tasks", "counterfact", "--longest", "5"), 2, "counterfact teaches nothing", "longer ones"),
        (("--settings", "cooked"), 2, "no setting 'cooked'", "raw, chat"),
        (("--variants", "short"), 2, "no wording 'short'", "shortened"),
        (("--method", "guess"), 2, "'guess' is not one of", "--help"),
        (("--strategy", "union"), 2, "has no strategy 'union'", "multi-task"),
        (("--strategy", "task-specific"), 2, "needs one of the tasks as its target", "json"),
        (("--target", "json"), 2, "has no target", "task-specific"),
        (("--strength", "0"), 2, "strength is 0", "more than 0"),
        (("--alpha", "2"), 2, "strength is -0.69", "alpha below 1"),
        (("--alpha", "0.1", "--factor", "3"), 2, "the same thing twice", "only one"),
        (("--strength", "25"), 2, "may reach 37.5 nats", "Lower"),
        (("--times", "1,x"), 2, "'1,x' is no list of numbers", "0.75,1"),
        (("--times", "0"), 2, "times is", "above 0"),
        (("--least", "-1"), 2, "least is", "0 or above"),
        (("--shares", "2"), 2, "shares is", "at most 1"),
        (("--method", "coarse", "--strategy", "union", "--keep", "0"), 2, "keep is 0", "above 0"),
        (("--rate", "nan"), 2, "rate is nan", "more than 0"),
        (("--price", "-1"), 2, "price is -1", "0 or more"),
        (("--minutes", "0"), 2, "budget of 0.0 minutes is nothing", "no limit"),
        (("--trials", "-1"), 2, "budget of -1 trials is nothing", "no limit"),
        (("--rows", "0"), 2, "--rows", "--help"),
        (("--out", "."), 2, "is a folder", "file"),
        (("--out", "file/mine.json"), 2, "file is a file, not a folder", "elsewhere"),
        (
            ("--out", "a.json", "--store", "a.json", "--tasks", "counterfact"),
            2,
            "cannot hold the profile and its trials",
            "two files",
        ),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, tuple) else "",
)
def test_wrong_words_are_told_before_any_work(make, tmp_path, words, code, told, hint):
    """With what could be written instead, and nothing is left behind."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = make(*words)
    assert done.exit_code == code, done.stderr
    said = " ".join(done.stderr.split())
    assert told in said
    assert hint in said.partition("Hint: ")[2]
    assert "Traceback" not in said
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["file"]


def test_no_data_folder_is_told(make):
    """Before the model is looked for."""
    done = make("--tasks", "counterfact", data=None, model="no-such-model")
    assert done.exit_code == 3
    assert "needs a data folder" in done.stderr
    assert "--data" in done.stderr


def test_a_chat_needs_a_template(make, yes_no, tmp_path):
    """A base model learns without one."""
    base = tmp_path / "base"
    base.mkdir()
    for part in yes_no.iterdir():
        if part.name != "chat_template.jinja":
            (base / part.name).write_bytes(part.read_bytes())
    done = make(*LEARN, "--settings", "chat", model=base)
    assert done.exit_code == 2
    assert "no chat template" in done.stderr
    assert "--settings raw" in done.stderr


def test_the_store_of_another_model_is_refused(make, tiny, tmp_path):
    """Its trials say nothing about this one, and stay as they are."""
    make(*LEARN, "--steps", 1, "--store", "trials.jsonl")
    before = (tmp_path / "trials.jsonl").read_bytes()
    done = make(*LEARN, "--steps", 1, "--store", "trials.jsonl", model=tiny)
    assert done.exit_code == 2
    assert "trials.jsonl was made with" in done.stderr
    assert "Name another file" in done.stderr
    assert (tmp_path / "trials.jsonl").read_bytes() == before


def test_no_profile_is_written_where_none_does_any_good(make, tmp_path):
    """Every setting is told with what speaks against it."""
    done = make(*LEARN, "--steps", 1, "--rate", 0.01, "--least", 0)
    assert done.exit_code == 2
    assert "more good than harm (gains ≥ 0" in done.stderr
    assert list(tmp_path.glob("*.json")) == []


def test_an_interrupted_command_goes_on(yes_no, tiny_data, tmp_path, make):
    """Ctrl-C ends it with 130 and a word about what was kept; the same command repeats none of it."""
    words = [*map(str, LEARN), "--steps", "120", "--out", "mine.json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "boldface", "profiles", "make", yes_no, "--data", tiny_data, *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": SOURCE},
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells ignore it for background jobs
    )
    store = tmp_path / "profiling" / "yes-no.jsonl"
    until = time.monotonic() + 120
    while not (store.exists() and store.read_bytes().count(b"\n") > 20):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted. The trials are in profiling/yes-no.jsonl; the same command goes on from there." in said
    assert "Traceback" not in said
    assert not (tmp_path / "mine.json").exists()
    kept = trials(store)
    assert 20 <= len(kept) < 120
    done = make(*words)
    assert done.exit_code == 0, done.stderr
    keys = trials(store)
    assert keys[: len(kept)] == kept
    assert len(keys) == len(set(keys)) == json.loads((tmp_path / "mine.json").read_text("utf-8"))["cost"]["trials"]


def test_defaults_are_those_of_an_order():
    """What stands in the help is what the package does."""
    from inspect import signature

    from boldface.cli.profiles.making import make_profile
    from boldface.profiling.order import Order

    told = {name: one.default for name, one in signature(make_profile).parameters.items()}
    order = Order("mine")
    assert told["tasks"] == "paper,which-wins,neutral"
    for name in ("method", "rows", "looked", "judged", "longest", "contrast", "keep", "most_divergence", "seed"):
        assert told[name] == getattr(order, name)
    assert told["most_divergence"] == MOST_DIVERGENCE
    for name in ("rate", "price", "calm"):
        assert told[name] == getattr(order.learning, name)
    assert tuple(map(float, told["times"].split(","))) == order.times
    assert tuple(map(float, told["least"].split(","))) == order.least


def test_the_commands_defaults_are_the_orders():
    """What is not said on the command line is what an order has by itself."""
    import inspect

    from boldface.cli.profiles.making import make_profile
    from boldface.profiling.order import Order

    said = {name: one.default for name, one in inspect.signature(make_profile).parameters.items()}
    order = Order("mine")
    for name in ("method", "rows", "looked", "judged", "longest", "contrast", "keep", "most_divergence", "seed"):
        assert said[name] == getattr(order, name)
    for name in ("steps", "rate", "price", "calm"):
        assert said[name] == getattr(order.learning, name)
    for name in ("measure", "racing"):
        assert said[name] == getattr(order.race, name)
    for name in ("times", "least"):
        assert tuple(map(float, said[name].split(","))) == getattr(order, name)
    assert said["rule"] is None and order.learning.rule == "flat" and order.race.rule == "pasta"
