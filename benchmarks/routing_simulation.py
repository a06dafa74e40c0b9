"""SIMULATED, not measured: what a router before several nodes must hash, so that steered prompts find their prefixes.

    python benchmarks/routing_simulation.py

No model runs. A node reads prompts one after the other at a fixed rate, takes a fixed time for an answer, and keeps the
blocks that it used last. A router sends a prompt to where it would begin to be answered first, as far as it knows. What
a node has of a prompt is decided by the keys of its blocks, and a block's key holds the key of the block before it:

- ``tokens``: the tokens alone. No engine may use it for steered prompts (it would take another emphasis' keys and
  values for its own), but a router that was not told of emphasis does.
- ``salt``: the emphasis is in the first block's key, and so in all of them, as a cache salt does it.
- ``emphasis``: it is in the key of a block from the first emphasised token on, which is what the prefix law needs.

The figures are made of nothing but the assumptions below. They say which of two ways is better, and why, and
nothing about any machine.
"""

from __future__ import annotations

import itertools
import random
import statistics
from argparse import ArgumentParser
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from boldface.emphasis.span import TokenSpan
from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import SCOPES, Scope, Steering
from boldface.steering.prefix_law import trace

BLOCK = 128
"""Tokens of a block."""
SYSTEM, DOCUMENT, QUESTION = 4, 31, 1
"""Blocks of a prompt: the same for everybody, one of many documents, and the request's own."""
DOCUMENTS = 200
"""How many there are; the n-th is asked about 1/n as often as the first."""
PASSAGES = 8
"""How many passages of a document are ever emphasised."""
MIX = {"nothing": 4, "question": 3, "passage": 2, "system": 1}
"""What is emphasised, and how often."""
KEPT = 1000
"""Blocks that a node keeps."""
READING = 20_000
"""Prompt tokens that a node reads in a second."""
ANSWERING = 0.02
"""Seconds of a node that an answer takes, beside reading its prompt."""
FORMS = ("tokens", "salt", "emphasis")
GAINS = HeadGains({(0, 0): 1.0})
REQUESTS = 6_000
WARM = 1_000
"""Requests before the first that counts."""


class Prompt(NamedTuple):
    """A prompt; a token stands for a whole block.

    Attributes:
        ids: What stands in every block.
        steering: What is emphasised, and how.
    """

    ids: tuple[int, ...]
    steering: Steering


def keys(prompt: Prompt, form: str) -> list[bytes]:
    """Return the keys of all blocks; ``emphasis`` are the engine's own (:mod:`boldface.steering.prefix_law`)."""
    if form == "emphasis":
        return list(trace(*prompt).blocks(1))
    seed = b"" if form == "tokens" or prompt.steering.is_null else repr(prompt.steering).encode()
    return list(trace(prompt.ids, Steering()).blocks(1, seed))


def prompts(draw: random.Random, scope: Scope) -> Iterator[Prompt]:
    """Yield requests without end."""
    weights = [1 / rank for rank in range(1, DOCUMENTS + 1)]
    end = SYSTEM + DOCUMENT + QUESTION
    for number in itertools.count():
        document = draw.choices(range(DOCUMENTS), weights)[0]
        begin = SYSTEM + DOCUMENT * draw.randrange(PASSAGES) // PASSAGES
        spans = {
            "nothing": (),
            "question": (TokenSpan(end - QUESTION, end, DEFAULT_STRENGTH),),
            "passage": (TokenSpan(begin, begin + 1, DEFAULT_STRENGTH),),
            "system": (TokenSpan(0, SYSTEM, DEFAULT_STRENGTH),),
        }
        ids = (
            *range(SYSTEM),
            *range(1000 * (document + 1), 1000 * (document + 1) + DOCUMENT),
            *(10**9 + QUESTION * number + block for block in range(QUESTION)),
        )
        (what,) = draw.choices(list(MIX), list(MIX.values()))
        yield Prompt(ids, Steering(spans[what], GAINS, scope))


