"""The page: a sweep as one HTML file that asks for nothing from anywhere."""

from __future__ import annotations

from boldface.evaluation.pages import flat_facts, templates
from boldface.evaluation.table import MARKS, kind_of
from boldface.sweeps.outcome import Outcome
from boldface.sweeps.plots import plots
from boldface.sweeps.tables import LEGEND, all_table, front_table, part_table, task_table


def render_html(outcome: Outcome) -> str:
    """Return the sweep as one self-contained HTML page."""
    environment = templates("boldface.sweeps", "boldface.evaluation")
    environment.globals |= {"kind_of": kind_of, "marks": MARKS}
    ablation = outcome.is_ablation
    return environment.get_template("sweep.html.jinja").render(
        title=f"{'Ablation' if ablation else 'Sweep'} on {outcome.facts.get('model', 'a model')}",
        lead=[
            f"{len(outcome.tried)} {'arms' if ablation else 'points'}",
            f"{outcome.plain.rows} validation rows of each task",
            ", ".join(outcome.facts.get("tasks", ())),
        ],
        sentences=outcome.sentences(),
        legend="Mean ± standard error." if ablation else LEGEND.replace("*", ""),
        plots=plots(outcome),
        front=None if ablation else front_table(outcome),
        parts=[part_table(outcome, part) for part in outcome.parts],
        tasks=None if ablation else task_table(outcome),
        every=all_table(outcome),
        facts=flat_facts(outcome.facts),
        definitions=[(metric.title, metric.says) for metric in outcome.metrics],
    )
