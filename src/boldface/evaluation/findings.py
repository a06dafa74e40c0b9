"""What a summary says in words, computed from the answers: every claim with its number, and n/a with its reason."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from boldface.evaluation import paper
from boldface.evaluation.arms import find_arm
from boldface.evaluation.cells import BASELINE
from boldface.evaluation.numerals import interval, written
from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.evaluation.summary import View, arms_of, paper_tasks, sources
from boldface.evaluation.table import kind_of, marks
from boldface.metrics.statistics import Difference

BARELY = 0.05
"""Marking barely helps where it lifts the paper's average by less than this; in the paper it falls by 18 and 25 points
(LLaMA-7B, table 1)."""

Verdict = Literal["yes", "no", "open", "n/a", "note"]


@dataclass(frozen=True)
class Finding:
    """One sentence or two.

    Attributes:
        subject: What it is about.
        verdict: Whether what one would hope for, or what the paper found, holds; ``open`` where the data cannot tell;
            ``note`` is a number without a verdict.
        text: The sentences.
    """

    subject: str
    verdict: Verdict
    text: str


@dataclass(frozen=True)
class _Headlines:
    """The tasks in whose headline an arm is better or worse than another with certainty, neither, or not comparable."""

    against: str
    better: list[str]
    worse: list[str]
    same: list[str]
    missing: list[str]

    def __bool__(self) -> bool:
        return bool(self.better or self.worse or self.same or self.missing)

    @property
    def verdict(self) -> Verdict:
        """Whether the arm is better: no where it is worse in any task, open where any task cannot tell."""
        if self.worse:
            return "no"
        if self.better and not self.same:
            return "yes"
        return "open" if self.better or self.same else "n/a"

    def __str__(self) -> str:
        lists = {
            f"Better than {_title(self.against)} with certainty": self.better,
            "Worse": self.worse,
            "Neither": self.same,
            "n/a, not answered by both": self.missing,
        }
        return " ".join(f"{head}: {'; '.join(things)}." for head, things in lists.items() if things)


def findings(results: Results, view: View) -> list[Finding]:
    """Return what a view of the results says."""
    cases = [case for case in results.cases if case == view.case(case.task)]
    arms = arms_of(results, cases)
    found = [*_marked(results, view, arms)]
    for arm in (arm for arm in arms if kind_of(find_arm(arm)) == "steered"):
        found += _obeys(results, cases, arm)
        found += _reads(results, cases, arm, arms)
        found += _fluent(results, cases, arm)
        found += _quiet(results, cases, arm)
        found += _costs(results, cases, arm)
    return [*found, *_placebos(results, cases, arms), *_harmless(results, cases, arms)]


def _marked(results: Results, view: View, arms: Sequence[str]) -> Iterator[Finding]:
    """The paper's finding that marking the words in the prompt barely helps, for each source of biographies."""
    marked = [arm for arm in arms if find_arm(arm).writing == "marked"]
    for source in sources(results, view) if marked else ():
        subject = "Marked prompts"
        missing = [task for task in paper_tasks(source) if view.case(task) not in results.cases]
        changes = {arm: average_difference(results, view, source, arm) for arm in marked}
        known = {arm: change for arm, change in changes.items() if change is not None}
        if not known:
            why = f"the average needs {', '.join(missing)} too" if missing else "a column of the average is n/a"
            yield Finding(subject, "n/a", f"Whether marking barely helps, as the paper finds, is n/a because {why}.")
            continue
        said = "; ".join(f"{find_arm(arm).title} {_points(*change)}" for arm, change in known.items())
        if all(high <= BARELY for _, _, high in known.values()):
            verdict, says = "yes", "reproduce the paper's finding that marking barely helps"
        elif any(low > BARELY for _, low, _ in known.values()):
            verdict, says = "no", "do not reproduce the paper's finding that marking barely helps"
        else:
            verdict, says = "open", "leave open whether marking barely helps, as the paper finds"
        limit = written(BARELY, "share")
        yield Finding(
            subject,
            verdict,  # type: ignore[arg-type]
            f"{subject} {says} (less than {limit} points on its average; here, minus plain: {said}).",
        )


def average_difference(
    results: Results, view: View, source: str, arm: str, against: str = BASELINE
) -> tuple[float, float, float] | None:
    """Return the paired difference of the paper's averages and its 95 % interval; None where a column is n/a.

    Errors of the two columns of one task are taken as fully dependent, those of the tasks as independent.
    """
    tasks: dict[str, list[tuple[float, float]]] = {}
    for column in paper.columns(source):
        case = view.case(column.task)
        if case not in results.cases:
            return None
        difference = results.difference(case, arm, column.metric, against=against)
        if difference is None:
            return None
        tasks.setdefault(column.task, []).append((difference.mean, (difference.high - difference.low) / 2))
    means = [sum(mean for mean, _ in columns) / len(columns) for columns in tasks.values()]
    widths = [sum(width for _, width in columns) / len(columns) for columns in tasks.values()]
    mean, width = sum(means) / len(means), math.hypot(*widths) / len(widths)
    return mean, mean - width, mean + width


def _obeys(results: Results, cases: Sequence[Case], arm: str) -> Iterator[Finding]:
    """Whether an arm beats plain, task by task, and whether it beats the best way of only writing the prompt."""
    if found := _headlines(results, cases, arm, BASELINE):
        yield Finding(f"{_title(arm)}: obeys", found.verdict, str(found))


