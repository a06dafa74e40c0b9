"""What the gate's second pass and the levels of phases cost: whole answers, by ``generate`` and in the scheduler.

    python benchmarks/gate.py --rounds 1=20 8=10 --dtype bfloat16

``generate N``: N prompts of 200 tokens in one batch, 16 tokens written; ``served N``: N such requests at once.
``phases`` has the answer at level 0.5, ``gate 0`` a gate that takes everything, so one plain pass beside every token,
and ``gate 0.1`` one that has some tokens tried again.
"""

from __future__ import annotations

import queue
import time
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from batching import Requests
from pairs import interleave
from store import Rounds, machine, options
from subject import MODEL

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.batching import Piece, Request, Sampling, Scheduler
from boldface.engine.model import Model
from boldface.steering.phases import Gate, Phases

SIZES = {"quick": "1=5 8=3", "full": "1=30 8=20"}
PROMPT, ANSWER = 200, 16
ARMS: dict[str, dict[str, Any]] = {
    "open loop": {},
    "phases": {"phases": Phases(answer=0.5)},
    "gate 0": {"gate": Gate(0.0)},
    "gate 0.1": {"gate": Gate(0.1)},
}


def asked(requests: Requests, number: int) -> list[Request]:
    """Return requests that run to their last token."""
    sampling = Sampling(max_tokens=ANSWER, ignore_eos=True)
    return [replace(requests.next(PROMPT, True), sampling=sampling) for _ in range(number)]


def generated(model: Model, wanted: list[Request], how: dict[str, Any]) -> Callable[[], float]:
    """Return what has the same prompts answered by ``generate`` and gives the seconds."""
    prompts = []
    for one in wanted:
        before, words, behind = (
            model.tokenizer.decode(one.prompt.ids[cut])
            for cut in (slice(0, PROMPT // 2), slice(PROMPT // 2, PROMPT // 2 + 8), slice(PROMPT // 2 + 8, None))
        )
        span = CharSpan(len(before), len(before) + len(words))
        prompts.append(EmphasisedText(before + words + behind, (span,)))

    def run() -> float:
        began = time.perf_counter()
        model.generate(prompts, raw=True, max_new_tokens=ANSWER, min_new_tokens=ANSWER, **how)
        return time.perf_counter() - began

    return run


def served(scheduler: Scheduler, wanted: list[Request], how: dict[str, Any]) -> Callable[[], float]:
    """Return what has the requests answered at once and gives the seconds."""

    def run() -> float:
        told: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        began = time.perf_counter()
        for one in wanted:
            scheduler.submit(replace(one, steering=replace(one.steering, **how)), told.put)
        ended = 0
        while ended < len(wanted):
            ended += told.get().finish_reason is not None
        return time.perf_counter() - began

    return run


def main() -> None:
    """Run the benchmark."""

    def also(parser: ArgumentParser) -> None:
        parser.add_argument("--dtype", default="bfloat16", help="of the weights (default bfloat16)")

    chosen = options(__doc__, SIZES, also)
    torch.set_num_threads(chosen.threads)
    model = boldface.load(MODEL, dtype=getattr(torch, chosen.dtype))
    requests = Requests(model)
    facts = {**machine(), "threads": chosen.threads, "model": MODEL, "dtype": chosen.dtype}
    store = Rounds(chosen.out / f"gate_{chosen.dtype}.jsonl", facts, resume=chosen.resume)
    for number, rounds in chosen.rounds.items():
        if chosen.only in (case := f"gate generate {number}"):
            wanted = asked(requests, number)
            interleave(store, case, {name: generated(model, wanted, how) for name, how in ARMS.items()}, rounds)
    scheduler = Scheduler(model, prefix_bytes=0)
    scheduler.start()
    for number, rounds in chosen.rounds.items():
        if chosen.only in (case := f"gate served {number}"):
            wanted = asked(requests, number)
            interleave(store, case, {name: served(scheduler, wanted, how) for name, how in ARMS.items()}, rounds)
    scheduler.stop()


if __name__ == "__main__":
    main()
