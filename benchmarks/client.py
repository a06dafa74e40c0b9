"""A server in a process of its own, and a client that costs next to nothing, so that the server has the processor.

The client writes requests and reads answers byte by byte, which also lets it leave in the middle and send what no
well-behaved client would.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

HOST = "127.0.0.1"
STARTING = 300.0
"""Seconds that a server may take until it answers, loading included."""


class Server:
    """``boldface serve``, or another program that serves, on a free port, from the ``with`` to its end.

    Args:
        options: Of the command line.
        log: Takes what it logs.
        threads: Of torch.
        program: What is run: a module, and what comes before the options.
        environment: What is set for it.
    """

    def __init__(
        self,
        options: Sequence[str],
        log: Path,
        threads: int,
        program: Sequence[str] = ("boldface", "serve"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.log, self.port = log, _free_port()
        self.command = [sys.executable, "-m", *program, "--host", HOST, "--port", str(self.port), *options]
        self.environment = {**os.environ, "OMP_NUM_THREADS": str(threads), **(environment or {})}
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(self.command, stdout=file, stderr=file, env=self.environment)
        try:
            asyncio.run(self._answering())
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, patience: float = 120) -> int:
        """Ask it to end, wait, and return its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise SystemExit(
                    f"The server did not end within {patience:.0f} s of SIGTERM; see {self.log}."
                ) from None
        return self.process.returncode

    def resident(self) -> float:
        """Return the resident memory of its process, and of those that this one started, in MiB."""
        assert self.process is not None
        return sum(map(_resident, _family(self.process.pid)))

    async def _answering(self) -> None:
        assert self.process is not None
        until = time.monotonic() + STARTING
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise SystemExit(f"The server ended with {self.process.returncode}:\n{self.log.read_text()[-3000:]}")
            try:
                if (await ask(self.port, "GET", "/health")).code == 200:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.1)
        raise SystemExit(f"The server did not answer within {STARTING:.0f} s; see {self.log}.")


@dataclass
class Reply:
    """What came back.

    Attributes:
        code: Of HTTP; None when the connection ended before there was one.
        headers: By name in small letters.
        body: All of it, or what there was until the client left.
        begun: Seconds until the first byte of the body.
        took: Seconds until the end.
        whole: Whether the answer came to its end.
        arrivals: When each piece of the body came, in seconds, and its length.
    """

    code: int | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    begun: float | None = None
    took: float = 0.0
    whole: bool = False
    arrivals: list[tuple[float, int]] = field(default_factory=list)

    def json(self) -> Any:
        """Return the body as JSON."""
        return json.loads(self.body)

    def events(self) -> list[Any]:
        """Return the events of a stream that came in whole, without the closing mark."""
        data = [line.removeprefix(b"data: ") for line in self.body.split(b"\n") if line.startswith(b"data: ")]
        return [json.loads(one) for one in data if one != b"[DONE]"]

    @property
    def ended(self) -> bool:
        """Whether a stream came to its closing mark."""
        return self.whole and self.body.rstrip().endswith(b"data: [DONE]")

    def first_word(self) -> float | None:
        """Return after how many seconds a stream's first text had come."""
        length = 0
        for line in self.body.split(b"\n\n"):
            length += len(line) + 2
            if line.startswith(b"data: {") and _text(json.loads(line[6:])):
                break
        else:
            return None
        came = 0
        for when, size in self.arrivals:
            came += size
            if came >= length:
                return when
        return None


def _text(event: Mapping[str, Any]) -> str:
    choices = event.get("choices") or [{}]
    return str(choices[0].get("delta", {}).get("content") or choices[0].get("text") or "")


async def ask(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    *,
    headers: Mapping[str, str] | None = None,
    leave_after: int | None = None,
    patience: float = 300,
) -> Reply:
    """Send one request on a connection of its own, and read the answer.

    Args:
        port: Of the server.
        method: Of HTTP.
        path: What is asked.
        body: Bytes as they are, or an object for JSON.
        headers: Further ones, or others.
        leave_after: Leave once so many bytes of the body have come; 0 leaves as soon as the request is sent.
        patience: Seconds; then it is a ``TimeoutError``.
    """
    content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Host": f"{HOST}:{port}", "Connection": "close", "Content-Length": str(len(content))}
    if content:
        lines["Content-Type"] = "application/json"
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in {**lines, **(headers or {})}.items())
    reply, began = Reply(), time.perf_counter()
    reader, writer = await asyncio.open_connection(HOST, port, limit=2**20)
    try:
        async with asyncio.timeout(patience):
            writer.write(head.encode() + b"\r\n" + content)
            await writer.drain()
            if leave_after != 0:
                await _read(reader, reply, began, leave_after)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass  # the server has broken off; what there is of the answer says so
    finally:
        reply.took = time.perf_counter() - began
        writer.close()
    return reply


async def _read(reader: asyncio.StreamReader, reply: Reply, began: float, leave_after: int | None) -> None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    reply.code = int(head[0].split()[1])
    reply.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}

    def take(piece: bytes) -> bool:
        now = time.perf_counter() - began
        if reply.begun is None and piece:
            reply.begun = now
        reply.arrivals.append((now, len(piece)))
        pieces.append(piece)
        return leave_after is not None and sum(size for _, size in reply.arrivals) >= leave_after

    pieces: list[bytes] = []
    try:
        if reply.headers.get("transfer-encoding") == "chunked":
            while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
                if take((await reader.readexactly(size + 2))[:-2]):
                    return
            await reader.readuntil(b"\r\n")
        elif length := int(reply.headers.get("content-length", "0")):
            take(await reader.readexactly(length))
        reply.whole = True
    finally:
        reply.body = b"".join(pieces)


def _family(pid: int) -> Iterator[int]:
    yield pid
    with suppress(FileNotFoundError):  # ends while it is looked at
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))


def _resident(pid: int) -> float:
    with suppress(FileNotFoundError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if "VmRSS" in line:
                return int(line.split()[1]) / 1024
    return 0.0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
