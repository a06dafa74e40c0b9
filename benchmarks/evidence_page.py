"""The page of ``evidence.py``: which questions are asked in which ways, and the tables of what was found."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from kept_gain import difference, gain, share
from numpy.typing import NDArray

from boldface.detection.names import NAMES, runs_model
from boldface.metrics.statistics import estimate
from boldface.records.store import read

ORACLE = "oracle"
CLOSES = 0.6
"""Share of the oracle's gain that detected spans are to close."""
FEWEST = 5
"""Questions below which a way is left out of a table of more."""


class Way(NamedTuple):
    """One way of asking.

    Attributes:
        name: As the table says it.
        spans: Who says what is emphasised: the data (``oracle``), a detector by name, nobody (empty).
        once: The document alone is read under its emphasis, and the question is asked plain.
        answer_alone: The answer alone is steered.
    """

    name: str
    spans: str
    once: bool = False
    answer_alone: bool = False


WAYS = (
    Way("plain", ""),
    Way(ORACLE, ORACLE),
    *(Way(name, name) for name in NAMES),
    Way("read once, oracle", ORACLE, once=True),
    Way("read once, `attention`", "attention", once=True),
    Way("answer scope, oracle", ORACLE, answer_alone=True),
    Way("answer scope, `evidence`", "evidence", answer_alone=True),
)


TIMED = ("plain", ORACLE, "evidence", "read once, oracle", "answer scope, oracle")
"""Ways that are timed where a first token takes long."""


class Case(NamedTuple):
    """Questions of one kind.

    Attributes:
        name: Task, or ``task:variant``.
        title: For people.
        rows: Questions; the first so many in each of the following ways.
        others: Not only plain, with marked spans, and with those of ``evidence``.
        rare: By detectors that run the model, and by ``instructions``, which looks for no evidence.
        timed: With the first token timed; where no question is asked in the rare ways, in those of ``TIMED``.
    """

    name: str
    title: str
    rows: int
    others: int
    rare: int
    timed: int

    @property
    def task(self) -> str:
        """Name of the task."""
        return self.name.partition(":")[0]

    @property
    def variant(self) -> str:
        """Wording of the prompt."""
        return self.name.partition(":")[2] or "original"

    def timed_ways(self, number: int) -> list[Way]:
        """Return the ways in which the first token of a question is timed, by its number."""
        return [way for way in self.ways(number) if self.rare or way.name in TIMED] if number < self.timed else []

    def ways(self, number: int) -> list[Way]:
        """Return the ways in which a question is asked, by its number."""
        asked = []
        for way in WAYS:
            rare = runs_model(way.spans) or way.spans == "instructions"
            few = way.once or way.answer_alone or way.spans not in ("", ORACLE, "evidence")
            if number < (self.rare if rare else self.others if few else self.rows):
                asked.append(way)
        return asked


_LOST = "lost-in-the-middle"
CASES: Mapping[str, Sequence[Case]] = {
    "smollm2": (
        Case("squad", "SQuAD", 120, 48, 16, 4),
        Case("hotpotqa", "HotpotQA", 60, 60, 2, 3),
        Case("musique", "MuSiQue", 16, 16, 1, 1),
        Case(_LOST, "Lost in the middle, fifth of 10 documents", 12, 8, 0, 2),
        Case(f"{_LOST}:first", "Lost in the middle, first of 10", 6, 6, 0, 0),
        Case(f"{_LOST}:last", "Lost in the middle, last of 10", 6, 6, 0, 0),
        Case(f"{_LOST}:30 documents", "Lost in the middle, 15th of 30", 3, 3, 0, 1),
        Case(f"{_LOST}:50 documents", "Lost in the middle, 25th of 50", 2, 2, 0, 1),
        Case(f"{_LOST}:first of 50", "Lost in the middle, first of 50", 2, 2, 0, 0),
        Case(f"{_LOST}:last of 50", "Lost in the middle, last of 50", 2, 2, 0, 0),
    ),
    "gemma": (
        Case("squad", "SQuAD", 20, 20, 0, 2),
        Case("hotpotqa", "HotpotQA", 12, 12, 0, 0),
    ),
}
"""Model to its plan."""


class Asked(NamedTuple):
    """A question: way to the record of its answer, and way to the seconds to its first token."""

    answers: Mapping[str, Mapping[str, Any]]
    times: Mapping[str, Mapping[str, float]]


