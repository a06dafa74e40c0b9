from __future__ import annotations

import pytest

pytest.importorskip("scipy", reason="scipy is of the evaluate extra")
pytest.importorskip("nltk", reason="nltk is of the evaluate extra")

from boldface.evaluation.findings import average_difference, findings
from boldface.evaluation.results import Results
from boldface.evaluation.summary import views


def told(results: Results) -> dict[str, tuple[str, str]]:
    """Subject to verdict and text; the first of a subject."""
    found: dict[str, tuple[str, str]] = {}
    for finding in findings(results, views(results)[0]):
        found.setdefault(finding.subject, (finding.verdict, finding.text))
    return found


@pytest.mark.parametrize(("count", "verdict"), [(2, "yes"), (39, "no"), (21, "open")])
def test_marking_is_judged_by_its_average(measured, count: int, verdict: str):
    """Marked prompts reproduce the paper, do not, or leave it open, by the interval of the average's difference."""
    verdict_, text = told(measured({"plain": 18, "marked=*": count, "steered": 30}))["Marked prompts"]
    assert verdict_ == verdict
    words = {"yes": "Marked prompts reproduce", "no": "Marked prompts do not reproduce", "open": "leave open"}
    assert words[verdict] in text


def test_without_an_average_marking_is_not_judged(measured):
    """Where a task is missing, the finding is n/a and names the task."""
    results = measured({"plain": 10, "marked=*": 2}, tasks=("json", "pronouns"))
    verdict, text = told(results)["Marked prompts"]
    assert verdict == "n/a"
    assert "n/a because the average needs wikibios, counterfact too" in text


def test_the_average_s_difference_weighs_tasks_alike(measured):
    """A gain in one task of two columns counts as much as one in a task of one column: a quarter."""
    results = measured({"plain": 0, "steered": {"wikibios": 40}, "repeated": {"json": 40}})
    view = views(results)[0]
    for arm in ("steered", "repeated"):
        difference = average_difference(results, view, "wikibios", arm)
        assert difference is not None
        assert difference[0] == pytest.approx(0.25)


def test_steering_that_reads_the_emphasis(measured):
    """Far above plain, another span and random heads: the verdicts are yes, with the differences in the text."""
    found = told(measured({"plain": 10, "steered": 38, "other-span": 9, "random-heads": 11}))
    assert found["steered: obeys"][0] == "yes"
    assert "json +70.0" in found["steered: obeys"][1]
    assert found["steered: reads the emphasis (other span)"][0] == "yes"
    assert "Better than other span with certainty: json" in found["steered: reads the emphasis (other span)"][1]
    assert "counterfact +72.5" in found["steered: reads the emphasis (other span)"][1]
    assert found["steered: its heads matter (random heads)"][0] == "yes"
    assert found["Placebo other span: no certain gain"][0] == "yes"


def test_steering_that_does_not_read_the_emphasis(measured):
    """As good with another span: nothing is certain, so the verdict is open, and the placebo is caught helping."""
    found = told(measured({"plain": 10, "steered": 38, "other-span": 38}))
    assert found["steered: reads the emphasis (other span)"][0] == "open"
    assert found["Placebo other span: no certain gain"][0] == "no"


def test_steering_that_harms(measured):
    """Below plain with certainty in one task: the verdict is no, and the task is named as worse."""
    rows = {"json": 38, "pronouns": 2, "wikibios": 38, "counterfact": 38}
    verdict, text = told(measured({"plain": 20, "steered": rows}))["steered: obeys"]
    assert verdict == "no"
    assert "Worse: pronouns −45.0" in text


def test_stuck_answers_are_no_fluency(measured):
    """Answers that repeat a word are told as a loss of fluency."""
    stuck = measured({"plain": 0, "steered": 40}, answers=("yes " * 20, "no, it is not so, as everybody knows"))
    fluent = measured({"plain": 0, "steered": 40}, answers=("yes, it is so, as all know", "no, it is so, as all know"))
    assert told(stuck)["steered: no certain loss of fluency"][0] == "no"
    assert "Stuck +100.0" in told(stuck)["steered: no certain loss of fluency"][1]
    assert told(fluent)["steered: no certain loss of fluency"][0] == "yes"


def test_divergence_and_cost_are_told(measured):
    """How far the model moves where it should not, and what an arm costs, are told with their numbers."""
    found = told(measured({"plain": 10, "steered": 20}, divergence={"plain": 0.0, "steered": 0.04}))
    assert "0.040 nats a token" in found["steered: where emphasis should not matter"][1]
    assert "1.50 × the time of plain over 5 tasks" in found["steered: cost"][1]


def test_tasks_that_cannot_be_compared_are_named(measured):
    """A task that only one of two arms answered is listed as n/a beside the others, and alone gives no verdict."""
    results = measured({"plain": 10, "steered": 38})
    for case in results.cases[1:]:
        del results.contents.answers[case]["steered"]
    verdict, text = told(results)["steered: obeys"]
    assert verdict == "yes"
    assert text.endswith("n/a, not answered by both: pronouns; wikibios; counterfact.")
    alone = measured({"plain": 10}, skipped={"steered": "no profile"})
    assert told(alone)["steered: obeys"] == ("n/a", "n/a, not answered by both: json; pronouns; wikibios; counterfact.")
