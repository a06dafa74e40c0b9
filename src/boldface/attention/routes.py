"""The routes: exact ways to carry the bias, by name. Each refuses, with the reason, what it cannot do exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from boldface.attention import flex, folded, fused, materialised, sdpa, split
from boldface.attention.call import Call
from boldface.errors import RouteError


class Route(NamedTuple):
    """One exact way to carry the bias.

    Attributes:
        run: Answers a call: (batch, heads, query, value_dim).
        why_not: Says why a call cannot be answered exactly, or None when it can.
    """

    run: Callable[[Call], Tensor]
    why_not: Callable[[Call], str | None]


ROUTES: dict[str, Route] = {
    "reference": Route(materialised.run, materialised.why_not),
    "sdpa": Route(sdpa.run, sdpa.why_not),
    "fused": Route(fused.run, fused.why_not),
    "folded": Route(folded.run, folded.why_not),
    "split": Route(split.run, split.why_not),
    "flex": Route(flex.run, flex.why_not),
}

DENSE_LIMIT = 1 << 20
"""Entries of a dense bias up to which ``sdpa`` goes before ``folded``; benchmarks/routes.py recommends one."""


def choose(call: Call) -> str:
    """Return the name of the fastest exact route for a call, by measured rule; never an inexact one.

    Raises:
        RouteError: When no route is exact, with every refusal.
    """
    dense = call.query.shape[0] * call.query.shape[1] * call.queries * call.keys
    order = ["fused", "sdpa", "folded"] if dense <= DENSE_LIMIT else ["fused", "folded", "sdpa"]
    order += ["flex", "reference"] if call.query.device.type == "cuda" else ["reference", "flex"]
    for name in order:
        if ROUTES[name].why_not(call) is None:
            return name
    reasons = "; ".join(f"{name}: {route.why_not(call)}" for name, route in ROUTES.items())
    raise RouteError(f"No route steers layer {call.layer} exactly ({reasons}).", "Leave this layer out of the heads.")


def check(call: Call, name: str) -> str:
    """Return ``name``; raise RouteError when that route does not answer the call exactly."""
    reason = ROUTES[name].why_not(call)
    if reason:
        raise RouteError(f"Route {name!r} refuses layer {call.layer}: {reason}", "Use route='auto'.")
    return name
