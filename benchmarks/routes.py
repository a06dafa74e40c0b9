"""One attention call by every route, and where the thresholds of ``auto`` belong.

Two shapes: causal, with a padding mask, and few queries behind a cache, where ``fused`` takes two calls; emphasis at
the start (and at the end for ``fused``, which may cut). From the rounds follow ``DENSE_LIMIT`` (attention/routes.py: up
to which size a dense bias beats the fold) and ``CUT_FROM`` (attention/fused.py: from how many unsteered queries cutting
pays).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from pairs import interleave, ratio
from store import Rounds, machine, options
from torch import Tensor, nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from boldface.attention import fused
from boldface.attention.call import Call
from boldface.attention.routes import DENSE_LIMIT, ROUTES
from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering, build_plan

SIZES = {
    "quick": "128=30 256=30 512=20 1024=8",
    "full": "128=300 192=300 256=200 384=200 512=100 1024=60 2048=40 4096=20 8000=20",
}
TIMED = ("fused", "folded", "sdpa", "split")
LARGEST_DENSE = 4096
"""Longest call for the routes that materialise query x key for every head."""
BEHIND = (32, 256)
"""Queries behind a cache: a question, and a chunk of a prompt."""
CUTS = (64, 128, 256, 512, 1024, 2048, 4096)
CUT_FROM, NEVER_CUT = fused.CUT_FROM, 1 << 30


class Shape(NamedTuple):
    """Heads of a model's attention calls."""

    name: str
    heads: int
    kv_heads: int
    head_dim: int


SHAPES = (Shape("smollm2 9/3 heads of 64", 9, 3, 64), Shape("gemma 4/1 heads of 256", 4, 1, 256))


