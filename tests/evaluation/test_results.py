from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import RecordError, TaskError
from boldface.evaluation.record import Case, example_line, session_line, skip_line
from boldface.evaluation.results import Results
from boldface.records.store import Store
from boldface.tasks.example import Answer, Choose, Example
from boldface.tasks.task import Task

LONG = "the yes was said and nothing else came after it"


def alike(groups: Sequence[str], texts: Sequence[str]) -> dict[str, Sequence[str]]:
    return {group: texts for group in groups}


def test_what_is_there(results, says, case):
    """Cases and arms come in order of appearance, facts by file, other lines by kind."""
    found = results([*says({"plain": {"x": ["no"]}, "steered": {"x": ["yes"]}}), session_line(command="evaluate")])
    assert found.cases == (case,)
    assert found.arms(case) == ("plain", "steered")
    assert list(found.facts.values()) == [{"model": "tiny", "file": 0}]
    assert [line["command"] for line in found.notes("session")] == ["evaluate"]
    names = [metric.name for metric in found.metrics(case)]
    assert names[:4] == ["says", "both", "either", "clean"]
    assert names[4:] == ["entropy", "matched_entropy", "repeats", "length", "plain_logprob"]


def test_joins_within_a_group(results, says, case):
    """A group is one observation: its examples are joined by mean, all or any before the mean over groups."""
    found = results(says({"plain": {"x": ["yes", "no"], "y": ["yes", "yes"]}}))
    means = {name: found.estimate(case, "plain", name) for name in ("says", "both", "either")}
    assert {name: estimate.mean for name, estimate in means.items()} == {"says": 0.75, "both": 0.5, "either": 1.0}
    assert {estimate.n for estimate in means.values()} == {2}


def test_scores_that_cannot_be_computed(results, says, case):
    """n/a is left out of the join, counted where a whole group has none, and never taken for 0."""
    found = results(says({"plain": {"x": ["yes", "what?"], "y": ["what?", "what?"]}, "mute": {"x": ["?", "?"]}}))
    clean = found.estimate(case, "plain", "clean")
    assert (clean.mean, clean.n) == (1.0, 1)
    assert found.estimate(case, "mute", "clean") is None
    coverage = found.coverage(case, "plain")
    assert (coverage.asked, coverage.answered, coverage.groups, coverage.incomplete) == (4, 4, 2, 0)
    assert (coverage.n_a, coverage.without["clean"]) == (1, 1)
    assert "says" not in coverage.without


def test_groups_answered_in_part_do_not_count(results, says, case):
    """A group of which one answer is missing is left out, counted, and said to be so."""
    found = results(
        says({"plain": {"x": ["yes", "yes"], "y": ["yes", "yes"]}, "cut": {"x": ["yes", "yes"], "y": ["no"]}})
    )
    assert found.estimate(case, "cut", "both").n == 1
    coverage = found.coverage(case, "cut")
    assert (coverage.asked, coverage.answered, coverage.groups, coverage.incomplete) == (4, 3, 1, 1)
    difference = found.difference(case, "cut", "both")
    assert (difference.n, difference.missing) == (1, 1)


def test_skipped_examples_are_told(results, says, case):
    """What an arm was not asked is counted by reason; an arm that was asked nothing has no figures."""
    lines = says({"plain": {"x": ["yes"], "y": ["no"]}, "few": {"x": ["yes"]}})
    lines.append(skip_line(case, "few", "y.0", "no such span in the prompt"))
    found = results(lines)
    assert found.coverage(case, "few").skipped == {"no such span in the prompt": 1}
    assert found.coverage(case, "few").asked == 2
    assert found.estimate(case, "absent", "says") is None
    assert found.difference(case, "plain", "says", against="absent") is None


def test_differences_are_paired(results, says, case):
    """Arm minus plain by group: 0 of 6 against 6 of 6, McNemar's p 2 / 2⁶."""
    groups = [f"row {place}" for place in range(6)]
    found = results(says({"plain": alike(groups, ["no"]), "steered": alike(groups, ["yes"])}))
    difference = found.difference(case, "steered", "says")
    assert (difference.mean, difference.n, difference.p) == (1, 6, 2 / 2**6)
    assert found.difference(case, "plain", "says", against="steered").mean == -1


def test_fluency_at_equal_length(results, says, case):
    """An answer that begins like a longer one is as fluent at equal length, and less so without; one word is n/a."""
    short = LONG[: LONG.index(" nothing")]
    found = results(says({"plain": {"x": [LONG]}, "steered": {"x": [short]}, "mute": {"x": ["yes"]}}))
    means = {
        (arm, name): found.estimate(case, arm, name)
        for arm in ("plain", "steered", "mute")
        for name in ("entropy", "matched_entropy")
    }
    assert means["plain", "entropy"].mean > means["steered", "entropy"].mean > 1
    assert means["plain", "matched_entropy"].mean == means["steered", "matched_entropy"].mean
    assert means["mute", "matched_entropy"] is None
    assert found.coverage(case, "mute").without == {"matched_entropy": 1}
    assert found.estimate(case, "plain", "length").mean == 10
    assert found.estimate(case, "plain", "plain_logprob").mean == -1


def test_choices_have_no_fluency(results, answered):
    """A task that chooses among candidates has its own metrics only."""
    choice = Case("picks", "raw", "original", "test")
    example = Example("1", "1", EmphasisedText("Pick."), Choose(("a", "b")))
    lines = [example_line(choice, example), answered(choice, "plain", example, Answer(logprobs=(-1.0, -2.0)))]
    found = results(lines)
    assert [metric.name for metric in found.metrics(choice)] == ["first"]
    assert found.estimate(choice, "plain", "first").mean == 1
    with pytest.raises(TaskError, match="no metric 'entropy'"):
        found.estimate(choice, "plain", "entropy")