def write_page(folder: Path, to: Path) -> None:
    """Write the page from the records of a folder."""
    lines = list(_head())
    for model, cases in CASES.items():
        found = {case: asked for case in cases if (asked := load(folder, model, case))}
        if found:
            lines += _model(model, found)
    to.write_text("\n".join(lines) + "\n", encoding="utf-8")


def load(folder: Path, model: str, case: Case) -> dict[str, Asked]:
    """Return example to what was asked of it; of spans that were looked for twice the latest count."""
    path = folder / f"{file_name(model, case)}.jsonl"
    spans: defaultdict[str, dict[tuple[str, bool], Any]] = defaultdict(dict)
    answers: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    seconds: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for line in read(path)[1] if path.exists() else ():
        example = line["example"]
        if line["kind"] == "spans":
            spans[example][line["source"], line["once"]] = line["spans"]
        elif line["kind"] == "answer":
            answers[example][_how(line["once"], line["answer_alone"], line["spans"])] = line
        else:
            seconds[example][line["way"]] = line
    return {
        example: Asked(
            {
                way.name: answer
                for way in WAYS
                if (marked := by_source.get((way.spans, way.once))) is not None
                and (answer := answers[example].get(_how(way.once, way.answer_alone, marked)))
            },
            seconds[example],
        )
        for example, by_source in spans.items()
    }


def file_name(model: str, case: Case) -> str:
    """Return the name of the file that holds the records of a case, without its ending."""
    return f"{model}-{case.name.replace(':', '-').replace(' ', '-')}"


def _how(once: bool, answer_alone: bool, spans: Sequence[Sequence[int]]) -> str:
    return repr((once, answer_alone, [[*span] for span in spans]))


