"""Are answers from a document that was read before as good? Evidence questions, by every way of keeping it.

    python benchmarks/kept_answers.py --tasks squad hotpotqa --rows 64 --out build/kept-answers.jsonl

``plain`` steers nothing, ``steered`` the whole prompt (the same answers as a document with steered questions),
``plain questions`` the document alone, ``answer scope`` the answer alone. With ``--detector`` spans are those that it
finds in the document, which has not heard the question, instead of the marked evidence. One line a question; a run that
was stopped goes on where it stood.
"""

from __future__ import annotations

import json
import math
import statistics
from argparse import ArgumentParser
from itertools import islice
from pathlib import Path
from typing import Any

import torch

import boldface
from boldface.detection.detect import detect
from boldface.emphasis.span import EmphasisedText
from boldface.engine.model import Model
from boldface.engine.settings import settings
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Example
from boldface.tasks.task import Task

WAYS = ("plain", "steered", "plain questions", "answer scope")
ROOM = 24


def answers(model: Model, example: Example, detector: str, strength: float | None) -> dict[str, Any]:
    """Return every way's answer to a question, and how many tokens of its prompt were read for it."""
    asked = example.prompt.text[: example.answer_start].rstrip()
    cut = asked.rindex("Question:")
    text = EmphasisedText(asked[:cut], example.prompt.spans)
    if detector:
        found = detect(EmphasisedText(text.text), detector, model=model).prompt
        assert isinstance(found, EmphasisedText)
        text = found
    question, how = EmphasisedText(asked[cut:]), {"max_new_tokens": ROOM}
    said = {}
    for way in WAYS:
        marked = text if way != "plain" and text.spans else EmphasisedText(text.text)
        nats = {} if strength is None else {"strength": strength}
        if way == "answer scope":
            whole = EmphasisedText(asked, marked.spans)
            answer = model.generate(whole, scope="answer", **nats, **how)
        else:
            questions = "plain" if way == "plain questions" else "steered"
            answer = model.read(marked, questions=questions, between="", **nats).ask(question, **how)
        said[way] = {"text": answer.text, "read": len(answer.prompt.ids) - answer.cached, "of": len(answer.prompt.ids)}
    return said


def table(task: Task, rows: list[dict[str, Any]]) -> None:
    """Print the mean of every metric with its standard error, and the paired difference from plain."""
    metrics = [metric.name for metric in task.metrics]
    print(f"\n| {task.title}, {len(rows)} questions | " + " | ".join(metrics) + " | first metric − plain |")
    print("|---" * (len(metrics) + 2) + "|")
    for way in WAYS:
        means = [_mean([row[way][metric] for row in rows]) for metric in metrics]
        more = _mean([row[way][metrics[0]] - row["plain"][metrics[0]] for row in rows])
        print(f"| {way} | " + " | ".join(means) + f" | {more} |", flush=True)


def _mean(values: list[float]) -> str:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{100 * statistics.mean(values):.1f} ± {100 * error:.1f}"


def main() -> None:
    """Ask, and print the tables."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=["squad", "hotpotqa", "musique"])
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--split", default="test")
    parser.add_argument("--detector", default="", help="find the spans, instead of the marked evidence")
    parser.add_argument("--strength", type=float, help="in nats; the profile's own unless given")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    folder = settings().data
    if folder is None:
        raise SystemExit("BOLDFACE_DATA names no folder.")
    model = boldface.load(chosen.model)
    facts = [chosen.model, chosen.split, chosen.detector, chosen.strength]
    known = [json.loads(line) for line in chosen.out.read_text().splitlines()] if chosen.out.exists() else []
    for name in chosen.tasks:
        task = find_task(name)
        for example in islice(task.examples(Data(folder), chosen.split, "original"), chosen.rows):
            key = [*facts, name, example.id]
            if not any(line["key"] == key for line in known):
                line = {"key": key, "said": answers(model, example, chosen.detector, chosen.strength)}
                scores = {way: task.score(example, Answer(one["text"])) for way, one in line["said"].items()}
                known.append({**line, "scores": scores})
                with chosen.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(known[-1]) + "\n")
        table(task, [line["scores"] for line in known if line["key"][:-1] == [*facts, name]])


if __name__ == "__main__":
    main()