def test_cost(results, asked, answered, case):
    """What an arm took is told a row: median and mean seconds, tokens, heads."""
    lines = [example_line(case, asked(group)) for group in "abc"]
    lines += [
        answered(case, "plain", asked(group), Answer("yes", tokens=2), seconds)
        for group, seconds in zip("abc", (1.0, 2.0, 6.0), strict=True)
    ]
    cost = results(lines).cost(case, "plain")
    assert (cost.rows, cost.median, cost.mean) == (3, 2, 3)
    assert (cost.prompt_tokens, cost.answer_tokens, cost.steered_tokens, cost.steered_heads) == (20, 2, 3, 7)


def test_samples_are_the_first_of_each_group(results, says, case):
    """Samples are one of a group, in order, first those that all the arms answered; absent answers are absent."""
    found = results(
        says({"plain": {"x": ["a", "b"], "y": ["c"], "z": ["d"]}, "steered": {"x": ["e", "f"], "z": ["g"]}})
    )
    samples = found.samples(case, ["plain", "steered"], 5)
    assert [sample.example.id for sample in samples] == ["x.0", "z.0", "y.0"]
    assert [[scored.answer.text for scored in sample.answers.values()] for sample in samples[1:]] == [["d", "g"], ["c"]]
    assert samples[0].answers["plain"].scores["says"] == 0
    assert samples[0].example.prompt.spans == (CharSpan(0, 3),)
    assert len(found.samples(case, ["plain"], 1)) == 1
    assert found.samples(case, ["absent"], 1) == []


def test_several_files_are_one(results, says, case):
    """Arms of two files stand side by side; the same answer twice counts once."""
    plain, steered = says({"plain": {"x": ["no"]}}), says({"steered": {"x": ["yes"]}})
    found = results(plain, steered + plain)
    assert found.arms(case) == ("plain", "steered")
    assert found.difference(case, "steered", "says").mean == 1
    assert found.coverage(case, "plain").answered == 1


def test_contradicting_files_are_refused(results, says, asked, answered, case):
    """Two runs of one arm, two examples of one id, an answer without its example and an unknown task are errors."""
    with pytest.raises(RecordError, match="Two runs of the arm 'plain'"):
        results(says({"plain": {"x": ["no"]}}), says({"plain": {"x": ["yes"]}}))
    with pytest.raises(RecordError, match="Two different examples"):
        results([example_line(case, asked("x"))], [example_line(case, asked("x", word="no"))])
    with pytest.raises(RecordError, match="which is in no file"):
        results([answered(case, "plain", asked("x"), Answer("yes"))])
    with pytest.raises(TaskError, match="unknown task"):
        results(says({"plain": {"x": ["no"]}}, case._replace(task="lost")))
    with pytest.raises(RecordError, match="cannot be read"):
        results([{"key": "k", "kind": "answer", "case": {"task": "says"}}])


def test_scores_must_be_whole(results, monkeypatch, says, tasks):
    """A task whose score() leaves out a metric is an error, not a gap in the table."""
    monkeypatch.setitem(
        tasks, "says", Task("says", "", "", tasks["says"].metrics, tasks["says"].examples, lambda example, answer: {})
    )
    with pytest.raises(TaskError, match="scored"):
        results(says({"plain": {"x": ["no"]}}))


def test_the_average_needs_all_four(results, says):
    """Without the paper's tasks there is no average."""
    assert results(says({"plain": {"x": ["no"]}})).average("plain", "raw") is None


def test_settings_are_apart(results, says, case):
    """The chat setting is a case of its own, though its examples are the same."""
    chat = case._replace(setting="chat")
    found = results(says({"plain": {"x": ["no"]}}) + says({"plain": {"x": ["yes"]}}, chat))
    assert found.cases == (case, chat)
    assert [found.estimate(case, "plain", "says").mean for case in found.cases] == [0, 1]


@pytest.mark.slow
def test_twenty_thousand_answers_in_ten_seconds(tmp_path, says, tasks, case):
    """20 000 answers of 40 words are loaded and tabled with differences in 10 seconds of processor time."""
    arms = ["plain", *(f"arm {place}" for place in range(9))]
    words = "one two three four five six seven eight nine ten yes".split()  # noqa: SIM905
    texts = [" ".join(words[(place * step) % 11] for place in range(40)) for step in range(1, 11)]
    lines = says(
        {
            arm: {str(row): [f"{texts[(row + shift) % 10]} {row} {shift}"] for row in range(2000)}
            for shift, arm in enumerate(arms)
        }
    )
    path = tmp_path / "many.jsonl"
    with Store(path, {}) as store:
        store.append(lines)
    began = time.process_time()
    found = Results.load([path], tasks)
    for arm in found.arms(case):
        for metric in found.metrics(case):
            assert found.estimate(case, arm, metric.name).n == 2000
            assert found.difference(case, arm, metric.name).n == 2000
    took = time.process_time() - began
    assert took < 10


def test_a_third_arm_shortens_no_difference(results, says, case):
    """Fluency at equal length is compared between the two arms alone, however short the answers of a third."""
    told = {
        "plain": {"r": ["one two three four five six seven"]},
        "steered": {"r": ["one two three three three three three"]},
        "few-shot": {"r": ["one two three"]},
    }
    found = results(says(told))
    assert (
        found.estimate(case, "steered", "matched_entropy").mean == found.estimate(case, "plain", "matched_entropy").mean
    )
    assert found.difference(case, "steered", "matched_entropy").mean < -0.5
    assert found.difference(case, "steered", "matched_entropy", against="few-shot").mean == 0
