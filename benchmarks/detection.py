"""How well detectors find what data sets mark: scores by sentence, the fits that ship, and the tables of the docs.

    python benchmarks/detection.py score --split train --scorers bm25 embedding --rows 150 --out build/train.jsonl
    python benchmarks/detection.py fit build/train.jsonl …
    python benchmarks/detection.py measure build/test.jsonl …

``score`` writes a line for every example and scorer, and goes on where it was stopped. ``fit`` writes
``src/boldface/detection/fitted.json`` from training rows, every task weighing the same, one fit for texts of one
paragraph and one for texts of several. ``measure`` prints the tables.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

import boldface
from boldface.detection import evidence, instructions
from boldface.detection.catalogue import find_scorers
from boldface.detection.choosing import LEAST, MOST
from boldface.detection.fitted import SEVERAL, Fit, fitted
from boldface.detection.names import ALONE, ASKING, HELPING, TOGETHER
from boldface.detection.proposer import Scorer
from boldface.detection.searched import Searched, search
from boldface.engine.settings import settings
from boldface.metrics.answers import contains
from boldface.metrics.statistics import estimate
from boldface.records.store import Store, key_of, read
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data
from boldface.tasks.example import Example

EVIDENCE = ("hotpotqa", "musique", "squad", "lost-in-the-middle", "lost-in-the-middle:20 documents")
ORDERS = ("ifeval", "json", "which-wins")
FITTED = Path(__file__).parents[1] / "src" / "boldface" / "detection" / "fitted.json"
UNFIT = ("musique",)
"""Tasks that mark whole paragraphs, of which most hold no answer: nobody knows which sentences count."""
ENOUGH = 10
"""Rows that a task needs to be fitted on: every task weighs the same."""
PRICE = 1.0
"""Of the squares of the weights, in training rows."""


def main() -> None:
    """Read the command line and do what it says."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    scoring = verbs.add_parser("score")
    scoring.add_argument("--tasks", nargs="+", default=list(EVIDENCE))
    scoring.add_argument("--split", default="train")
    scoring.add_argument("--scorers", nargs="+", default=[*ALONE, *HELPING])
    scoring.add_argument("--model", default="smollm2")
    scoring.add_argument("--rows", type=int, default=100)
    scoring.add_argument("--out", type=Path, required=True)
    scoring.set_defaults(do=score)
    for name, do in (("fit", fit), ("measure", measure)):
        verb = verbs.add_parser(name)
        verb.add_argument("files", type=Path, nargs="+")
        verb.set_defaults(do=do)
    asked = parser.parse_args()
    asked.do(asked)


def score(asked: Namespace) -> None:
    """Write what every scorer says of every sentence, and whether it is marked."""
    data = Data(settings().data)
    runs = set(asked.scorers) & set(ASKING)
    model = boldface.load(asked.model, dtype="bfloat16") if runs else None
    facts = {"split": asked.split, "model": asked.model if runs else None}
    signs = [name for name in asked.scorers if name != "instructions"]
    found = dict(zip(signs, find_scorers(signs, model), strict=True))
    scorers = {name: found.get(name) for name in asked.scorers}
    with Store(asked.out, facts) as store:
        for task, example in examples(asked.tasks, data, asked.split, asked.rows):
            searched = search(example.prompt.text[: example.answer_start])
            for name, scorer in scorers.items():
                key = key_of(task=task, example=example.id, scorer=name)
                if key in store.records:
                    continue
                began = time.perf_counter()
                rows = features(scorer, searched)
                line = {
                    "key": key,
                    "task": task,
                    "example": example.id,
                    "scorer": name,
                    "rows": [[round(value, 5) for value in row] for row in rows],
                    "marked": marked(searched, example, whole=scorer is None),
                    "answers": answering(searched, example, whole=scorer is None),
                    "paragraphs": len(searched.held),
                    "seconds": round(time.perf_counter() - began, 4),
                }
                store.append([line])


def examples(tasks: Sequence[str], data: Data, split: str, rows: int) -> Iterator[tuple[str, Example]]:
    """Yield the first examples of tasks; ``task:variant`` is a wording."""
    for name in tasks:
        task, _, variant = name.partition(":")
        found = find_task(task).examples(data, split, variant or "original")  # type: ignore[arg-type]
        for _, example in zip(range(rows), found, strict=False):
            yield name, example


