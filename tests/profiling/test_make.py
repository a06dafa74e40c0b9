"""Profiles made from end to end on a tiny model: what they tell, that they can be made again, what they never read."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

import boldface
from boldface.errors import ProfilingError, RecordError
from boldface.profiles.migrations import LATEST
from boldface.profiles.profile import Profile
from boldface.profiles.schema import problem
from boldface.profiling.canaries import PROBES
from boldface.profiling.laboratory import Budget, Laboratory
from boldface.profiling.learned import Learning
from boldface.profiling.local import Local
from boldface.profiling.make import gathered, make
from boldface.profiling.order import Order
from boldface.profiling.racing import Race
from boldface.profiling.trial import Reading
from boldface.records.store import Store
from boldface.tasks import catalogue
from boldface.tasks.data import Data

SMALL = {"rows": 6, "looked": 4, "judged": 8, "longest": 400, "most_divergence": math.inf, "contrast": 0.02}
LEARNED = Order(
    "mine",
    tasks=("counterfact", "which-wins", "neutral"),
    learning=Learning(steps=12, look=6, rate=0.2, price=0.0, calm=0.01),
    least=(0.0, 0.1),
    **SMALL,
)
RANKED = Order(
    "mine",
    method="gradient",
    strategy="union",
    tasks=("counterfact", "which-wins", "neutral"),
    race=Race(strength=4.0),
    shares=(0.25, 0.5),
    times=(0.5, 1.0),
    **SMALL,
)
ORDERS = {
    "learned": LEARNED,
    "gradient": RANKED,
    "exhaustive": replace(RANKED, method="exhaustive", race=Race(strength=4.0, batch=3)),
    "coarse": replace(RANKED, method="coarse", shares=(0.25,), race=Race(strength=4.0, racing=False)),
}


class Counting(Local):
    """Workers of this process who write down what they did."""

    def __init__(self, model):
        super().__init__(model)
        self.done = []

    def run(self, trials):
        """Yield the reading of every trial."""
        for trial in trials:
            self.done.append(trial.key)
            yield from super().run([trial])


@pytest.fixture(autouse=True)
def test_split_is_closed(monkeypatch):
    """Whoever asks any task for its test split fails."""

    def guarded(examples):
        def read(data, split, variant):
            assert split != "test", "the test split was read"
            return examples(data, split, variant)

        return read

    for name, task in catalogue.TASKS.items():
        monkeypatch.setitem(catalogue.TASKS, name, replace(task, examples=guarded(task.examples)))


@pytest.fixture(scope="module")
def tiny(yes_no_llama):
    """The tiny model, for whom the answers to the facts differ in their first token."""
    return boldface.Model(*yes_no_llama, name="tiny")


@pytest.fixture
def made(tiny, tiny_data, tmp_path):
    """Makes a profile, with the trials that were run for it."""

    def run(order, *, workers=None, data=tiny_data, **options):
        workers = workers or Counting(tiny)
        with Store(tmp_path / "trials.jsonl", {}) as store:
            material = gathered(tiny, order, Data(data))
            return make(tiny, order, material, Laboratory(store, workers, **options)), workers, set(store.records)

    return run


@pytest.mark.parametrize("method", ORDERS)
def test_a_profile_from_end_to_end(made, tiny, tmp_path, method):
    """It can be kept and read, says how it came about, and is made again without a single trial."""
    order = ORDERS[method]
    profile, workers, keys = made(order)
    assert len(workers.done) == len(set(workers.done)) == len(keys) == profile.cost.trials
    assert profile.cost.passes > 0
    assert profile.gains
    assert set(profile.gains) <= {(layer, head) for layer in range(2) for head in range(4)}
    assert profile.method.startswith(f"{method}, ")
    assert (profile.name, profile.seed, profile.identity) == ("mine", 0, tiny.identity)
    assert len(profile.canaries) == len(PROBES)
    assert all(math.isfinite(canary.effect) for canary in profile.canaries)
    assert profile.settings["chosen"] in profile.settings["tried"]

    profile.save(tmp_path / "mine.json")
    assert Profile.load(tmp_path / "mine.json") == profile
    assert problem(json.loads(profile.to_json()), LATEST) is None

    again, idle, after = made(order)
    assert again == profile
    assert idle.done == []
    assert after == keys


def test_what_it_was_learned_from_is_told(made):
    """Every subject with its rows, weight and a digest of the data; what stopped learning, or chose, weighs nothing."""
    profile, *_ = made(LEARNED)
    learned = [use for use in profile.tasks if use.split == "train"]
    assert {(use.name, use.setting, use.variant) for use in learned} == {
        ("counterfact (asked)", "raw", "original"),
        ("counterfact (other)", "raw", "original"),
        ("which-wins (asked)", "raw", "original"),
        ("neutral (asked)", "raw", "original"),
    }
    assert {use.rows for use in learned} == {6}
    assert sum(use.weight for use in learned) == pytest.approx(3)
    assert {(use.rows, use.weight) for use in profile.tasks if use.split == "validation"} == {(4, 0.0), (8, 0.0)}
    digests = [use.data for use in profile.tasks]
    assert len(set(digests)) == len(digests) == 12
    assert {use.split for use in profile.tasks} == {"train", "validation"}


def test_other_rows_are_another_digest(tiny, tiny_data, made, tmp_path):
    """Of the same task."""
    few, *_ = made(LEARNED)
    more, *_ = made(replace(LEARNED, rows=7))
    digests = [{use.name: use.data for use in profile.tasks if use.split == "train"} for profile in (few, more)]
    assert all(digests[0][name] != digests[1][name] for name in digests[0])


@pytest.mark.parametrize("method", ["learned", "gradient"])
def test_scores_stand_beside_placebos(made, method):
    """Plain, steered, random heads, another span: the same rows of the validation split, with errors."""
    scores = dict(made(ORDERS[method])[0].scores)
    assert scores.pop("split") == "validation"
    assert list(scores) == ["plain", "steered", "random heads", "other span"]
    for name in ("plain", "steered", "random heads"):
        assert set(scores[name]["tasks"]) == {"counterfact", "which-wins"}
        assert {one["rows"] for one in scores[name]["tasks"].values()} == {8}
    assert scores["plain"]["heads"] == 0
    assert scores["plain"]["divergence"] == 0
    assert scores["steered"]["heads"] == scores["random heads"]["heads"] == scores["other span"]["heads"]
    assert set(scores["other span"]["tasks"]) == {"counterfact"}  # the other asks either way


def test_learning_is_of_some_use(made):
    """On rows that it has not seen."""
    order = replace(LEARNED, tasks=("counterfact",), rows=12, looked=8, judged=12, contrast=0.0)
    order = replace(order, learning=replace(order.learning, steps=30, look=10))
    scores = made(order)[0].scores
    assert scores["plain"]["average"]["mean"] < scores["steered"]["average"]["mean"]


def test_one_row_makes_a_profile(made, tiny_data, tmp_path):
    """Nobody knows how sure its scores are, and no number says so."""
    facts = json.loads((tiny_data / "counterfact.json").read_text(encoding="utf-8"))
    (tmp_path / "counterfact.json").write_text(json.dumps(facts[:25]), encoding="utf-8")
    order = replace(LEARNED, tasks=("counterfact",), contrast=0.0, rows=1, looked=1, judged=1)
    profile, *_ = made(order, data=tmp_path)
    assert profile.scores["steered"]["tasks"]["counterfact"]["stderr"] is None
    profile.save(tmp_path / "mine.json")
    assert Profile.load(tmp_path / "mine.json") == profile


def test_settings_say_what_the_method_looked_at(made):
    """No more: another seed is the order's."""
    learned, *_ = made(replace(LEARNED, seed=5))
    ranked, *_ = made(RANKED)
    assert (learned.seed, learned.settings["seed"], learned.settings["steps"]) == (5, 5, 12)
    assert [look["step"] for look in learned.settings["curve"]] == [0, 6, 12]
    assert "steps" not in ranked.settings
    assert ranked.settings["strength"] == 4.0
    assert [line["task"] for line in ranked.settings["rankings"]] == ["counterfact", "which-wins"]


