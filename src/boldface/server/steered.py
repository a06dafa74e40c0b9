"""The object ``boldface`` of an answer: what was steered, how, and what was not; and the preview of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.batching import Piece
from boldface.engine.generation import Gated
from boldface.server.reading import Reading
from boldface.server.shapes import CharRange, Doubted, Preview, Steered, SteeredToken


def steered(reading: Reading, lasts: Sequence[Piece], explained: dict[str, Any] | None = None) -> Steered:
    """Tell what was steered.

    Args:
        reading: The prompt.
        lasts: The last piece of every answer to it.
        explained: How the attention moved, where that was asked for.
    """
    how, prompt = reading.steering, reading.prompt
    names = {name for last in lasts for used in last.routes.values() for name in used}
    told: dict[str, Any] = {
        "steered": not how.is_null,
        "tokens": _tokens(reading),
        "heads": {str(head): gain for head, gain in how.gains.items()},
        "profile": None if reading.offer is None else reading.offer.profile.name,
        "strength": reading.strength,
        "scope": None if how.is_null else how.scope,
        "rule": None if how.is_null else how.rule,
        "routes": sorted(names),
        "widened": _widened(prompt),
        "refused": [asdict(one) for one in reading.refused],
        "protected": [asdict(one) for one in reading.protected],
    }
    if reading.wished is not None:
        told["careful"] = _doubted(reading)
    if how.phases is not None:
        told["phases"] = asdict(how.phases)
    if how.target is not None and not how.is_null:
        told["target"] = how.target
    if how.release is not None:
        told["release"] = asdict(how.release)
    if how.gate is not None:
        told["gate"] = how.gate.beta
    if gates := [last.gated for last in lasts if last.gated is not None]:
        told["gated"] = dict(zip(Gated._fields, map(sum, zip(*gates, strict=True)), strict=True))
    if reading.detected is not None:
        told["auto"] = reading.detected.report()
    if explained is not None:
        told["explain"] = explained
    return cast(Steered, told)


def preview(model: str, reading: Reading) -> Preview:
    """Tell what a request would emphasise."""
    prompt = reading.prompt
    offsets = prompt.offsets or ((0, 0),) * len(prompt.ids)
    tokens = zip(prompt.pieces, offsets, prompt.nats, prompt.special, strict=True)
    told: dict[str, Any] = {
        "model": model,
        "text": prompt.text,
        "tokens": [
            {"text": piece, "start": place[0], "end": place[1], "strength": nats, "special": special}
            for piece, place, nats, special in tokens
        ],
        "spans": [{"start": span.start, "end": span.end, "strength": span.strength} for span in prompt.spans],
        "widened": _widened(prompt),
        "refused": [asdict(one) for one in reading.refused],
        "protected": [asdict(one) for one in reading.protected],
        "profile": None if reading.offer is None else reading.offer.profile.name,
        "strength": reading.strength,
        "prompt_tokens": len(prompt.ids),
    }
    if reading.detected is not None:
        told["auto"] = reading.detected.report()
    return cast(Preview, told)


def _tokens(reading: Reading) -> list[SteeredToken]:
    pieces = reading.prompt.pieces
    return [
        {
            "start": span.start,
            "end": span.end,
            "strength": span.strength,
            "text": "".join(pieces[span.start : span.end]),
        }
        for span in reading.steering.spans
        if span.strength
    ]


def _doubted(reading: Reading) -> list[Doubted]:
    pieces = reading.prompt.pieces
    return [
        {
            "start": before.start,
            "end": before.end,
            "text": "".join(pieces[before.start : before.end]),
            "wished": before.strength,
            "strength": after.strength,
        }
        for before, after in zip(reading.wished or (), reading.steering.spans, strict=True)
    ]


def _widened(prompt: EncodedPrompt) -> list[CharRange]:
    return [
        {"start": span.start, "end": span.end, "text": prompt.text[span.start : span.end]} for span in prompt.widened
    ]
