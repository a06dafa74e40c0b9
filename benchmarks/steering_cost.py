"""What steering costs SmolLM2: prefill and decode, beside the plain model, the other routes and the naive way.

    python benchmarks/steering_cost.py --rounds 512=40 2048=20 8000=20 --resume

``steered`` is what a user gets (route ``auto``, shipped heads). The time of a prefill holds everything that steering
adds: the plan, attaching, the forward, detaching. A decode step is timed by itself, one step of every arm in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack

import torch
from naive import bytes_free, bytes_needed
from pairs import interleave
from store import Rounds, options
from subject import Arm, Subject, entered, subject
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

SIZES = {"quick": "128=6 512=4", "full": "512=40 2048=30 8000=20"}
STEPS = {"quick": 40, "full": 300}
ROUTES = ("sdpa", "folded", "split")
LARGEST_DECODE = LARGEST_ROUTES = 2048
WARMUP = 5
"""Untimed steps before the first that counts."""
NAIVE_ROUNDS = 3
"""Rounds of the naive way at the sizes where it takes minutes."""


def prefill(arm: Arm, ids: Tensor) -> Callable[[], float]:
    """Return what runs the prompt once and gives the seconds."""

    def run() -> float:
        begin = time.perf_counter()
        with torch.no_grad(), arm.attach(ids):
            arm.model(ids, logits_to_keep=1)
        return time.perf_counter() - begin

    return run


def decode(model: PreTrainedModel, prompt: Tensor, rest: Tensor) -> Callable[[], float]:
    """Run the prompt, and return what decodes one more token of ``rest`` and gives the seconds."""
    cache, tokens = DynamicCache(config=model.config), iter(rest.split(1, dim=1))
    with torch.no_grad():
        model(prompt, past_key_values=cache, logits_to_keep=1)

    def run() -> float:
        token = next(tokens)
        begin = time.perf_counter()
        with torch.no_grad():
            model(token, past_key_values=cache)
        return time.perf_counter() - begin

    return run


def prefills(store: Rounds, case: str, arms: Mapping[str, Arm], ids: Tensor, rounds: int) -> None:
    """Time the prefill of all arms."""
    interleave(store, case, {name: prefill(arm, ids) for name, arm in arms.items()}, rounds)


def decodes(store: Rounds, case: str, arms: Mapping[str, Arm], ids: Tensor, length: int, steps: int) -> None:
    """Time the decoding of all arms, each with its own cache, attached from the prompt to the last step."""
    steps = max(0, steps - len(store.rounds(case)))
    if not steps:
        return
    rest = ids[:, length : length + steps + WARMUP]
    with ExitStack() as stack:
        runs = {name: decode(entered(stack, arm, ids[:, :length]), ids[:, :length], rest) for name, arm in arms.items()}
        interleave(store, case, runs, steps + len(store.rounds(case)), warmup=WARMUP, every=50)


def cost(store: Rounds, what: Subject, length: int, rounds: int, steps: int, only: str) -> None:
    """Measure the cases at one length whose name holds ``only``."""
    ids = what.ids[:, :length]
    plain = {"plain": what.plain()}
    ends = {f"steered, {where}": what.steered(where) for where in ("end", "start")}
    if only in (case := f"prefill {length}"):
        prefills(store, case, plain | ends, ids, rounds)
    if only in (case := f"decode {length}") and length <= LARGEST_DECODE:
        decodes(store, case, plain | {"steered": ends["steered, start"]}, what.ids, length, steps)
    if only in (case := f"prefill others {length}"):
        others = plain | beside(store, case, what, length)
        prefills(store, case, others, ids, rounds if length <= LARGEST_ROUTES else NAIVE_ROUNDS)
    if only in (case := f"decode others {length}") and length <= LARGEST_DECODE:
        decodes(store, case, plain | beside(store, case, what, length), what.ids, length, steps)


def beside(store: Rounds, case: str, what: Subject, length: int) -> dict[str, Arm]:
    """Return what stands beside boldface's own choice: the naive way as far as memory allows, and the other routes."""
    arms = {}
    for how in ("sdpa", "eager"):
        needed = bytes_needed(what.plan(length, "start"), how)
        if needed < 0.8 * bytes_free():
            arms[f"naive, {how}"] = what.naive("start", how)
        else:
            store.note(case, skipped=f"naive, {how}: needs {needed / 1e9:.0f} GB")
    if length <= LARGEST_ROUTES:
        arms |= {f"route {route}": what.steered("start", route) for route in ROUTES}
    return arms


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__, SIZES)
    steps = STEPS["full" if chosen.full else "quick"]
    what = subject(max(chosen.rounds) + steps + WARMUP, chosen.threads)
    store = Rounds(chosen.out / "steering_cost.jsonl", what.facts, resume=chosen.resume)
    for length, rounds in chosen.rounds.items():
        cost(store, what, length, rounds, steps, chosen.only)


if __name__ == "__main__":
    main()
