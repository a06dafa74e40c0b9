"""The route x architecture matrix: what the laws find, as a page of Markdown."""

from __future__ import annotations

from collections.abc import Callable

import torch

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.attention.routes import ROUTES
from boldface.errors import RouteError, UnsupportedModelError
from boldface.testing.laws import check_route
from boldface.testing.models import ARCHITECTURES, REFUSED, tiny
from boldface.testing.sample import PROMPT, sample

_HEAD = """# Routes and architectures

Written by `python -m boldface.testing docs/matrix.md`: each cell is a run of the laws on a tiny random model of the
architecture on the CPU, in float32, against the float64 oracle. *exact*: logits within 1e-5. A number in brackets
says what is refused, and why; nothing inexact is ever run. `auto` names what it chose, for prompts of one length /
padded batches / decoding.
"""


def matrix() -> str:
    """Run the laws over every architecture and route; return the page.

    Raises:
        LawBroken: When a route that does not refuse is not exact.
    """
    notes: list[str] = []
    lines = [_HEAD, f"| architecture | {' | '.join(ROUTES)} | auto |", "|---" * (len(ROUTES) + 2) + "|"]
    for architecture in ARCHITECTURES:
        cells = [_cell(architecture, route, notes) for route in ROUTES]
        lines.append(
            f"| {architecture}{_unsteered(architecture, notes)} | {' | '.join(cells)} | {_chosen(architecture)} |"
        )
    lines += ["", *(f"[{number}] {note}  " for number, note in enumerate(notes, 1)), "", "## Refused", ""]
    for architecture in REFUSED:
        try:
            geometry(tiny(architecture))
        except UnsupportedModelError as error:
            lines.append(f"- {architecture}: {error.message}")
        else:
            raise AssertionError(f"{architecture} is steered: move it to ARCHITECTURES")
    return "\n".join(lines) + "\n"


def _cell(architecture: str, route: str, notes: list[str]) -> str:
    model = tiny(architecture)
    refusal = _refusal(lambda: check_route(model, route))
    if refusal:
        return f"refused {_note(refusal, notes)}"
    refusal = _refusal(
        lambda: check_route(model, route, sample(model, padding="left", scopes=("all", "answer", "all")))
    )
    return f"exact {_note(f'Padded batches: {refusal}', notes)}" if refusal else "exact"


def _refusal(run: Callable[[], None]) -> str:
    try:
        run()
    except RouteError as error:
        reason = error.message.partition(": ")[2]
        return reason[0].upper() + reason[1:]
    return ""


def _unsteered(architecture: str, notes: list[str]) -> str:
    refused = geometry(tiny(architecture)).refused
    layers = ", ".join(str(layer) for layer in refused)
    return "".join(f" {_note(f'Layers {layers}: {reason}.', notes)}" for reason in dict.fromkeys(refused.values()))


def _note(text: str, notes: list[str]) -> str:
    if text not in notes:
        notes.append(text)
    return f"[{notes.index(text) + 1}]"


def _chosen(architecture: str) -> str:
    model = tiny(architecture)
    prompts, padded = sample(model), sample(model, padding="left", scopes=("all", "answer", "all"))
    with torch.no_grad():
        with Attachment(model, padded.plan, prompt=padded.prompt) as attachment:
            model(**padded.inputs(0, PROMPT))
            on_padded = set(attachment.used.values())
        with Attachment(model, prompts.plan, prompt=prompts.prompt) as attachment:
            cache = model(**prompts.inputs(0, PROMPT), use_cache=True).past_key_values
            prefill = attachment.used
            model(**prompts.inputs(PROMPT, PROMPT + 1), past_key_values=cache)
            # Routes are noted once: a layer that has none to add decodes as it prefilled.
            added = {layer: tuple(set(used) - set(prefill[layer])) for layer, used in attachment.used.items()}
            decode = {names or prefill[layer] for layer, names in added.items()}
    return " / ".join(_names(each) for each in (set(prefill.values()), on_padded, decode))


def _names(used: set[tuple[str, ...]]) -> str:
    return " + ".join(sorted({name for names in used for name in names}))
