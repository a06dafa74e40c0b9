"""What steering costs a server under load: throughput, first byte and ``/health``, steered and not, by concurrency.

    python benchmarks/serve.py --full --resume

The server is ``boldface serve`` in a process of its own. A round sends the same chats, to the same server, in random
order of the arms: without emphasis and with an emphasised instruction at their end, so many at once, or one after the
other. No two chats of a run begin alike, so that nothing is taken from the prefix cache. An arm's time is that of all
its answers; every answer has the same number of tokens.
"""

from __future__ import annotations

import asyncio
import random
import statistics
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from client import Reply, Server, ask
from pairs import summary
from store import Rounds, options
from subject import read_text, subject

SIZES = {"quick": "1=2 8=2", "full": "1=3 8=8 32=8"}
CHATS = {"quick": 8, "full": 32}
TOKENS = {"quick": 24, "full": 64}
WORDS = 100
INSTRUCTION = "Write what this text says in three short sentences."
PROBE = 0.1
"""Seconds between two questions after /health."""


class Arm(NamedTuple):
    """One way to send the chats.

    Attributes:
        steered: Whether the instruction is emphasised.
        at_once: How many are sent at the same time.
    """

    steered: bool
    at_once: int


class Measured(NamedTuple):
    """What an arm took, in seconds.

    Attributes:
        all: From the first request to the last byte of the last answer.
        first_byte: Median over the answers.
        first_word: Median over the answers.
        health: Of every question after /health meanwhile.
    """

    all: float
    first_byte: float
    first_word: float
    health: tuple[float, ...]


class Load:
    """Chats, and the server they are sent to.

    Args:
        port: Of the server.
        passages: What the chats are about.
        tokens: Of every answer.
    """

    def __init__(self, port: int, passages: Sequence[str], tokens: int) -> None:
        self.port, self.passages, self.tokens = port, passages, tokens
        self._numbers = iter(random.Random().sample(range(100_000, 1_000_000), 100_000))

    def bodies(self, steered: bool) -> Iterator[dict[str, Any]]:
        """Yield the chats; a number that was never used before begins each of them."""
        for passage in self.passages:
            parts = [{"type": "text", "text": f"{next(self._numbers)}. {passage}\n\n"}]
            parts.append({"type": "text", "text": INSTRUCTION, **({"emphasis": True} if steered else {})})
            yield {
                "messages": [{"role": "user", "content": parts}],
                "max_completion_tokens": self.tokens,
                "ignore_eos": True,
                "temperature": 0,
                "stream": True,
                "stream_options": {"include_usage": True},
            }

    async def run(self, arm: Arm) -> Measured:
        """Send all chats the way of an arm."""
        places, loop = asyncio.Semaphore(arm.at_once), asyncio.get_running_loop()
        health: list[float] = []
        probing = asyncio.create_task(self._probe(health))
        began = loop.time()
        replies = await asyncio.gather(*(self._send(body, places) for body in self.bodies(arm.steered)))
        took = loop.time() - began
        probing.cancel()
        for reply in replies:
            self._check(reply, arm)
        return Measured(
            took,
            statistics.median(reply.begun or 0 for reply in replies),
            statistics.median(reply.first_word() or 0 for reply in replies),
            tuple(health),
        )

    async def _send(self, body: dict[str, Any], places: asyncio.Semaphore) -> Reply:
        async with places:
            return await ask(self.port, "POST", "/v1/chat/completions", body)

    async def _probe(self, took: list[float]) -> None:
        while True:
            took.append((await ask(self.port, "GET", "/health")).took)
            await asyncio.sleep(PROBE)

    async def idle(self) -> list[float]:
        """Ask after /health while nothing else is asked."""
        return [(await ask(self.port, "GET", "/health")).took for _ in range(20)]

    def _check(self, reply: Reply, arm: Arm) -> None:
        """End the benchmark where an answer is not what was measured."""
        if reply.code != 200 or not reply.ended:
            raise SystemExit(f"An answer failed: {reply.code} {reply.body[-500:]!r}")
        usage = next(event["usage"] for event in reversed(reply.events()) if event.get("usage"))
        if usage["completion_tokens"] != self.tokens:
            raise SystemExit(f"An answer has {usage['completion_tokens']} tokens instead of {self.tokens}.")
        steered = any(event.get("boldface", {}).get("steered") for event in reply.events())
        if steered != arm.steered:
            raise SystemExit(f"An answer is {'' if steered else 'not '}steered; it was asked otherwise.")


