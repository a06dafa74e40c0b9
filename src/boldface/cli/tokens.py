"""``--show-spans``: exactly which tokens the emphasis hits."""

from __future__ import annotations

import json
from typing import Any

from rich.table import Table
from rich.text import Text

from boldface.cli import terminal
from boldface.emphasis.tokens import EncodedPrompt

_EDGES = {(False, False): "", (False, True): "⟦", (True, True): "│", (True, False): "⟧"}


def show(prompt: EncodedPrompt, *, as_json: bool) -> None:
    """Print the tokens of a prompt: as one JSON object, or drawn."""
    if as_json:
        print(json.dumps(report(prompt), ensure_ascii=False))
        return
    console = terminal.screen()
    console.print(flow(prompt))
    console.print()
    if prompt.spans:
        console.print(hits(prompt))
    console.print(Text(_summary(prompt)))
    for span in prompt.widened:
        words = repr(prompt.text[span.start : span.end])
        console.print(Text(f"Widened by {words} at [{span.start}, {span.end}): its token straddles the span's edge."))
    for index in prompt.skipped:
        console.print(Text(f"Left out: token {index} ({prompt.pieces[index]}), a control token inside the emphasis."))


def report(prompt: EncodedPrompt) -> dict[str, Any]:
    """Return every token with its strength, for JSON."""
    places: list[tuple[int, int] | None] = list(prompt.offsets) or [None] * len(prompt.ids)
    return {
        "prompt": prompt.text,
        "tokens": [
            {"index": index, "id": token, "piece": piece, "characters": place, "strength": nats, "special": special}
            for index, (token, piece, place, nats, special) in enumerate(
                zip(prompt.ids, prompt.pieces, places, prompt.nats, prompt.special, strict=True)
            )
        ],
        "spans": [{"start": span.start, "end": span.end, "strength": span.strength} for span in prompt.spans],
        "widened": [{"start": span.start, "end": span.end} for span in prompt.widened],
        "skipped": list(prompt.skipped),
    }


def flow(prompt: EncodedPrompt) -> Text:
    """Draw the whole prompt; hit tokens stand in ⟦brackets│like│these⟧, control tokens are dim."""
    drawn = Text()
    nats_before = 0.0
    for piece, nats, special in prompt.report():
        edge = _EDGES[bool(nats_before), bool(nats)]
        drawn.append(edge, style=terminal.style(nats or nats_before))
        shown = terminal.harmless(piece).replace("\n", "↵\n")
        drawn.append(shown, style=terminal.QUIET if special else terminal.style(nats))
        nats_before = nats
    drawn.append(_EDGES[bool(nats_before), False], style=terminal.style(nats_before))
    return drawn


def hits(prompt: EncodedPrompt) -> Table:
    """List every token inside a span."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for title in ("token", "id", "characters"):
        table.add_column(title, justify="right")
    for title in ("piece", "strength"):
        table.add_column(title)
    for span in prompt.spans:
        for index in range(span.start, span.end):
            start, end = prompt.offsets[index]
            piece = Text(repr(prompt.pieces[index]), style=terminal.style(span.strength))
            strength = Text(terminal.nats_and_factor(span.strength))
            table.add_row(str(index), str(prompt.ids[index]), f"{start}–{end}", piece, strength)
        table.add_section()
    return table


def _summary(prompt: EncodedPrompt) -> str:
    hit = sum(1 for nats in prompt.nats if nats)
    special = sum(prompt.special)
    tokens = terminal.count(len(prompt.ids), "token")
    return f"{hit} of {tokens} emphasised; {special} are control tokens, which are never hit."
