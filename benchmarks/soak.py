"""Ten minutes of everything at once: does the server leak, answer wrongly, or fail?

    python benchmarks/soak.py --minutes 10

Clients send chats with and without emphasis, streamed and whole, with spans, parts, markup and several answers; some
leave in the middle; some send bodies that are broken, too long or meant to break something; now and then a crowd comes
that the queue cannot hold. Every greedy answer is compared with the one that the library gives to that chat alone
(``oracle.py``). At the end the server must be empty again, must have grown by no more than 5 % since it was warm, and
must end when asked to, finishing the answer that has begun.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser, Namespace
from collections import Counter
from pathlib import Path
from typing import Any

from chats import CHATS, Chat
from client import Reply, Server, ask
from nuisance import BROKEN, Broken
from oracle import Oracle
from store import machine

HERE = Path(__file__).parent
BUILD = HERE.parent / "build" / "benchmarks"
TOKENS = 24
CLIENTS = 12
CROWD = 120
"""Requests of a crowd; more than may run and wait."""
BODY_BYTES = 200_000
WARM = 0.2
"""Part of the time after which the server counts as warm."""
GROWTH = 5.0
"""Percent by which its memory may grow from then on."""
CHAT = "/v1/chat/completions"


class Soak:
    """What was sent, and what came of it.

    Args:
        server: The server.
        chats: What is asked.
        oracle: What it should answer, chat by chat.
        seed: Of all that is random.
    """

    def __init__(self, server: Server, chats: list[Chat], oracle: Oracle, seed: int) -> None:
        self.server, self.chats, self.oracle, self.random = server, chats, oracle, random.Random(seed)
        self.counts: Counter[str] = Counter()
        self.wrong: list[dict[str, Any]] = []
        self.failed: list[dict[str, Any]] = []
        self.memory: list[tuple[float, float]] = []
        self.began = time.monotonic()

    async def run(self, seconds: float) -> None:
        """Send everything for so long, then wait for what has not ended."""
        until = self.began + seconds
        watching = asyncio.create_task(self._watch())
        await asyncio.gather(*(self._client(until) for _ in range(CLIENTS)), self._crowds(until))
        watching.cancel()

    async def _client(self, until: float) -> None:
        kinds = {self._answer: 10, self._leave: 3, self._break: 3, self._draw: 1, self._look: 1}
        while time.monotonic() < until:
            (act,) = self.random.choices(list(kinds), list(kinds.values()))
            await act()

    async def _answer(self) -> None:
        """Ask a chat, and compare."""
        number = self.random.randrange(len(self.chats))
        chat, stream, copies = self.chats[number], self.random.random() < 0.5, self.random.choice((1, 1, 1, 2, 3))
        body = {**chat.body(TOKENS), "stream": stream, "n": copies}
        reply = await ask(self.server.port, "POST", CHAT, body)
        if self._full(reply):
            return
        if reply.code != 200 or not (reply.ended if stream else reply.whole):
            return self._fail("answer", body, reply)
        texts = _streamed(reply, copies) if stream else [one["message"]["content"] for one in reply.json()["choices"]]
        for text in texts:
            expected = self.oracle.answers[number]
            same = text == expected.text
            self.counts["answers, the same" if same else "answers, another way at a close call"] += 1
            if not expected.allows(text, self.oracle.tolerance):
                self.wrong.append({"chat": number, "text": text, "expected": expected.text, "gaps": expected.gaps})

    async def _leave(self) -> None:
        """Ask a chat and leave: at once, after a few bytes, or somewhere in the answer."""
        chat = self.random.choice(self.chats)
        body = {**chat.body(400), "stream": self.random.random() < 0.8, "ignore_eos": True}
        reply = await ask(self.server.port, "POST", CHAT, body, leave_after=self.random.choice((0, 0, 1, 500, 3000)))
        self.counts["left"] += 1
        if not self._full(reply) and reply.code not in (None, 200):
            self._fail("leave", body, reply)

    async def _break(self) -> None:
        """Send something broken; the server says what is wrong, in its own shape."""
        one: Broken = self.random.choice(BROKEN)
        path, content, headers = one.make(self.random, BODY_BYTES)
        reply = await ask(self.server.port, one.method, path, content, headers=headers)
        self.counts[f"refused, {one.name}"] += 1
        if self._full(reply):
            return
        told = reply.code is not None and 400 <= reply.code < 500
        if told and one.json:
            told = set(json.loads(reply.body)["error"]) >= {"message", "type", "param", "code"}
        if not (told or (reply.code is None and one.may_hang_up)):
            self._fail(one.name, one.name, reply)

    async def _draw(self) -> None:
        """Ask for drawn words twice with one seed; they are the same words, unless a sum was rounded otherwise."""
        body = {**self.random.choice(self.chats).body(8), "temperature": 0.8, "seed": self.random.randrange(10**6)}
        replies = [await ask(self.server.port, "POST", CHAT, body) for _ in range(2)]
        if any(map(self._full, replies)):
            return
        for reply in replies:
            if reply.code != 200:
                return self._fail("draw", body, reply)
        first, second = (reply.json()["choices"][0]["message"]["content"] for reply in replies)
        self.counts["drawn twice, the same" if first == second else "drawn twice, another way"] += 1

    async def _look(self) -> None:
        """Ask what needs no model."""
        path = self.random.choice(("/health", "/metrics", "/v1/models", "/v1/boldface/profiles"))
        reply = await ask(self.server.port, "GET", path)
        self.counts["looked"] += 1
        if reply.code != 200:
            self._fail("look", path, reply)

    async def _crowds(self, until: float) -> None:
        """Now and then, send more at once than may wait."""
        while time.monotonic() < until:
            await asyncio.sleep(min(60, max(0, until - time.monotonic()) / 2 + 1))
            if time.monotonic() >= until:
                return
            body = {**self.random.choice(self.chats).body(4), "stream": False}
            replies = await asyncio.gather(*(ask(self.server.port, "POST", CHAT, body) for _ in range(CROWD)))
            for reply in replies:
                self.counts["crowd, answered" if reply.code == 200 else "crowd, turned away"] += 1
                if reply.code != 200 and not self._full(reply):
                    self._fail("crowd", body, reply)

    def _full(self, reply: Reply) -> bool:
        """Tell whether a request was turned away for want of room, as it must be: with when to come again."""
        if reply.code != 429:
            return False
        self.counts["turned away"] += 1
        if int(reply.headers.get("retry-after", 0)) < 1:
            self._fail("no Retry-After", "", reply)
        return True

    def _fail(self, what: str, sent: Any, reply: Reply) -> None:
        self.failed.append({"what": what, "sent": sent, "code": reply.code, "body": repr(reply.body[:500])})
        print(f"failed: {self.failed[-1]}", flush=True)

    async def _watch(self) -> None:
        while True:
            self.memory.append((time.monotonic() - self.began, self.server.resident()))
            if len(self.memory) % 30 == 1:
                seconds, resident = self.memory[-1]
                print(f"{seconds:4.0f} s: {resident:.0f} MiB, {sum(self.counts.values())} requests", flush=True)
            await asyncio.sleep(1)

    async def emptied(self) -> dict[str, float]:
        """Wait until nothing runs any more, and return what the server says of itself."""
        for _ in range(100):
            page = (await ask(self.server.port, "GET", "/metrics")).body.decode()
            found = {
                line.split("{")[0]: float(line.split()[-1])
                for line in page.splitlines()
                if line.startswith(("boldface_running{", "boldface_queued{", "boldface_kv_tokens{"))
            }
            if not any(found.values()):
                break
            await asyncio.sleep(0.1)
        return found

    async def last_answer(self) -> bool:
        """Ask for an answer, have the server asked to end in the middle of it, and tell whether it came whole."""
        body = {**self.chats[0].body(48), "stream": True, "ignore_eos": True}
        asking = asyncio.create_task(ask(self.server.port, "POST", CHAT, body))
        await asyncio.sleep(0.5)
        code = await asyncio.to_thread(self.server.stop)
        return code in (0, -signal.SIGTERM) and (await asking).ended


def _streamed(reply: Reply, copies: int) -> list[str]:
    texts = [""] * copies
    for event in reply.events():
        for choice in event["choices"]:
            texts[choice["index"]] += choice["delta"].get("content") or ""
    return texts


def growth(memory: list[tuple[float, float]], seconds: float) -> dict[str, float]:
    """Return the memory when the server was warm and at the end, medians of a fifth of the time each, and growth."""
    warm = statistics.median(mib for when, mib in memory if WARM * seconds <= when < 2 * WARM * seconds)
    late = statistics.median(mib for when, mib in memory if when >= (1 - WARM) * seconds)
    return {"warm, MiB": round(warm, 1), "late, MiB": round(late, 1), "growth, %": round(100 * (late / warm - 1), 2)}


def ask_oracle(chats: list[Chat], chosen: Namespace) -> Oracle:
    """Have the library answer every chat alone, in a process of its own."""
    BUILD.mkdir(parents=True, exist_ok=True)
    place = BUILD / "oracle.json"
    asked = {"chats": [chat.oracle for chat in chats], "tokens": TOKENS, "threads": chosen.threads}
    text = json.dumps({**asked, "model": chosen.model, "profile": chosen.profile, "dtype": chosen.dtype})
    subprocess.run([sys.executable, HERE / "oracle.py", place], input=text, text=True, check=True)
    return Oracle.read(place)


def main() -> None:
    """Run the soak; the exit code is 1 when something was wrong."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    parser.add_argument("--model", default="smollm2", help="a small one shows in a minute that the soak runs")
    parser.add_argument("--profile", help="file of its profile; the one that comes with the model unless named")
    parser.add_argument("--dtype", default="", help="of the weights, for the server and the library")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chats", type=int, default=len(CHATS), help="how many different ones")
    parser.add_argument("--serve", default="", metavar="OPTIONS", help="further options of boldface serve")
    parser.add_argument("--out", type=Path, default=BUILD / "soak.json", help="where the result is written")
    chosen = parser.parse_args()
    if chosen.out.is_dir():
        parser.error(f"--out {chosen.out} is a folder: name a file")
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    chats = random.Random(chosen.seed).sample(CHATS, chosen.chats)
    oracle, seconds = ask_oracle(chats, chosen), 60 * chosen.minutes
    named = {
        "--model": chosen.model,
        "--profile": chosen.profile,
        "--dtype": chosen.dtype,
        "--max-body": str(BODY_BYTES),
    }
    options = [word for option, value in named.items() if value for word in (option, value)]
    options += chosen.serve.split()
    with Server(options, BUILD / "soak.log", chosen.threads) as server:
        soak = Soak(server, chats, oracle, chosen.seed)
        asyncio.run(soak.run(seconds))
        left = asyncio.run(soak.emptied())
        finished = asyncio.run(soak.last_answer())
    grown = growth(soak.memory, seconds)
    sound = {
        "no wrong answer": not soak.wrong,
        "nothing failed": not soak.failed,
        "memory is flat": grown["growth, %"] <= GROWTH,
        "empty at the end": bool(left) and not any(left.values()),
        "ended well": finished,
    }
    page = {
        "facts": {
            **machine(),
            "minutes": chosen.minutes,
            "threads": chosen.threads,
            "dtype": chosen.dtype or "float32",
        },
        "sound": sound,
        "memory": grown,
        "tolerance": oracle.tolerance,
        "close calls": sum(answer.close_calls(oracle.tolerance) for answer in oracle.answers),
        "steps": sum(len(answer.gaps) for answer in oracle.answers),
        "counts": dict(sorted(soak.counts.items())),
        "wrong": soak.wrong[:20],
        "failed": soak.failed[:20],
    }
    chosen.out.write_text(json.dumps(page, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps({name: page[name] for name in ("sound", "memory", "counts", "close calls")}, indent=1))
    sys.exit(not all(sound.values()))


if __name__ == "__main__":
    main()