def measure(store: Rounds, load: Load, levels: dict[int, int], seed: int) -> None:
    """Run one round: every arm of the levels that want more rounds, in random order."""
    wanted = [level for level, rounds in levels.items() if len(store.rounds(f"serve {level}")) < rounds]
    arms = [Arm(steered, level) for level in wanted for steered in (False, True)]
    found = {arm: asyncio.run(load.run(arm)) for arm in random.Random(seed).sample(arms, len(arms))}
    idle = statistics.median(asyncio.run(load.idle()))
    for level in wanted:
        plain, steered = found[Arm(False, level)], found[Arm(True, level)]
        record(store, f"serve {level}", {"plain": plain.all, "steered": steered.all})
        if level > 1 and 1 in wanted:
            for name, kind in (("plain", False), ("steered", True)):
                one, many = found[Arm(kind, 1)].all, found[Arm(kind, level)].all
                record(store, f"batching {level}, {name}", {"one at a time": one, f"{level} at once": many})
        record(store, f"first byte {level}", {"plain": plain.first_byte, "steered": steered.first_byte})
        record(store, f"first word {level}", {"plain": plain.first_word, "steered": steered.first_word})
        health = {"plain": statistics.median(plain.health), "steered": statistics.median(steered.health)}
        record(store, f"health {level}", {"idle": idle, **health, "slowest": max(plain.health + steered.health)})


def record(store: Rounds, case: str, took: dict[str, float]) -> None:
    """Store a round of a case and say how it stands."""
    store.add(case, took)
    print(f"{case}: {summary(store.rounds(case))}", flush=True)


def passages(text: str, count: int) -> list[str]:
    """Cut a text into pieces of equal numbers of words."""
    words = text.split()
    words *= -(-count * WORDS // len(words))
    return [" ".join(words[start : start + WORDS]) for start in range(0, count * WORDS, WORDS)]


def also(parser: ArgumentParser) -> None:
    """Add what only this benchmark asks for."""
    parser.add_argument("--serve", default="", metavar="OPTIONS", help="further options of boldface serve")


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__, SIZES, also)
    size = "full" if chosen.full else "quick"
    what = subject(2, chosen.threads)
    facts = {**what.facts, "chats": CHATS[size], "answer tokens": TOKENS[size], "serve": chosen.serve or "as it is"}
    store = Rounds(chosen.out / "serve.jsonl", facts, resume=chosen.resume)
    pieces = passages(read_text()[1], CHATS[size])
    del what  # the server loads its own
    log = Path(__file__).parents[1] / "build" / "benchmarks" / "serve.log"
    with Server(["--model", "smollm2", *chosen.serve.split()], log, chosen.threads) as server:
        load = Load(server.port, pieces, TOKENS[size])
        asyncio.run(load.run(Arm(True, max(chosen.rounds))))  # warms up
        while any(len(store.rounds(f"serve {level}")) < rounds for level, rounds in chosen.rounds.items()):
            measure(store, load, chosen.rounds, len(store.lines))
    for level in chosen.rounds:
        note(store, level, facts["chats"] * facts["answer tokens"])


def note(store: Rounds, level: int, tokens: int) -> None:
    """Write down the throughput of a level."""
    rounds = store.rounds(f"serve {level}")
    store.note(
        f"serve {level}",
        throughput={
            arm: f"{tokens / statistics.median(one[arm] for one in rounds):.0f} tokens a second"
            for arm in ("plain", "steered")
        },
    )


if __name__ == "__main__":
    main()