def _reads(results: Results, cases: Sequence[Case], arm: str, arms: Sequence[str]) -> Iterator[Finding]:
    """Whether an arm's effect goes away with another span, or with other heads."""
    subjects = {"other": "reads the emphasis", "random": "reads the emphasis", "heads": "its heads matter"}
    for placebo in (other for other in arms if find_arm(other).placebo and not find_arm(other).base):
        about = find_arm(placebo)
        subject = subjects["heads" if about.heads == "random" else about.emphasis]
        if found := _headlines(results, cases, arm, placebo):
            yield Finding(f"{_title(arm)}: {subject} ({about.title})", found.verdict, str(found))


def _fluent(results: Results, cases: Sequence[Case], arm: str) -> Iterator[Finding]:
    """Whether answers lose fluency against the plain model's: entropy at equal length, and degenerate repetition."""
    compared = [
        (case.task, metric, difference)
        for case in cases
        for metric in results.metrics(case)
        if metric.name in ("matched_entropy", "repeats")
        and (difference := _difference(results, case, arm, metric.name, BASELINE)) is not None
    ]
    signs = marks([(difference, metric) for _, metric, difference in compared])
    lost = [
        f"{task}: {metric.title} {_change(difference, metric.unit)}"
        for (task, metric, difference), sign in zip(compared, signs, strict=True)
        if sign == "worse"
    ]
    if compared:
        said = f"Less fluent than plain: {'; '.join(lost)}." if lost else "No loss against plain is certain."
        text = (
            f"Entropy at equal length, and answers that are stuck, in {_tasks(len({t for t, *_ in compared}))}. {said}"
        )
        yield Finding(f"{_title(arm)}: no certain loss of fluency", "no" if lost else "yes", text)


def _quiet(results: Results, cases: Sequence[Case], arm: str) -> Iterator[Finding]:
    """How far the model moves where the emphasis should change nothing."""
    for case in cases:
        metric = results.metrics(case)[0]
        if metric.name == "divergence" and (estimate := results.estimate(case, arm, metric.name)) is not None:
            says = f"{written(estimate.mean, metric.unit)} {metric.unit} a token from the plain model"
            where = interval(estimate.low, estimate.high, metric.unit)
            yield Finding(
                f"{_title(arm)}: where emphasis should not matter",
                "note",
                f"{results.tasks[case.task].title}: {says}, 95 % interval {where}; 0 would be no change at all.",
            )


def _costs(results: Results, cases: Sequence[Case], arm: str) -> Iterator[Finding]:
    """What an arm takes, compared with plain, over the cases that both ran."""
    both = [case for case in cases if {arm, BASELINE} <= set(results.arms(case))]
    took = {name: [results.cost(case, name) for case in both] for name in (arm, BASELINE)}
    times = {name: sum(cost.mean * cost.rows for cost in costs) for name, costs in took.items()}
    if times[BASELINE]:
        yield Finding(
            f"{_title(arm)}: cost",
            "note",
            f"{times[arm] / times[BASELINE]:.2f} × the time of plain over {_tasks(len(both))}; longer answers count.",
        )


def _placebos(results: Results, cases: Sequence[Case], arms: Sequence[str]) -> Iterator[Finding]:
    """Whether the placebos do nothing."""
    for arm in (arm for arm in arms if find_arm(arm).placebo and not find_arm(arm).base):
        if found := _headlines(results, cases, arm, BASELINE):
            verdict: Verdict = "no" if found.better else "yes" if found.worse or found.same else "n/a"
            yield Finding(f"Placebo {_title(arm)}: no certain gain", verdict, str(found))


def _harmless(results: Results, cases: Sequence[Case], arms: Sequence[str]) -> Iterator[Finding]:
    """Whether emphasis that is wholly elsewhere leaves an arm as good as plain."""
    for arm in (arm for arm in arms if find_arm(arm).placebo and find_arm(arm).base):
        if found := _headlines(results, cases, arm, BASELINE):
            verdict: Verdict = "no" if found.worse else "yes" if found.better or found.same else "n/a"
            yield Finding(f"{_title(arm)}: no certain harm", verdict, str(found))


def _headlines(results: Results, cases: Sequence[Case], arm: str, against: str) -> _Headlines:
    """Compare two arms by the headline of every task (Holm over the tasks).

    A headline with no better way, and the divergence from the plain model, are no obedience and are left out.
    """
    headlines = [(case, results.metrics(case)[0]) for case in cases]
    compared = [
        (case.task, metric, _difference(results, case, arm, metric.name, against))
        for case, metric in headlines
        if metric.better == "higher"
    ]
    signs = marks([(difference, metric) for _, metric, difference in compared])
    sorted_by: dict[str, list[str]] = {"better": [], "worse": [], "": []}
    for (task, metric, difference), sign in zip(compared, signs, strict=True):
        if difference is not None:
            sorted_by[sign].append(f"{task} {_change(difference, metric.unit)}")
    missing = [task for task, _, difference in compared if difference is None]
    return _Headlines(against, sorted_by["better"], sorted_by["worse"], sorted_by[""], missing)


def _difference(results: Results, case: Case, arm: str, metric: str, against: str) -> Difference | None:
    there = results.arms(case)
    return results.difference(case, arm, metric, against=against) if arm in there and against in there else None


def _change(difference: Difference, unit: str) -> str:
    return (
        f"{written(difference.mean, unit, signed=True)} {interval(difference.low, difference.high, unit, signed=True)}"
    )


def _points(mean: float, low: float, high: float) -> str:
    return f"{written(mean, 'share', signed=True)} {interval(low, high, 'share', signed=True)}"


def _title(arm: str) -> str:
    return find_arm(arm).title


def _tasks(count: int) -> str:
    return f"{count} task{'s' if count != 1 else ''}"
