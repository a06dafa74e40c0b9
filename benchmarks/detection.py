"""How well detectors find what data sets mark: scores by sentence, the fits that ship, and the tables of the docs.

    python benchmarks/detection.py score --split train --scorers bm25 embedding --rows 150 --out build/train.jsonl
    python benchmarks/detection.py fit build/train.jsonl …
    python benchmarks/detection.py measure build/test.jsonl …

``score`` writes a line for every example and scorer, and goes on where it was stopped. ``fit`` writes
``src/boldface/detection/fitted.json`` from training rows, every task weighing the same. ``measure`` prints the tables.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import boldface
from boldface.detection import evidence, instructions
from boldface.detection.catalogue import find_scorer
from boldface.detection.choosing import LEAST, MOST
from boldface.detection.fitted import Fit
from boldface.detection.names import ALONE, ASKING, TOGETHER
from boldface.detection.searched import Searched, search
from boldface.engine.settings import settings
from boldface.metrics.statistics import estimate
from boldface.records.store import Store, key_of, read
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data
from boldface.tasks.example import Example

EVIDENCE = ("hotpotqa", "musique", "squad", "lost-in-the-middle", "lost-in-the-middle:20 documents")
ORDERS = ("ifeval", "json", "which-wins")
FITTED = Path(__file__).parents[1] / "src" / "boldface" / "detection" / "fitted.json"
PRICE = 1.0
"""Of the squares of the weights, in training rows."""


def main() -> None:
    """Read the command line and do what it says."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    scoring = verbs.add_parser("score")
    scoring.add_argument("--tasks", nargs="+", default=list(EVIDENCE))
    scoring.add_argument("--split", default="train")
    scoring.add_argument("--scorers", nargs="+", default=list(ALONE))
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
    with Store(asked.out, facts) as store:
        for task, example in examples(asked.tasks, data, asked.split, asked.rows):
            searched = search(example.prompt.text[: example.answer_start])
            for name in asked.scorers:
                key = key_of(task=task, example=example.id, scorer=name)
                if key in store.records:
                    continue
                began = time.perf_counter()
                rows = features(name, searched, model)
                line = {
                    "key": key,
                    "task": task,
                    "example": example.id,
                    "scorer": name,
                    "rows": [[round(value, 5) for value in row] for row in rows],
                    "marked": marked(searched, example, whole=name == "instructions"),
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


def features(name: str, searched: Searched, model: Any) -> list[list[float]]:
    """Return what one scorer says of every sentence."""
    if name == "instructions":
        return [instructions.features(searched, index) for index in range(len(searched.whole))]
    return evidence.features([find_scorer(name, model)], searched) if searched.sentences else []


def marked(searched: Searched, example: Example, *, whole: bool) -> list[bool]:
    """Whether at least half of every sentence is emphasised."""
    found = []
    for sentence in searched.whole if whole else searched.sentences:
        inside = sum(
            max(0, min(span.end, sentence.end) - max(span.start, sentence.start)) for span in example.prompt.spans
        )
        found.append(inside >= (sentence.end - sentence.start) / 2)
    return found


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

    def of(self, scorers: Sequence[str]) -> dict[str, list[tuple[np.ndarray, np.ndarray, float]]]:
        """Return task to the features, the marks and the seconds of every example that all of the scorers saw."""
        found: dict[str, list[tuple[np.ndarray, np.ndarray, float]]] = {}
        for (task, _), lines in self.lines.items():
            if not all(name in lines and lines[name]["rows"] for name in scorers):
                continue
            columns = [np.array(lines[name]["rows"]) for name in scorers]
            if "instructions" not in scorers:
                columns = [each[:, :-1] for each in columns] + [columns[0][:, -1:]]
            seconds = sum(lines[name]["seconds"] for name in scorers)
            marks = np.array(lines[scorers[0]]["marked"])
            found.setdefault(task, []).append((np.hstack(columns), marks, seconds))
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
        by_task = {task: [_told(task, *row) for row in rows] for task, rows in scored.of(scorers).items()}
        features = np.vstack([row for rows in by_task.values() for row, _, _ in rows])
        marks = np.concatenate([row for rows in by_task.values() for _, row, _ in rows]).astype(float)
        weights = np.concatenate(
            [
                np.full(len(row), len(marks) / len(by_task) / sum(len(one) for _, one, _ in rows))
                for rows in by_task.values()
                for _, row, _ in rows
            ]
        )
        found = regression(features, marks, weights)
        content["proposers"][name] = {
            "weights": [round(float(weight), 4) for weight in found[:-1]],
            "intercept": round(float(found[-1]), 4),
            "rows": {task: len(rows) for task, rows in by_task.items()},
        }
        print(name, content["proposers"][name])
    FITTED.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _told(task: str, features: np.ndarray, marks: np.ndarray, seconds: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Leave out orders that IFEval does not mark: it marks those alone that a program can check."""
    kept = marks | (features[:, 0] == 0) if task == "ifeval" else np.ones_like(marks)
    return features[kept], marks[kept], seconds


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
    fits = json.loads(FITTED.read_text("utf-8"))["proposers"]
    scored = Scored(asked.files)
    print(
        "| task | detector | rows | first is right % | found % | right % | nothing % | error of confidence | s a row |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for task in dict.fromkeys(task for task, _ in scored.lines):
        for name, scorers in scored.proposers.items():
            rows = scored.of(scorers).get(task)
            if rows and name in fits:
                fitted = Fit(tuple(fits[name]["weights"]), fits[name]["intercept"])
                print(f"| {task} | {name} | {len(rows)} | {' | '.join(found(rows, fitted))} |")


def found(rows: Sequence[tuple[np.ndarray, np.ndarray, float]], fitted: Fit) -> list[str]:
    """Return the cells of one task and proposer."""
    first, recall, precision, nothing, gaps = [], [], [], [], []
    for features, marks, _ in rows:
        sure = np.array([fitted.confidence(row) for row in features])
        order = np.argsort(-sure, kind="stable")
        chosen = [index for index in order[:MOST] if sure[index] >= LEAST]
        nothing.append(float(not chosen))
        gaps += [(float(one), float(mark)) for one, mark in zip(sure, marks, strict=True)]
        if marks.any():
            first.append(float(marks[order[0]]))
            recall.append(float(marks[chosen].sum() / marks.sum()))
        if chosen:
            precision.append(float(marks[chosen].mean()))
    cells = [with_error(column) for column in (first, recall, precision, nothing)]
    return [*cells, f"{calibration(gaps):.3f}", f"{statistics.median(seconds for _, _, seconds in rows):.3f}"]


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