def call(shape: Shape, length: int, start: int, *, padded: bool = False) -> Call:
    """Return a prefill call whose emphasis begins at ``start``; half of the heads are steered, either way."""
    generator = torch.Generator().manual_seed(length)

    def draw(heads: int) -> Tensor:
        return torch.randn(1, heads, length, shape.head_dim, generator=generator)

    gains = HeadGains({(0, head): (-1) ** head * 0.7 for head in range(0, shape.heads, 2)})
    span = TokenSpan(start, min(length, start + max(1, length // 20)), 2.5)
    plan = build_plan([Steering((span,), gains)], [length], {0: shape.heads})
    mask = None
    if padded:
        mask = torch.ones(length, length, dtype=torch.bool).tril()
        mask[:, : length // 8] = False
        mask = (mask | torch.eye(length, dtype=torch.bool))[None, None]
    module = nn.Module().eval()
    module.num_key_value_groups, module.is_causal = shape.heads // shape.kv_heads, True  # type: ignore[assignment]
    kernel = ALL_ATTENTION_FUNCTIONS["sdpa"]
    return Call(
        module=module,
        query=draw(shape.heads),
        key=draw(shape.kv_heads),
        value=draw(shape.kv_heads),
        mask=mask,
        scaling=shape.head_dim**-0.5,
        options={"dropout": 0.0},
        plan=plan,
        layer=0,
        query_start=0,
        key_start=0,
        rows=lambda begin, end: plan.row_bias(0, begin, end),
        base=kernel,
        kernel=kernel,
        implementation="sdpa",
    )


def behind(one: Call, queries: int) -> Call:
    """Return the call of the last queries, whose keys are a cache but for their own."""
    cached = one.keys - queries
    mask = torch.ones(queries, one.keys, dtype=torch.bool).tril(cached)[None, None]
    return replace(one, query=one.query[:, :, cached:], mask=mask, query_start=cached, appends=True)


def plain(one: Call) -> Tensor:
    """Answer a call by the model's own function, unsteered."""
    return one.base(one.module, one.query, one.key, one.value, one.mask, scaling=one.scaling, **one.options)[0]


def timed(function: Callable[[], Tensor], cut_from: int = CUT_FROM) -> Callable[[], float]:
    """Return what runs the function and gives the seconds, with ``fused`` cutting from ``cut_from`` queries on."""

    def run() -> float:
        fused.CUT_FROM = cut_from
        begin = time.perf_counter()
        with torch.no_grad():
            function()
        return time.perf_counter() - begin

    return run


def compare(store: Rounds, shape: Shape, length: int, rounds: int, *, padded: bool) -> None:
    """Time every exact route against the plain call."""
    case = f"call {shape.name}, {length}, {'padded' if padded else 'causal'}"
    at_start = call(shape, length, length // 8 if padded else 0, padded=padded)
    arms = {"plain": timed(lambda: plain(at_start))}
    for name in TIMED:
        route = ROUTES[name]
        if route.why_not(at_start) is None and (length <= LARGEST_DENSE or name in ("fused", "folded")):
            arms[name] = timed(lambda run=route.run: run(at_start))  # type: ignore[misc]
    if not padded:
        at_end = call(shape, length, length - length // 10)
        arms["fused, end"] = timed(lambda: ROUTES["fused"].run(at_end))
    interleave(store, case, arms, rounds, warmup=2, every=max(1, rounds))


def compare_behind(store: Rounds, shape: Shape, length: int, rounds: int) -> None:
    """Time every exact route for a few queries behind a cache against the plain call."""
    for queries in (queries for queries in BEHIND if queries < length):
        one = behind(call(shape, length, 0), queries)
        arms = {"plain": timed(lambda one=one: plain(one))}  # type: ignore[misc]
        for name in ("fused", "folded", "sdpa"):
            arms[name] = timed(lambda one=one, run=ROUTES[name].run: run(one))  # type: ignore[misc]
        interleave(store, f"behind {shape.name}, {queries} of {length}", arms, rounds, warmup=2, every=max(1, rounds))


def cuts(store: Rounds, shape: Shape, length: int, rounds: int) -> None:
    """Time ``fused`` with and without a cut before the emphasis."""
    for cut in (cut for cut in CUTS if cut < length):
        one = call(shape, length, cut)
        arms = {"whole": timed(lambda one=one: fused.run(one), NEVER_CUT)}  # type: ignore[misc]
        arms["cut"] = timed(lambda one=one: fused.run(one), 0)  # type: ignore[misc]
        interleave(store, f"cut {shape.name}, {length}, at {cut}", arms, rounds, warmup=2, every=max(1, rounds))


def dense_limit(store: Rounds, shape: Shape, lengths: list[int]) -> float | None:
    """Return the entries of a dense bias at which ``folded`` overtakes ``sdpa``; None when it does nowhere here."""
    faster, slower = 0, 0
    for length in sorted(lengths):
        rounds = store.rounds(f"call {shape.name}, {length}, padded")
        if not any("sdpa" in one for one in rounds):
            continue
        entries = shape.heads * length**2
        if ratio(rounds, "sdpa", "folded").median <= 1:
            faster, slower = entries, 0
        elif not slower:
            slower = entries
    return math.sqrt(faster * slower) if slower and faster else float(slower) / 2 or None


def cut_from(store: Rounds, shape: Shape, lengths: list[int]) -> int | None:
    """Return the smallest cut from which on cutting is never slower; None when there is none."""
    best = None
    for cut in sorted(CUTS, reverse=True):
        cases = [store.rounds(f"cut {shape.name}, {length}, at {cut}") for length in lengths]
        measured = [ratio(rounds, "cut", "whole").median for rounds in cases if rounds]
        if any(one > 1 for one in measured):
            break
        best = cut if measured else best
    return best


def main() -> None:
    """Run the benchmark and print the recommended thresholds."""
    chosen = options(__doc__, SIZES)
    torch.set_num_threads(chosen.threads)
    facts = {**machine(), "threads": chosen.threads}
    store = Rounds(chosen.out / "routes.jsonl", facts, resume=chosen.resume)
    lengths = list(chosen.rounds)
    for shape in (shape for shape in SHAPES if chosen.only in shape.name):
        for length, rounds in chosen.rounds.items():
            for padded in (False, True):
                compare(store, shape, length, rounds, padded=padded)
            compare_behind(store, shape, length, rounds)
            if length <= LARGEST_DENSE:
                cuts(store, shape, length, rounds)
        limit, cut = dense_limit(store, shape, lengths), cut_from(store, shape, lengths)
        found = f"2^{math.log2(limit):.1f}" if limit else "never overtaken here"
        print(f"{shape.name}: DENSE_LIMIT {found} (now 2^{math.log2(DENSE_LIMIT):.1f})")
        print(f"{shape.name}: CUT_FROM {cut or 'never pays here'} (now {CUT_FROM})", flush=True)
        store.note(f"thresholds {shape.name}", dense_limit=limit and round(limit), cut_from=cut)


if __name__ == "__main__":
    main()
