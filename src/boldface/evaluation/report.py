"""The page: everything that some results say, as one HTML file that asks for nothing from anywhere."""

from __future__ import annotations

from dataclasses import dataclass

from boldface.evaluation.arm import Arm
from boldface.evaluation.arms import find_arm
from boldface.evaluation.cells import BASELINE
from boldface.evaluation.curves import Curve, Curves, curves
from boldface.evaluation.details import COST, cost_table, metric_tables, pair_table
from boldface.evaluation.figures import Scatter, Whiskers, scatter, whiskers
from boldface.evaluation.findings import Finding, findings
from boldface.evaluation.numerals import written
from boldface.evaluation.pages import flat_facts, templates
from boldface.evaluation.quality import QUALITY
from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.evaluation.side_by_side import Sample, samples
from boldface.evaluation.summary import AVERAGE, View, arms_of, summaries, views
from boldface.evaluation.table import CERTAIN, KINDS, MARKS, Cell, Heading, Kind, Row, Table, kind_of
from boldface.metrics.statistics import CONFIDENCE, RESAMPLES

SAMPLES = 3
"""Examples shown of each case."""
_FLUENCY = ("matched_entropy", "plain_logprob")


@dataclass(frozen=True)
class ViewPart:
    """The summary of one setting, wording and split."""

    title: str
    tables: list[Table]
    findings: list[Finding]


@dataclass(frozen=True)
class CasePart:
    """Everything about one task in one setting, wording and split."""

    title: str
    whiskers: Whiskers | None
    metrics: list[Table]
    scatters: list[Scatter]
    curves: tuple[Curves, ...]
    pairs: Table
    costs: Table
    samples: tuple[Sample, ...]

    @property
    def bases(self) -> list[Curve]:
        """One curve of every arm that has any, for the key."""
        found = {curve.number: curve for plot in self.curves for curve in plot.curves}
        return [found[number] for number in sorted(found)]


@dataclass(frozen=True)
class TaskPart:
    """Everything about one task."""

    name: str
    title: str
    says: str
    cases: list[CasePart]

    @property
    def anchor(self) -> str:
        """Where a link to it leads."""
        return f"task-{self.name}"


@dataclass(frozen=True)
class Source:
    """A file, or somebody's start of a run: what stands in it by name, and the command."""

    name: str
    commands: list[str]
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Page:
    """What the template shows."""

    title: str
    lead: list[str]
    views: list[ViewPart]
    tasks: list[TaskPart]
    tuning: list[Table]
    made: list[Source]
    arms: list[tuple[Arm, Kind]]
    definitions: list[str]


def render_html(results: Results, *, title: str | None = None) -> str:
    """Return the report as one self-contained HTML page.

    Args:
        results: What was measured.
        title: Heading; None names the models.
    """
    environment = templates("boldface.evaluation")
    environment.globals |= {"kind_of": kind_of, "marks": MARKS, "kinds": KINDS, "certain": CERTAIN}
    return environment.get_template("report.html.jinja").render(page=page_of(results, title))


def page_of(results: Results, title: str | None = None) -> Page:
    """Put together what the page shows."""
    shown = [view for view in views(results) if BASELINE in arms_of(results, _cases(results, view))]
    tuning = [view for view in views(results) if view not in shown]
    sessions = results.notes("session")
    dates = sorted({str(session["began"])[:10] for session in sessions if "began" in session})
    return Page(
        title or f"Attention steering on {', '.join(models(results))}",
        [f"model {', '.join(models(results))}", " to ".join(dict.fromkeys(dates[:1] + dates[-1:])), *map(str, shown)],
        [ViewPart(_capital(str(view)), summaries(results, view), findings(results, view)) for view in shown],
        _tasks(results, shown),
        [*_tuned(results), *(table for view in tuning for table in summaries(results, view))],
        _made(results),
        [(find_arm(arm), kind_of(find_arm(arm))) for arm in arms_of(results, results.cases)],
        _definitions(),
    )


def models(results: Results) -> list[str]:
    """Return the models of the results, in order of appearance."""
    return list(dict.fromkeys(str(facts.get("model", path.name)) for path, facts in results.facts.items()))


def _cases(results: Results, view: View) -> list[Case]:
    return [case for case in results.cases if case == view.case(case.task)]


def _tasks(results: Results, shown: list[View]) -> list[TaskPart]:
    cases = [case for view in shown for case in _cases(results, view)]
    tasks = dict.fromkeys(case.task for case in cases)
    return [
        TaskPart(
            name,
            results.tasks[name].title,
            results.tasks[name].says,
            [_case(results, case) for case in cases if case.task == name],
        )
        for name in tasks
    ]


def _case(results: Results, case: Case) -> CasePart:
    metrics = {metric.name: metric for metric in results.metrics(case)}
    headline = results.metrics(case)[0]
    arms = [(find_arm(arm), results.estimate(case, arm, headline.name)) for arm in results.arms(case)]
    plots = [
        scatter(
            [(arm, results.estimate(case, arm.name, name), obedience) for arm, obedience in arms],
            metrics[name],
            headline,
        )
        for name in _FLUENCY
        if name in metrics
    ]
    return CasePart(
        _capital(str(View(case.setting, case.variant, case.split))),
        whiskers(arms, headline),
        metric_tables(results, case),
        [plot for plot in plots if plot is not None],
        curves({arm.name: known for arm, known in arms if known is not None}, headline),
        pair_table(results, case),
        cost_table(results, case),
        samples(results, case, SAMPLES),
    )


def _tuned(results: Results) -> list[Table]:
    """What was tried on the validation split, and what was chosen."""
    tables = []
    for line in results.notes("tuned"):
        rows = tuple(
            Row(find_arm(arm), (Cell(written(score, "share"), best=arm == line["chosen"]),))
            for arm, score in line["scores"].items()
        )
        heading = Heading("mean", unit="%", says=f"Mean of the headline metrics on {line['rows']} rows of validation.")
        tables.append(Table(f"{line['arm']}: {find_arm(line['chosen']).title} was chosen", (heading,), rows))
    return tables


def _made(results: Results) -> list[Source]:
    sources = [Source(path.name, [], flat_facts(facts)) for path, facts in results.facts.items()]
    for number, session in enumerate(results.notes("session"), 1):
        facts = {name: value for name, value in session.items() if name not in ("key", "kind", "command")}
        command = session.get("command")
        sources.append(Source(f"Session {number}", [str(command)] if command else [], flat_facts(facts)))
    return sources


def _definitions() -> list[str]:
    level = f"{CONFIDENCE:.0%}".replace("%", " %")
    return [
        f"Standard errors and {level} intervals are over groups (data rows): Wilson's for right and wrong, else the "
        f"percentile bootstrap of {RESAMPLES} resamples, seeded.",
        "An error of 0.0 says that all groups were alike, not that the mean is certain: the interval has the rest.",
        "Comparisons are paired by group: sign flips, which for right and wrong is McNemar's exact test.",
        f"Certain: p below {CERTAIN} after Holm's adjustment over all comparisons of the same table.",
        f"Average. {AVERAGE}",
        "n/a: it cannot be computed, for the reason below the table; nothing is approximated.",
        "Raw prompts are the texts as they stand; chat template: the same as a user's turn of the model's template.",
        *(f"{metric.title}. {metric.says}" for metric in QUALITY),
        *(f"Cost, {heading.text} {heading.unit}".rstrip() + f": {heading.says}" for heading in COST),
        "Answers are scored anew from the file whenever a page is made. Decoding is greedy, but where an arm "
        "says its temperature.",
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