def features(scorer: Scorer | None, searched: Searched) -> list[list[float]]:
    """Return what one scorer says of every sentence; None is the form and place of instructions."""
    if scorer is None:
        return [instructions.features(searched, index) for index in range(len(searched.whole))]
    return evidence.features([scorer], searched) if searched.sentences else []


def marked(searched: Searched, example: Example, *, whole: bool) -> list[bool]:
    """Whether at least half of every sentence is emphasised."""
    found = []
    for sentence in searched.whole if whole else searched.sentences:
        inside = sum(
            max(0, min(span.end, sentence.end) - max(span.start, sentence.start)) for span in example.prompt.spans
        )
        found.append(inside >= (sentence.end - sentence.start) / 2)
    return found


def answering(searched: Searched, example: Example, *, whole: bool) -> list[bool]:
    """Whether every sentence holds a right answer; none does where the answer is yes or no."""
    golds = [gold for gold in example.info.get("answers", ()) if gold.lower() not in ("yes", "no")]
    pieces = searched.whole if whole else searched.sentences
    return [bool(golds) and contains(searched.words(piece), golds) > 0 for piece in pieces]


class Row(NamedTuple):
    """An example: features, marks and right answers of its sentences; paragraphs; seconds that scoring took."""

    features: np.ndarray
    marks: np.ndarray
    answers: np.ndarray
    paragraphs: int
    seconds: float


class Scored:
    """The lines of some files, joined: what a proposer's scorers say of the sentences of an example.

    Args:
        files: What ``score`` wrote.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.lines: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
        for file in files:
            for line in read(file)[1]:
                self.lines.setdefault((line["task"], line["example"]), {})[line["scorer"]] = line

    def of(self, scorers: Sequence[str]) -> dict[str, list[Row]]:
        """Return task to every example that all of the scorers saw."""
        found: dict[str, list[Row]] = {}
        for (task, _), lines in self.lines.items():
            if not all(name in lines and lines[name]["rows"] for name in scorers):
                continue
            columns = [np.array(lines[name]["rows"]) for name in scorers]
            if "instructions" not in scorers:
                columns = [each[:, :-1] for each in columns] + [columns[0][:, -1:]]
            first = lines[scorers[0]]
            marks, answers = np.array(first["marked"]), np.array(first["answers"])
            seconds = sum(lines[name]["seconds"] for name in scorers)
            found.setdefault(task, []).append(Row(np.hstack(columns), marks, answers, first["paragraphs"], seconds))
        return found

    @property
    def proposers(self) -> Mapping[str, tuple[str, ...]]:
        """The proposers whose scorers all saw something."""
        there = {name for lines in self.lines.values() for name in lines}
        known = {"instructions": ("instructions",), **{name: (name,) for name in (*ALONE, *ASKING)}, **TOGETHER}
        return {name: scorers for name, scorers in known.items() if set(scorers) <= there}


def fit(asked: Namespace) -> None:
    """Fit every proposer that the files have all scorers of, and keep the others."""
    scored = Scored(asked.files)
    content = json.loads(FITTED.read_text("utf-8")) if FITTED.exists() else {"proposers": {}}
    for name, scorers in scored.proposers.items():
        by_task = {task: rows for task, rows in scored.of(scorers).items() if task not in UNFIT}
        few, several = (
            {
                task: kept
                for task, rows in by_task.items()
                if len(kept := [row for row in rows if is_several(row) == side]) >= ENOUGH
            }
            for side in (False, True)
        )
        content["proposers"][name] = weights_of(few or several)
        if few and several:
            content["proposers"][name]["several"] = weights_of(several)
        print(name, content["proposers"][name])
    FITTED.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def is_several(row: Row) -> bool:
    """Whether an example is fitted as one of several paragraphs."""
    return row.paragraphs >= SEVERAL


def weights_of(by_task: Mapping[str, Sequence[Row]]) -> dict[str, Any]:
    """Return a fit as the file has it."""
    told = {task: [_told(task, row) for row in rows] for task, rows in by_task.items()}
    features = np.vstack([row for rows in told.values() for row, _ in rows])
    marks = np.concatenate([row for rows in told.values() for _, row in rows]).astype(float)
    weights = np.concatenate(
        [
            np.full(len(row), len(marks) / len(told) / sum(len(one) for _, one in rows))
            for rows in told.values()
            for _, row in rows
        ]
    )
    found = regression(features, marks, weights)
    return {
        "weights": [round(float(weight), 4) for weight in found[:-1]],
        "intercept": round(float(found[-1]), 4),
        "rows": {task: len(rows) for task, rows in told.items()},
    }


def _told(task: str, row: Row) -> tuple[np.ndarray, np.ndarray]:
    """Leave out orders that IFEval does not mark: it marks those alone that a program can check."""
    kept = row.marks | (row.features[:, 0] == 0) if task == "ifeval" else np.ones_like(row.marks)
    return row.features[kept], row.marks[kept]


def regression(features: np.ndarray, marks: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weights of a logistic regression, the intercept last."""
    columns = np.hstack([features, np.ones((len(features), 1))])

    def loss(at: np.ndarray) -> tuple[float, np.ndarray]:
        reach = columns @ at
        wrong = weights * (1 / (1 + np.exp(-reach)) - marks)
        priced = np.append(at[:-1], 0)
        value = weights @ (np.logaddexp(0, reach) - marks * reach) + PRICE / 2 * priced @ priced
        return float(value), columns.T @ wrong + PRICE * priced

    return np.asarray(minimize(loss, np.zeros(columns.shape[1]), jac=True).x)