def by_question(found: Mapping[Case, Mapping[str, Asked]], way: str, metric: str) -> list[NDArray[np.float64]]:
    """Return (questions, 3) scores a task: plain, oracle, a way; a question that several cases ask has their mean."""
    tasks: defaultdict[str, defaultdict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for case, asked in found.items():
        for example, one in asked.items():
            if all(name in one.answers for name in ("plain", ORACLE, way)):
                scores = [_score(one.answers[name], metric) for name in ("plain", ORACLE, way)]
                tasks[case.task][example].append(scores)
    return [np.array([np.mean(rows, axis=0) for rows in questions.values()]) for questions in tasks.values()]


def _score(answer: Mapping[str, Any], metric: str) -> float:
    scores = answer["scores"]
    return float(scores["f1"] if metric == "f1" else scores.get("contains", scores.get("best_subspan_em")))


_HEADS = {
    "smollm2": "With `smollm2-evidence`, whose gains were learned on training rows of SQuAD and HotpotQA.",
    "gemma": "With the profile that ships for it, which knows nothing of evidence.",
}


def _model(model: str, found: Mapping[Case, Mapping[str, Asked]]) -> Iterator[str]:
    yield f"## {model}"
    yield ""
    yield _HEADS[model]
    yield ""
    yield from _verdict(found)
    if len(found) > 1:
        yield "### Pooled"
        yield ""
        yield from _table(found)
    for case, asked in found.items():
        yield f"### {case.title}"
        yield ""
        yield from _table({case: asked})


def _verdict(found: Mapping[Case, Mapping[str, Asked]]) -> Iterator[str]:
    """Yield what the pooled figures say of the oracle, of detected spans, and of harm."""
    oracle = gain(by_question(found, ORACLE, "f1"))
    yield f"Marked spans (oracle) are worth {difference(oracle.more)} points of F1, {oracle.rows} questions pooled."
    gains = {way.name: gain(arrays) for way in WAYS[2:] if (arrays := by_question(found, way.name, "f1"))}
    if oracle.kept is not None:
        enough = [
            f"{_code(name)} {share(one.kept)}" for name, one in gains.items() if one.kept and one.kept.mean >= CLOSES
        ]
        yield f"Of that, {100 * CLOSES:.0f} % or more is kept by {', '.join(enough) or 'no way'}."
    parts = [("all", found), *((case.title, {case: asked}) for case, asked in found.items())]
    below = [
        (way, title, gain(scores).more)
        for title, part in parts
        for way in WAYS[1:]
        if (scores := by_question(part, way.name, "f1"))
    ]
    harm = [f"{_code(way.name)} on {title} ({difference(more)})" for way, title, more in below if more.high < 0]
    yield f"Below plain beyond the interval: {', '.join(harm) or 'no way, on nothing'}."
    yield ""


def _code(name: str) -> str:
    return f"`{name}`" if name in NAMES else name


def _table(found: Mapping[Case, Mapping[str, Asked]]) -> Iterator[str]:
    asked = [one for each in found.values() for one in each.values()]
    tokens = statistics.fmean(one.answers["plain"]["of"] for one in asked if "plain" in one.answers)
    kept = [answer["kept"] for one in asked for answer in one.answers.values() if "kept" in answer]
    timed = len([one for one in asked if "plain" in one.times])
    yield (
        f"Prompts of {tokens:.0f} tokens in the mean; a document kept is {statistics.fmean(kept) / 1e6:.1f} MB. "
        f"First tokens of {timed} were timed."
    )
    yield ""
    yield (
        "| way | questions | F1 % | − plain | of the oracle's gain | answer in it % | first token, nothing kept "
        "| first token, document kept | read again % |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    for way in WAYS:
        scores = by_question(found, way.name, "f1")
        if sum(map(len, scores)) < min(FEWEST, len(asked)):
            continue
        one, inside = gain(scores), np.concatenate(by_question(found, way.name, "contains"))[:, 2]
        above = "" if way.name == "plain" else difference(one.more)
        closed = "" if way.name in ("plain", ORACLE) else share(one.kept)
        mine = [each.answers[way.name] for each in asked if way.name in each.answers]
        part = [one["read"] / one["of"] for one in mine if "read" in one]
        cells = [
            _code(way.name),
            str(one.rows),
            _percent(one.means[2].mean, one.means[2].stderr),
            above,
            closed,
            _percent((said := estimate(inside.tolist())).mean, said.stderr),
            *(_ratio(asked, way.name, what) for what in ("afresh", "kept")),
            f"{100 * statistics.fmean(part):.0f}" if part else "",
        ]
        yield f"| {' | '.join(cells)} |"
    yield ""


def _percent(mean: float, stderr: float) -> str:
    return f"{100 * mean:.1f} ± {100 * stderr:.1f}" if math.isfinite(stderr) else f"{100 * mean:.1f}"


def _ratio(asked: Iterable[Asked], way: str, what: str) -> str:
    """Return how many times as long a first token takes as the plain model's on the same prompt with nothing kept."""
    pairs = [one.times for one in asked if way in one.times and "plain" in one.times]
    return f"× {statistics.median(one[way][what] / one['plain']['afresh'] for one in pairs):.2f}" if pairs else ""


def _head() -> Iterator[str]:
    yield """# Evidence: marked, detected, kept

Questions on texts, asked in every way of emphasising the evidence and of keeping what was read. Test splits, raw
prompts, greedy, weights in bfloat16, one thread.

- **plain**: nothing is emphasised. **oracle**: what the data set marks as evidence is.
- **Detectors** by name ([detection.md](../detection.md)): at most three sentences of a confidence of 0.3 or more. Those
  that run the model, and `instructions`, which looks for no evidence, were asked about fewer questions; every
  difference and share is of the same questions.
- **read once**: the document is read once under spans that know no question, and questions are asked plain (LLMSteer's
  way, query-independent): spans that the model's own attention finds, or those of the data set, a bound that nobody
  reaches who does not know the question.
- **answer scope**: only the answer is steered; the document stays the plain model's.

F1 and *answer in it* (a right answer occurs in the first line) are means ± standard error; behind them the paired
difference from plain with its 95 % interval (bootstrap over questions, within their data set), and the share of the
oracle's gain, where that gain is certain. Pooled, a question counts once: asked at several places or lengths, by its
mean.

A **first token** is timed with all that a call does, detection included, as the median of its ratios to the plain
model's on the same prompt with nothing kept. With the **document kept** plain, ways that emphasise words of it **read
again** what stands behind the first of them (the prefix law), plain and answer scope the question alone: one copy
serves every emphasis. What was read once serves every question from a copy of its own, of the same size. Answers were
taken with the document kept; nothing kept gives the same but for rounding. Those that say how much was read again were
asked here; HotpotQA's by plain, oracle and `evidence` are mostly the records of [detection.md](../detection.md), taken
over by `--known FILES`.

<!-- only read: hours, and needs data -->
```sh
python benchmarks/evidence.py --to docs/results/evidence.md
```
"""
