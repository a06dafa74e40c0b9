"""What a target share and a release cost at decoding, beside the open loop that they close.

    python benchmarks/closed_loop.py --rounds 1=60 8=30 --dtype bfloat16
    python benchmarks/closed_loop.py --rounds 8=30 --threads 1 --clock thread    # on a busy machine

``served N``: one token for each of N rows of a scheduler, of N lengths; ``generated``: one token of one prompt, by
transformers' own cache. The release has marks that are never reached, so that it measures and lifts at every token.
"""

from __future__ import annotations

import copy
import itertools
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from batching import CLOCKS, PROMPT, Requests, served, timed
from pairs import interleave
from store import Rounds, machine, options
from subject import MODEL
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

import boldface
from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.engine.batching import Request
from boldface.engine.batching.hold import Hold
from boldface.engine.batching.layer import Turn
from boldface.engine.heads import select_heads
from boldface.steering.levels import Levels
from boldface.steering.plan import build_plan
from boldface.steering.release import Release
from boldface.steering.rules import Rule

SIZES = {"quick": "1=20 8=10", "full": "1=60 8=40"}
WARMUP = 3
NEVER = Release(1.0, 0.0)
ARMS: dict[str, dict[str, Any]] = {
    "open loop": {},
    "target": {"target": 0.9},
    "release": {"release": NEVER},
    "both": {"target": 0.9, "release": NEVER},
}


def closed(request: Request, how: dict[str, Any], rule: Rule) -> Request:
    """Return a request whose loop is closed, by the rule of the shipped profile."""
    return replace(request, steering=replace(request.steering, rule=rule, **how))


def generated(model: PreTrainedModel, request: Request, stack: ExitStack) -> Callable[[], Tensor]:
    """Return what decodes a token of one prompt as ``generate`` does, steered until the stack closes."""
    ids, steering = torch.tensor([request.prompt.ids]), request.steering
    levels = Levels([1.0], release=[steering.release]) if steering.release else None
    plan = build_plan([steering], [ids.shape[1]], geometry(model).heads)
    stack.enter_context(Attachment(model, plan, prompt=ids, levels=levels))
    cache = DynamicCache(config=model.config)

    def run(tokens: Tensor) -> Tensor:
        logits: Tensor = model(tokens, past_key_values=cache, logits_to_keep=1).logits
        return logits

    run(ids)
    return lambda: run(torch.zeros(1, 1, dtype=torch.long))


def twin(model: PreTrainedModel) -> PreTrainedModel:
    """Return another module tree over the same weights."""
    tensors = itertools.chain(model.parameters(), model.buffers())
    return copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})


def main() -> None:
    """Run the benchmark."""

    def also(parser: ArgumentParser) -> None:
        parser.add_argument("--dtype", default="bfloat16", help="of the weights (default bfloat16)")
        parser.add_argument("--clock", default="wall", choices=CLOCKS, help="thread: for busy machines")

    chosen = options(__doc__, SIZES, also)
    torch.set_num_threads(chosen.threads)
    model = boldface.load(MODEL, dtype=getattr(torch, chosen.dtype))
    requests, clock = Requests(model), CLOCKS[chosen.clock]
    rule = select_heads(model.model, None, model.tokenizer).rule
    facts = {**machine(), "threads": chosen.threads, "model": MODEL, "dtype": chosen.dtype, "clock": chosen.clock}
    store = Rounds(chosen.out / f"closed_loop_{chosen.dtype}.jsonl", facts, resume=chosen.resume)
    turn = Turn()
    hold = Hold(model, turn)
    with torch.no_grad():
        for number, rounds in chosen.rounds.items():
            wanted = [requests.next(PROMPT + row, True) for row in range(number)]
            if chosen.only in (case := f"closed loop served {number}"):
                with hold.on():
                    runs = {
                        name: timed(served(model, [closed(one, how, rule) for one in wanted], hold, turn), clock)
                        for name, how in ARMS.items()
                    }
                    interleave(store, case, runs, rounds, warmup=WARMUP)
            if number == 1 and chosen.only in (case := "closed loop generated"):
                with ExitStack() as stack:
                    models = {name: twin(model.model) for name in ARMS}
                    runs = {
                        name: timed(generated(models[name], closed(wanted[0], how, rule), stack), clock)
                        for name, how in ARMS.items()
                    }
                    interleave(store, case, runs, rounds, warmup=WARMUP)


if __name__ == "__main__":
    main()
