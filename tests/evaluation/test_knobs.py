"""Arms with their knobs turned."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boldface.errors import TaskError
from boldface.evaluation.aim import aim
from boldface.evaluation.arms import find_arm
from boldface.evaluation.run import Request, evaluate
from boldface.profiles.heads import HeadGains
from boldface.records.store import Store, read
from boldface.tasks.data import Data

SHAPE = {0: 4, 1: 4}


def aimed(name, profile):
    """What an arm of that name steers."""
    return aim(find_arm(name), SHAPE, profile, 0)


def test_knobs_turn_what_they_say(profile):
    """Strength, number of heads, scope; everything else stays the arm's own."""
    own, turned = aimed("steered", profile), aimed("steered:strength=2.5:heads=2:scope=answer", profile)
    assert (turned.strength, turned.scope, turned.rule) == (2.5, "answer", own.rule)
    assert turned.gains == profile.gains.top(2) != own.gains
    assert aimed("steered=0.5:strength=2.5", profile).strength == 2.5
    assert find_arm("steered:strength=2.5:heads=2").title == "steered, 2.5 nats, 2 heads"


def test_closed_loops_go_together(profile):
    """A target share and a gate beside each other, each what its own arm has."""
    both = find_arm("gate=0.1:target=0.7:strength=2.5")
    assert (both.gate, both.target) == (find_arm("gate=0.1").gate, find_arm("target=0.7").target)
    assert aimed("steered:target=0.7", profile) == aimed("target=0.7", profile) != aimed("steered", profile)


def test_head_sets_and_single_places(profile):
    """The largest positive gains at 1; one layer; one head."""
    assert aimed("pasta:heads=2", profile).gains == HeadGains.parse("L0H1, L0H2")
    assert set(aimed("all-heads:only=L1", profile).gains) == {(1, head) for head in range(4)}
    assert set(aimed("all-heads:only=L1H2", profile).gains) == {(1, 2)}
    assert aimed("all-heads:scope=answer", profile).scope == "answer"
    assert sorted(aimed("random-heads:heads=3", profile).gains.values()) == [1, 1, 1]


def test_noise_and_detectors_stand_behind_knobs(profile):
    """An arm with knobs takes what any arm takes."""
    noisy = find_arm("steered:heads=2@shift=2")
    assert (noisy.top, noisy.base) == (2, "steered:heads=2")
    assert find_arm("steered:heads=2@auto=bm25").detector == "bm25"


@pytest.mark.parametrize(
    "name",
    [
        "steered:",
        "steered:size=2",
        "steered:heads=0",
        "steered:heads=2.5",
        "steered:strength=x",
        "steered:strength=31",
        "steered:scope=some",
        "steered:temperature=-1",
        "steered:heads=2:heads=3",
        "steered:only=2",
        "steered:only=L1:heads=2",
        "plain:heads=2",
        "all-heads:heads=2",
        "spotlight:strength=2",
        "nobody:heads=2",
        "steered:target=1",
        "steered:gate=0",
        "target=0.7:target=0.5",
        "gate=0.1:gate=0.5",
        "spotlight:target=0.5",
        "plain:gate=0.1",
    ],
)
def test_knobs_that_turn_nothing_are_refused(name):
    """With what can be turned."""
    with pytest.raises(TaskError):
        find_arm(name)


@pytest.mark.parametrize("name", ["steered:heads=5", "pasta:heads=5", "all-heads:only=L7", "steered:only=L0H3"])
def test_heads_that_are_not_there_are_refused(name, profile):
    """By the profile and the model."""
    with pytest.raises(TaskError):
        aimed(name, profile)


def test_drawn_answers_are_drawn_alike_again(llama, profile, chores, tmp_path):
    """Words drawn with a seed of the rows: the same in every run, others than greedy ones, and nothing else changes."""
    few = replace(chores, examples=lambda *how: (one for one in chores.examples(*how) if "reads" not in one.id))
    answers = []
    for number in range(2):
        path = tmp_path / f"{number}.jsonl"
        arms = tuple(map(find_arm, ("steered", "steered:temperature=1", "plain:temperature=1")))
        with Store(path, {}) as store:
            evaluate(llama, Request((few,), arms, 4), Data(None), store, profile=profile)
        lines = (line for line in read(path)[1] if line["kind"] == "answer")
        answers.append({(line["arm"], line["example"]): line["answer"] for line in lines})
    assert answers[0] == answers[1]
    greedy, drawn, plain = (
        {id: answer for (arm, id), answer in answers[0].items() if arm == name}
        for name in ("steered", "steered:temperature=1", "plain:temperature=1")
    )
    written = [id for id in greedy if "writes" in id]
    assert [greedy[id]["text"] for id in written] != [drawn[id]["text"] for id in written]
    assert [plain[id]["text"] for id in written] != [drawn[id]["text"] for id in written]
    picked = [id for id in greedy if "picks" in id]
    assert [greedy[id]["logprobs"] for id in picked] == [drawn[id]["logprobs"] for id in picked]