def test_an_unseen_task_is_not_seen(made):
    """Neither learned from nor chosen on."""
    order = replace(LEARNED, strategy="task-agnostic", target="which-wins")
    profile, *_ = made(order)
    assert profile.method == "learned, task-agnostic which-wins"
    assert {use.name.split()[0] for use in profile.tasks} == {"counterfact", "neutral"}
    assert set(profile.scores["steered"]["tasks"]) == {"counterfact"}


def test_a_budget_leaves_enough_to_choose(made):
    """Learning ends earlier, so that something of it is judged; a larger budget goes on from there."""
    part, _, keys = made(LEARNED, budget=Budget(trials=60))
    assert [look["step"] for look in part.settings["curve"]] == [0, 6]
    assert part.cost.trials <= 60
    whole, workers, _ = made(LEARNED)
    assert [look["step"] for look in whole.settings["curve"]] == [0, 6, 12]
    assert not keys & set(workers.done)


@pytest.mark.parametrize("trials", [1, 5, 12])
def test_a_budget_that_is_too_small_is_an_error(made, trials):
    """No profile, and what was read is kept."""
    with pytest.raises(ProfilingError, match="budget was spent"):
        made(LEARNED, budget=Budget(trials=trials))


def test_placebos_that_the_budget_does_not_reach_say_so(made):
    """The profile is there all the same."""
    order = replace(LEARNED, learning=replace(LEARNED.learning, steps=2, look=2))
    whole = made(order)[0].cost.trials
    profile, *_ = made(order, budget=Budget(trials=whole - 1))
    assert profile.scores["other span"] == "not measured: the budget was spent"


