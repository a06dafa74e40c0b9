"""What continuous batching gives and costs: decoding steps of a running batch, and whole answers.

    python benchmarks/batching.py --rounds 1=40 8=40 32=20 --dtype bfloat16
    python benchmarks/batching.py --rounds 8=30 --threads 1 --clock thread    # on a busy machine

``step N``: one token for each of N requests; ``transformers`` is its own cache with N prompts of one length, ``plain``
and ``steered`` are the rows of a scheduler, of N lengths. ``answers N``: N requests of 200 prompt tokens and 48 answer
tokens, one after the other and together.
"""

from __future__ import annotations

import queue
import time
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import count

import torch
from pairs import interleave
from store import Rounds, machine, options
from subject import MODEL, SPAN, read_text
from torch import Tensor
from transformers import DynamicCache

import boldface
from boldface.emphasis.span import TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.batching import Piece, Request, Sampling, Scheduler
from boldface.engine.batching.answer import Answer
from boldface.engine.batching.batch import Batch
from boldface.engine.batching.hold import Hold
from boldface.engine.batching.joining import Joining
from boldface.engine.batching.layer import Turn
from boldface.engine.batching.ticket import Ticket
from boldface.engine.batching.views import views
from boldface.engine.batching.words import Bytes
from boldface.engine.caches.blocks import Prefixes
from boldface.engine.heads import Selected, select_heads
from boldface.engine.model import Model
from boldface.steering.plan import Steering

SIZES = {"quick": "1=10 8=10", "full": "1=60 8=60 32=30"}
PROMPT, ANSWER = 200, 48
WARMUP = 3
CLOCKS = {"wall": time.perf_counter, "thread": time.thread_time}


class Requests:
    """Makes requests of real text, no two alike.

    Args:
        model: The model that is asked.
    """

    def __init__(self, model: Model) -> None:
        self._ids: list[int] = model.tokenizer(read_text()[1], verbose=False).input_ids
        self._chosen: Selected = select_heads(model.model, None, model.tokenizer)
        self._number = count()

    def next(self, length: int, steered: bool) -> Request:
        """Return a request that runs to its last token."""
        start = next(self._number) * 97 % (len(self._ids) - length)
        ids = tuple(self._ids[start : start + length])
        prompt = EncodedPrompt("", ids, (), (), (), (), ())
        span = TokenSpan(length // 2, length // 2 + SPAN, self._chosen.strength)
        steering = Steering((span,), self._chosen.gains) if steered else Steering()
        return Request(prompt, steering, Sampling(max_tokens=ANSWER, ignore_eos=True))


def served(model: Model, requests: Sequence[Request], hold: Hold, turn: Turn) -> Callable[[], Tensor]:
    """Return what lets a batch of these requests take a step."""
    batch = Batch(model.model, views(model.model), turn, len(requests))
    for request in requests:
        answer = Answer(request, Ticket(lambda: None), lambda piece: None, model.tokenizer, Bytes(model.tokenizer), ())
        joining = Joining(model.model, hold.seams, turn, answer, Prefixes(0))
        while joining.read(len(joining.ids))[1] is None:
            pass
        batch.join(joining, 0)

    def step() -> Tensor:
        logits = batch.step()
        for row in batch.rows:
            row.advance(0)
        return logits

    return step


def own(model: Model, requests: Requests, turn: Turn, number: int) -> Callable[[], Tensor]:
    """Return what lets transformers itself decode a token for so many prompts of one length."""
    ids = torch.tensor([requests.next(PROMPT, False).prompt.ids for _ in range(number)])
    cache = DynamicCache(config=model.model.config)
    model.model(ids, past_key_values=cache, logits_to_keep=1)

    def step() -> Tensor:
        turn.joining = {}  # the seams pass everything on
        logits: Tensor = model.model(torch.zeros(number, 1, dtype=torch.long), past_key_values=cache).logits
        turn.joining = None
        return logits

    return step


def timed(run: Callable[[], object], clock: Callable[[], float]) -> Callable[[], float]:
    """Return what runs and gives the seconds."""

    def measure() -> float:
        begin = clock()
        run()
        return clock() - begin

    return measure


def together(scheduler: Scheduler, requests: Requests, number: int, at_once: int, steered: bool) -> Callable[[], None]:
    """Return what has so many requests answered, so many at once."""

    def run() -> None:
        told: queue.SimpleQueue[Piece] = queue.SimpleQueue()
        wanted = [requests.next(PROMPT, steered) for _ in range(number)]
        for _ in range(at_once):
            scheduler.submit(wanted.pop(), told.put)
        ended = 0
        while ended < number:
            if told.get().finish_reason is not None:
                ended += 1
                if wanted:
                    scheduler.submit(wanted.pop(), told.put)

    return run


def main() -> None:
    """Run the benchmark."""

    def also(parser: ArgumentParser) -> None:
        parser.add_argument("--dtype", default="bfloat16", help="of the weights (default bfloat16)")
        parser.add_argument("--clock", default="wall", choices=CLOCKS, help="thread: of steps alone, for busy machines")

    chosen = options(__doc__, SIZES, also)
    torch.set_num_threads(chosen.threads)
    model = boldface.load(MODEL, dtype=getattr(torch, chosen.dtype))
    requests, clock = Requests(model), CLOCKS[chosen.clock]
    facts = {**machine(), "threads": chosen.threads, "model": MODEL, "dtype": chosen.dtype, "clock": chosen.clock}
    store = Rounds(chosen.out / f"batching_{chosen.dtype}.jsonl", facts, resume=chosen.resume)
    turn = Turn()
    hold = Hold(model, turn)
    for number, rounds in chosen.rounds.items():
        if chosen.only not in (case := f"step {number}"):
            continue
        with ExitStack() as stack:
            stack.enter_context(torch.no_grad())
            runs = {"transformers": own(model, requests, turn, number)}
            stack.enter_context(hold.on())
            for name in ("plain", "steered"):
                asked = [requests.next(PROMPT + row, name == "steered") for row in range(number)]
                runs[name] = served(model, asked, hold, turn)
            interleave(store, case, {name: timed(run, clock) for name, run in runs.items()}, rounds, warmup=WARMUP)
    if chosen.clock == "thread":
        return
    scheduler = Scheduler(model, prefix_bytes=0)
    scheduler.start()
    for number, rounds in chosen.rounds.items():
        if number > 1 and chosen.only in (case := f"answers {number}"):
            arms = {
                "one at a time": together(scheduler, requests, number, 1, False),
                "together": together(scheduler, requests, number, number, False),
                "together, steered": together(scheduler, requests, number, number, True),
            }
            timings = {name: timed(run, time.perf_counter) for name, run in arms.items()}
            interleave(store, case, timings, max(1, rounds // 10), warmup=1)
    scheduler.stop()


if __name__ == "__main__":
    main()
