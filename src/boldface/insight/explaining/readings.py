"""Readings: prompt and answer read once by the plain model and once by the steered one.

Of each reading the log-probabilities at every place of the answer are kept, and where every head looked when it chose
the answer's tokens. Probabilities are computed in full, in float64, from the queries and keys of the layers, a few
queries at a time; the heads that are not steered are looked at too, for what they see has changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from boldface.attention import materialised
from boldface.attention.call import Call
from boldface.attention.watch import some_queries, watched
from boldface.emphasis.span import TokenSpan
from boldface.engine.model import Model
from boldface.engine.scoring import read_continuations
from boldface.engine.steer import Prepared
from boldface.errors import NothingSteeredError, RouteError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Plan

QUERIES = 32
"""Queries whose probabilities over all keys are held at once."""


@dataclass
class Reading:
    """One reading.

    Attributes:
        gains: The steered heads.
        spans: The emphasised spans.
        width: Tokens of the prompt.
        places: Tokens of the answer.
        is_steered: Whether it is the steered reading.
        logprobs: (answer, vocabulary) what the model expects at every place of the answer, in nats; large, so whoever
            has compared two readings lets go of it.
        on_spans: Layer to (heads, spans) mean share on every span.
        on_answer: Layer to (heads,) mean share on the answer.
        heat: (answer, prompt and answer) share on every token, mean over steered heads; the last token of the answer
            is looked at by nobody.
    """

    gains: HeadGains
    spans: tuple[TokenSpan, ...]
    width: int
    places: int
    is_steered: bool
    logprobs: Tensor = field(init=False)
    on_spans: dict[int, Tensor] = field(default_factory=dict)
    on_answer: dict[int, Tensor] = field(default_factory=dict)
    heat: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.heat = torch.zeros(self.places, self.width + self.places, dtype=torch.float64)

    def take(self, call: Call) -> None:
        """Look at one layer.

        Raises:
            RouteError: Its attention cannot be told exactly.
        """
        if why := materialised.why_not(call):
            raise RouteError(f"The attention of layer {call.layer} cannot be told: {why}", "Load the model with sdpa.")
        heads = call.query.shape[1]
        on_spans, on_answer = torch.zeros(heads, len(self.spans)), torch.zeros(heads)
        steered = [head.head for head in self.gains if head.layer == call.layer]
        first = self.width - 1
        for start in range(first, first + self.places, QUERIES):
            stop = min(start + QUERIES, first + self.places)
            shares = materialised.weights(some_queries(call, start, stop), steered=self.is_steered)[0].cpu()
            on_spans += on_each(self.spans, shares.sum(1)).float()
            on_answer += shares[..., self.width :].sum((1, 2)).float()
            self.heat[start - first : stop - first, : shares.shape[-1]] += shares[steered].sum(0) / len(self.gains)
        self.on_spans[call.layer], self.on_answer[call.layer] = on_spans / self.places, on_answer / self.places


def on_each(spans: Sequence[TokenSpan], shares: Tensor) -> Tensor:
    """Return (…, spans) what falls on every span, of (…, tokens) shares; many spans take no longer than one."""
    sums = pad(shares.cumsum(-1), (1, 0))
    return sums[..., [span.end for span in spans]] - sums[..., [span.start for span in spans]]


def read_plain(model: Model, prepared: Prepared, answer: list[int]) -> Reading:
    """Read prompt and answer plain.

    Args:
        model: The model.
        prepared: One steered prompt.
        answer: Tokens behind it.

    Raises:
        RouteError: The attention of a layer cannot be told exactly.
    """
    reading = _reading(prepared, answer, is_steered=False)
    with model.running(replace(prepared, plan=None)), watched(model.model, everywhere(model, prepared), reading.take):
        reading.logprobs = read_continuations(model.model, prepared.rows, [answer])[0].cpu()
    return reading


def read_steered(model: Model, prepared: Prepared, answer: list[int], route: str = "auto") -> Reading:
    """Read prompt and answer steered; otherwise as :func:`read_plain`."""
    reading = _reading(prepared, answer, is_steered=True)
    steered, all_layers = plan_of(prepared).gains, everywhere(model, prepared)
    others = replace(
        all_layers, gains={layer: none for layer, none in all_layers.gains.items() if layer not in steered}
    )
    with ExitStack() as stack:
        stack.enter_context(model.running(prepared, route, watch=reading.take))
        stack.enter_context(watched(model.model, others, reading.take))
        reading.logprobs = read_continuations(model.model, prepared.rows, [answer])[0].cpu()
    return reading


def plan_of(prepared: Prepared) -> Plan:
    """Return the plan of a steered prompt.

    Raises:
        NothingSteeredError: Nothing of it is steered.
    """
    if prepared.plan is None:
        raise NothingSteeredError("Nothing is steered, so there is nothing to explain.", "Emphasise some words.")
    return prepared.plan


def everywhere(model: Model, prepared: Prepared) -> Plan:
    """Return the plan of a steered prompt over all layers that can be steered, with gain 0 where no head is.

    Raises:
        NothingSteeredError: Nothing of it is steered.
    """
    plan = plan_of(prepared)
    none = {
        layer: torch.zeros(plan.batch, heads, device=plan.nats.device)
        for layer, heads in sorted(model.geometry.heads.items())
    }
    return replace(plan, gains=none | dict(plan.gains))


def _reading(prepared: Prepared, answer: list[int], *, is_steered: bool) -> Reading:
    (steering,) = prepared.steerings
    spans = tuple(span for span in steering.spans if span.strength)
    return Reading(steering.gains, spans, prepared.rows.ids.shape[1], len(answer), is_steered)
