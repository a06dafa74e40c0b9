"""The object ``boldface`` of an answer: what was steered, how, and what was not; and the preview of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, cast

from boldface.emphasis.tokens import EncodedPrompt
from boldface.server.reading import Reading
from boldface.server.shapes import CharRange, Preview, Steered, SteeredToken


def steered(
    reading: Reading, routes: Iterable[Mapping[int, tuple[str, ...]]], explained: dict[str, Any] | None = None
) -> Steered:
    """Tell what was steered.

    Args:
        reading: The prompt.
        routes: Of every answer to it, layer to the routes that carried the bias.
        explained: How the attention moved, where that was asked for.
    """
    how, prompt = reading.steering, reading.prompt
    names = {name for each in routes for used in each.values() for name in used}
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


def _widened(prompt: EncodedPrompt) -> list[CharRange]:
    return [
        {"start": span.start, "end": span.end, "text": prompt.text[span.start : span.end]} for span in prompt.widened
    ]
