"""The same examples in every arm, side by side: the prompt with its emphasis, the answers, right or wrong."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from boldface.emphasis.span import EmphasisedText, flatten
from boldface.evaluation.arm import Arm
from boldface.evaluation.arms import find_arm
from boldface.evaluation.numerals import written
from boldface.evaluation.record import Case
from boldface.evaluation.results import Results
from boldface.evaluation.table import Kind, kind_of
from boldface.tasks.example import Answer, Choose, Continue, Example
from boldface.tasks.task import Metric

MOST_CHARACTERS = 1200
"""A stretch of a prompt or an answer that is longer is shown by its two ends."""
_CANDIDATES = 3
_SIGNS = {"right": "✓", "wrong": "✗"}


@dataclass(frozen=True)
class Piece:
    """A stretch of text: emphasised, left out (then it says how much), or plain."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Chip:
    """A score of one answer: ``right``, ``wrong`` or ``partly``."""

    text: str
    kind: str
    says: str


@dataclass(frozen=True)
class Told:
    """What one arm answered."""

    arm: Arm
    kind: Kind
    answer: tuple[Piece, ...]
    chips: tuple[Chip, ...]


@dataclass(frozen=True)
class Sample:
    """One example and all its answers."""

    id: str
    prompt: tuple[Piece, ...]
    answers: tuple[Told, ...]


def samples(results: Results, case: Case, count: int) -> tuple[Sample, ...]:
    """Return the first examples of a case with the answers of all arms that answered more than half of them."""
    metrics = results.tasks[case.task].metrics
    coverage = {arm: results.coverage(case, arm).answered for arm in results.arms(case)}
    arms = [arm for arm, answered in coverage.items() if answered * 2 > max(coverage.values())]
    return tuple(
        Sample(
            shown.example.id,
            prompt_pieces(shown.example.prompt),
            tuple(
                Told(
                    find_arm(arm),
                    kind_of(find_arm(arm)),
                    answer_pieces(shown.example, told.answer),
                    chips(metrics, told.scores),
                )
                for arm, told in shown.answers.items()
            ),
        )
        for shown in results.samples(case, arms, count)
    )


def prompt_pieces(prompt: EmphasisedText) -> tuple[Piece, ...]:
    """Cut a prompt at its spans; long stretches between them are shortened."""
    spans = [(span.start, span.end) for span in flatten(prompt.spans, 1.0)]
    edges = [0, *itertools.chain.from_iterable(spans), len(prompt.text)]
    pieces: list[Piece] = []
    for start, end in itertools.pairwise(edges):
        if start < end:
            pieces += _shortened(prompt.text[start:end], "emphasised" if (start, end) in spans else "")
    return tuple(pieces)


def answer_pieces(example: Example, answer: Answer) -> tuple[Piece, ...]:
    """Say what came back: the text, the likeliest candidates, or the divergence."""
    if isinstance(example.question, Choose):
        ranked = sorted(zip(answer.logprobs, example.question.candidates, strict=True), reverse=True)[:_CANDIDATES]
        return tuple(
            piece
            for logprob, word in ranked
            for piece in (Piece(word), Piece(f" {written(logprob, 'bits')}   ", "aside"))
        )
    if isinstance(example.question, Continue):
        said = "n/a" if answer.divergence is None else f"{written(answer.divergence, 'nats')} nats a token"
        return (Piece(f"{said} from the plain model", "aside"),)
    if not answer.text.strip():
        return (Piece("(empty)", "aside"),)
    ending = [] if answer.ended else [Piece(" … cut at the token limit", "aside")]
    return (*_shortened(answer.text.strip("\n"), ""), *ending)


def chips(metrics: tuple[Metric, ...], scores: Mapping[str, float | None]) -> tuple[Chip, ...]:
    """Return a chip for each share; the other metrics have no right and wrong, and those that are n/a are left out."""
    found = []
    for metric in metrics:
        score = scores[metric.name]
        if score is None or metric.unit != "share":
            continue
        if metric.better is None or 0 < score < 1:
            found.append(Chip(f"{metric.title} {written(score, 'share')} %", "partly", metric.says))
        else:
            kind = "right" if (score == 1) == (metric.better == "higher") else "wrong"
            found.append(Chip(f"{_SIGNS[kind]} {metric.title}", kind, metric.says))
    return tuple(found)


def _shortened(text: str, kind: str) -> list[Piece]:
    if len(text) <= MOST_CHARACTERS:
        return [Piece(text, kind)]
    end = MOST_CHARACTERS // 2
    left_out = f"{len(text) - 2 * end:,}".replace(",", " ")
    return [Piece(text[:end], kind), Piece(f" … {left_out} characters … ", "aside"), Piece(text[-end:], kind)]