def test_an_interrupted_run_goes_on(made, tiny):
    """Stopped anywhere, it makes the same profile in the end, and runs no trial twice."""

    class Mortal(Counting):
        def run(self, trials):
            for reading in super().run(trials):
                if len(self.done) == 9:
                    raise KeyboardInterrupt
                yield reading

    first = Mortal(tiny)
    with pytest.raises(KeyboardInterrupt):
        made(LEARNED, workers=first)
    profile, second, keys = made(LEARNED)
    assert len(first.done[:-1] + second.done) == len(keys) == profile.cost.trials
    assert not set(first.done[:-1]) & set(second.done)


def test_a_model_that_gives_no_numbers_makes_no_profile(made, tiny):
    """It is told, with what may help."""

    class Overflowing(Counting):
        def run(self, trials):
            for reading in super().run(trials):
                yield Reading(reading.key, {name: (math.nan,) for name in reading.scores}, (), 1, 1.0)

    with pytest.raises(RecordError, match="not finite"):
        made(LEARNED, workers=Overflowing(tiny))


def test_what_was_not_learned_is_told(made):
    """Gains that are all smaller than what is kept."""
    order = replace(LEARNED, learning=Learning(steps=1, rate=1e-4), least=(0.5,))
    with pytest.raises(ProfilingError, match="Nothing was learned"):
        made(order)


def test_a_chat_needs_a_template(made, tiny, monkeypatch):
    """It is told before anything runs."""
    monkeypatch.setattr(tiny.tokenizer, "chat_template", None)
    with pytest.raises(ProfilingError, match="no chat template") as told:
        made(replace(LEARNED, settings=("raw", "chat")))
    assert "--settings raw" in told.value.hint


def test_chats_are_learned_from_too(made):
    """Each way of writing is a subject of its own."""
    order = replace(LEARNED, tasks=("counterfact",), settings=("raw", "chat"), contrast=0.0, rows=12)
    profile, *_ = made(replace(order, learning=replace(order.learning, steps=30, look=10)))
    assert {use.setting for use in profile.tasks} == {"raw", "chat"}


def test_lessons_that_are_too_long_are_told(made):
    """With the task that has none left."""
    with pytest.raises(ProfilingError, match=r"counterfact teaches nothing.*at most 20 tokens"):
        made(replace(LEARNED, longest=20))