class Blocks:
    """The blocks that were used last, by their keys."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, None] = OrderedDict()

    def found(self, wanted: Sequence[bytes]) -> int:
        """Return how many of the first blocks of a prompt are here."""
        return next((index for index, key in enumerate(wanted) if key not in self._kept), len(wanted))

    def use(self, wanted: Sequence[bytes]) -> None:
        """Keep the blocks of a prompt; its beginning stays longest."""
        for key in reversed(wanted):
            self._kept[key] = None
            self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)


@dataclass
class Node:
    """One engine.

    Attributes:
        blocks: What it has.
        believed: What the router believes that it has.
        free: When it has answered everything that it was sent.
    """

    blocks: Blocks = field(default_factory=Blocks)
    believed: Blocks = field(default_factory=Blocks)
    free: float = 0.0


class Way(NamedTuple):
    """How requests find nodes.

    Attributes:
        router: Keys that the router hashes; ``turns`` and ``load`` look at no prompt.
        engine: Keys of the nodes' blocks.
    """

    router: str
    engine: str


WAYS = (
    Way("turns", "emphasis"),
    Way("load", "emphasis"),
    Way("tokens", "emphasis"),
    Way("emphasis", "emphasis"),
    Way("salt", "salt"),
)


class Found(NamedTuple):
    """What a run gave.

    Attributes:
        cached: Share of the prompts' tokens that nodes had.
        promised: Share that the router believed them to have.
        first: Mean seconds until a prompt was read.
        late: The same of the slowest one in twenty.
        busiest: Requests of the busiest node, as a multiple of a fair share.
    """

    cached: float
    promised: float
    first: float
    late: float
    busiest: float


def run(way: Way, nodes: int, rate: float, scope: Scope, seed: int) -> Found:
    """Send requests at a rate per second, and tell what came of them."""
    draw = random.Random(seed)
    house = [Node() for _ in range(nodes)]
    turns = itertools.cycle(house)
    coming, now = prompts(draw, scope), 0.0
    waits, cached, promised, sent = [], 0, 0, Counter[int]()
    for number in range(REQUESTS):
        now += draw.expovariate(rate)
        prompt = next(coming)
        engine = keys(prompt, way.engine)
        router = keys(prompt, way.router) if way.router in FORMS else []

        def begins(node: Node, router: Sequence[bytes] = router, now: float = now) -> float:
            unread = len(router) - node.believed.found(router)
            return max(node.free, now) + unread * BLOCK / READING

        node = next(turns) if way.router == "turns" else min(draw.sample(house, nodes), key=begins)
        had, hoped = node.blocks.found(engine), node.believed.found(router)
        read = max(node.free, now) + (len(prompt.ids) - had) * BLOCK / READING
        node.free = read + ANSWERING
        node.blocks.use(engine)
        node.believed.use(router)
        if number >= WARM:
            waits.append(read - now)
            cached, promised = cached + had, promised + hoped
            sent[id(node)] += 1
    blocks = len(waits) * (SYSTEM + DOCUMENT + QUESTION)
    late = statistics.quantiles(waits, n=20)[-1]
    busiest = max(sent.values()) * nodes / len(waits)
    return Found(cached / blocks, promised / blocks, statistics.mean(waits), late, busiest)


def told(values: Sequence[float], show: Callable[[float], str]) -> str:
    """Return mean and standard error over the seeds."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{show(statistics.mean(values))} ± {show(error)}"


def main() -> None:
    """Print the table."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--nodes", type=int, default=8)
    parser.add_argument("--rates", type=float, nargs="+", default=[20.0, 40.0], help="requests a second, of all nodes")
    parser.add_argument("--scope", default="all", choices=SCOPES, help="of all emphasis")
    parser.add_argument("--seeds", type=int, default=10)
    chosen = parser.parse_args()
    print(f"SIMULATED: {chosen.nodes} nodes, {chosen.seeds} seeds, scope {chosen.scope}, mean ± standard error\n")
    print(
        "| requests/s | router hashes | nodes hash | tokens cached | promised | first token | slowest 5 % | busiest |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for rate, way in itertools.product(chosen.rates, WAYS):
        found = [run(way, chosen.nodes, rate, chosen.scope, seed) for seed in range(chosen.seeds)]
        cached, promised, first, late, busiest = (list(values) for values in zip(*found, strict=True))
        cells = [
            f"{rate:g}",
            way.router,
            way.engine,
            told(cached, lambda x: f"{100 * x:.1f} %"),
            told(promised, lambda x: f"{100 * x:.1f} %") if any(promised) else "",
            told(first, lambda x: f"{1000 * x:.0f} ms"),
            told(late, lambda x: f"{1000 * x:.0f} ms"),
            told(busiest, lambda x: f"{x:.2f}"),
        ]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
