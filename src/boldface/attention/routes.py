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
        why_not: Says why a call cannot be answered exactly by rules of fixed nats, or None when it can.
        reads_mass: Whether it knows the mass on the emphasis before it says the bias, as rule ``share``, target
            shares and releases need.
    """

    run: Callable[[Call], Tensor]
    why_not: Callable[[Call], str | None]
    reads_mass: bool = False


ROUTES: dict[str, Route] = {
    "reference": Route(materialised.run, materialised.why_not, reads_mass=True),
    "sdpa": Route(sdpa.run, sdpa.why_not),
    "fused": Route(fused.run, fused.why_not),
    "folded": Route(folded.run, folded.why_not),
    "split": Route(split.run, split.why_not, reads_mass=True),
    "flex": Route(flex.run, flex.why_not),
}

DENSE_LIMIT = 1 << 20
"""Entries of a dense bias up to which ``sdpa`` goes before ``folded``; benchmarks/routes.py recommends one."""

BEHIND_LIMIT = 1 << 18
"""Entries of a dense bias up to which, behind a cache, ``sdpa`` goes before the two calls of ``fused``."""


def choose(call: Call) -> str:
    """Return the name of the fastest exact route for a call, by measured rule; never an inexact one.

    Raises:
        RouteError: When no route is exact, with every refusal.
    """
    if _reader(call):
        return _first(call, ["split", "reference"])
    dense = call.query.shape[0] * call.query.shape[1] * call.queries * call.keys
    order = ["fused", "sdpa", "folded"] if dense <= DENSE_LIMIT else ["fused", "folded", "sdpa"]
    if call.appends and dense <= BEHIND_LIMIT:
        order = ["sdpa", "fused", "folded"]
    order += ["flex", "reference"] if call.query.device.type == "cuda" else ["reference", "flex"]
    return _first(call, order)


def _first(call: Call, order: list[str]) -> str:
    for name in order:
        if why_not(call, name) is None:
            return name
    reasons = "; ".join(f"{name}: {why_not(call, name)}" for name in ROUTES)
    raise RouteError(f"No route steers layer {call.layer} exactly ({reasons}).", "Leave this layer out of the heads.")


def why_not(call: Call, name: str) -> str | None:
    """Return why a route does not answer the call exactly, or None when it does."""
    reader = _reader(call)
    if reader and not ROUTES[name].reads_mass:
        return _needs_mass(reader)
    return ROUTES[name].why_not(call)


def _needs_mass(reader: str) -> str:
    return f"{reader} needs the mass on the emphasis before its bias; use split or reference."


def _reader(call: Call) -> str:
    """Name what needs to know the mass on the emphasis in this call; empty where nothing does."""
    if call.plan.share is not None:
        return "rule 'share'"
    if call.plan.target is not None:
        return "a target share"
    return "a release" if call.is_apart else ""


def check(call: Call, name: str) -> str:
    """Return ``name``; raise RouteError when that route does not answer the call, or those to come, exactly."""
    reason = why_not(call, name)
    if call.plan.measured and not ROUTES[name].reads_mass:  # at once, and not after the prompt was read
        reason = _needs_mass("a release")
    if reason:
        raise RouteError(f"Route {name!r} refuses layer {call.layer}: {reason}", "Use route='auto'.")
    return name