def measure(asked: Namespace) -> None:
    """Print how well every proposer finds what is marked, task by task."""
    scored = Scored(asked.files)
    print(
        "| task | detector | rows | first is right % | found % | right % | answer found % | spans | nothing % "
        "| error of confidence | s a row |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for task in dict.fromkeys(task for task, _ in scored.lines):
        for name, scorers in scored.proposers.items():
            rows = scored.of(scorers).get(task)
            if rows and name in fitted():
                print(f"| {task} | {name} | {len(rows)} | {' | '.join(found(rows, fitted()[name]))} |")


def found(rows: Sequence[Row], fit: Fit) -> list[str]:
    """Return the cells of one task and proposer."""
    first, recall, precision, answered, counts, nothing, gaps = [], [], [], [], [], [], []
    for row in rows:
        sure = np.array([fit.of(row.paragraphs).confidence(features) for features in row.features])
        order = np.argsort(-sure, kind="stable")
        chosen = [index for index in order[:MOST] if sure[index] >= LEAST]
        nothing.append(float(not chosen))
        counts.append(len(chosen))
        gaps += [(float(one), float(mark)) for one, mark in zip(sure, row.marks, strict=True)]
        if row.marks.any():
            first.append(float(row.marks[order[0]]))
            recall.append(float(row.marks[chosen].sum() / row.marks.sum()))
        if row.answers.any():
            answered.append(float(row.answers[chosen].any()))
        if chosen:
            precision.append(float(row.marks[chosen].mean()))
    cells = [with_error(column) for column in (first, recall, precision, answered)]
    spans = f"{statistics.fmean(counts):.1f}"
    seconds = f"{statistics.median(row.seconds for row in rows):.3f}"
    return [*cells, spans, with_error(nothing), f"{calibration(gaps):.3f}", seconds]


def with_error(values: Sequence[float]) -> str:
    """Return a mean in percent with its standard error."""
    if not values:
        return "n/a"
    found = estimate(values)
    return (
        f"{100 * found.mean:.0f} ± {100 * found.stderr:.0f}"
        if not math.isnan(found.stderr)
        else f"{100 * found.mean:.0f}"
    )


def calibration(pairs: Sequence[tuple[float, float]]) -> float:
    """Return the mean distance of confidence and share of right ones, over ten bins of like confidence."""
    bins: dict[int, list[tuple[float, float]]] = {}
    for sure, right in pairs:
        bins.setdefault(min(9, int(10 * sure)), []).append((sure, right))
    apart = (abs(sum(sure - right for sure, right in each)) for each in bins.values())
    return sum(apart) / len(pairs)


if __name__ == "__main__":
    main()
