"""The page: a sweep as one HTML file that asks for nothing from anywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from boldface.evaluation.table import MARKS, kind_of
from boldface.sweeps.outcome import Outcome
from boldface.sweeps.plots import plots
from boldface.sweeps.tables import LEGEND, all_table, front_table, part_table, task_table


def render_html(outcome: Outcome) -> str:
    """Return the sweep as one self-contained HTML page."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("boldface.sweeps"), PackageLoader("boldface.evaluation")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
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
        facts=_flat(outcome.facts),
        definitions=[(metric.title, metric.says) for metric in outcome.metrics],
    )


def _flat(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Facts by name; those inside others are called after both."""
    found: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            found += [(f"{name}, {inner}", text) for inner, text in _flat(value)]
        else:
            found.append((name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return found
