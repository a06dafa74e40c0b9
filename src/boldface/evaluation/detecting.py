"""Detection on behalf of an arm: what would be emphasised if the data had marked nothing."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from typing import Any

from boldface.detection.catalogue import find_proposer
from boldface.detection.choosing import LEAST, MOST, choose
from boldface.detection.either import Either
from boldface.detection.in_chat import look
from boldface.detection.proposer import Proposer
from boldface.emphasis.judging import Sourced
from boldface.emphasis.policy import DEFAULT_POLICY
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.model import Model
from boldface.evaluation.arm import Arm
from boldface.evaluation.trusting import pieces_of
from boldface.records.store import Store, key_of
from boldface.tasks.example import Example


def detected(
    arm: Arm, model: Model, store: Store, examples: Iterable[Example]
) -> tuple[list[Example], Mapping[str, float]]:
    """Return the examples as the arm emphasises them, and the seconds that detection took of each of them.

    What is found is kept in the store, so that nothing is looked for twice, by whichever arm.

    Args:
        arm: The arm; without a detector the examples stay as the data mark them.
        model: For detectors that ask it.
        store: An open store; everything in it depends on the same model.
        examples: The examples.
    """
    if not arm.detector:
        return list(examples), {}
    proposer = find_proposer(arm.detector, model)
    marked, spent = [], {}
    for example in examples:
        found = _found(proposer, store, example)
        spans = tuple(CharSpan(span["start"], span["end"]) for span in found["spans"])
        marked.append(replace(example, prompt=EmphasisedText(example.prompt.text, spans)))
        spent[example.id] = found["seconds"]
    return marked, spent


def _found(proposer: Proposer, store: Store, example: Example) -> Mapping[str, Any]:
    pieces = pieces_of(example)
    read = [[piece.start, piece.end, piece.source] for piece in pieces]
    said = {"kind": "detected", "detector": proposer.name, "text": example.prompt.text, "pieces": read}
    key = key_of(**said, most=MOST, least=LEAST, fits=_fits(proposer))
    if key not in store.records:
        began = time.perf_counter()
        placed, _ = look([Sourced(EmphasisedText(example.prompt.text), pieces)], proposer.propose, DEFAULT_POLICY)
        chosen = choose(placed, lambda one: one.proposal, lambda one: (), most=MOST, least=LEAST)
        seconds = time.perf_counter() - began
        spans = [
            {"start": one.span.start, "end": one.span.end, "confidence": round(one.confidence, 4)}
            for one in (each.proposal for each in chosen)
        ]
        facts = {"key": key, "kind": "detected", "detector": proposer.name, "example": example.id}
        store.append([{**facts, "spans": spans, "seconds": round(seconds, 4)}])
    return store.records[key]


def _fits(proposer: Proposer) -> list[dict[str, Any]]:
    """Return how scores become confidences there, as JSON values: what was found by another fit is something else."""
    parts = (proposer.evidence, proposer.instructions) if isinstance(proposer, Either) else (proposer,)
    return [asdict(fit) for part in parts if (fit := getattr(part, "fit", None)) is not None]
