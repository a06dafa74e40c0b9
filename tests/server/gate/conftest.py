"""A small application behind the guards, and raw requests to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route

from boldface.server.faults import respond
from boldface.server.gate import guard
from boldface.server.metrics import Metrics


class Answer(NamedTuple):
    """What came back; no code when nothing did."""

    code: int | None
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> dict[str, Any]:
        """The error that it tells."""
        return json.loads(self.body)["error"]


class Served:
    """An application behind its guards.

    Its ``POST /v1/echo`` answers with the length of the body and the state that the guards left; ``/v1/slow`` waits
    for ``release``; ``/v1/stream`` streams; ``/v1/broken`` and ``/v1/cut`` fail before and after they have begun.
    """

    def __init__(self, **options: Any) -> None:
        self.metrics = Metrics()
        self.release = asyncio.Event()
        self.entered = 0
        methods = ["GET", "POST"]
        pages = {
            "/v1/echo": self._echo,
            "/v1/slow": self._slow,
            "/v1/stream": self._stream,
            "/v1/broken": self._broken,
            "/v1/cut": self._cut,
            "/v1/items/{name}": self._echo,
            "/health": self._echo,
            "/assets/{name}": self._echo,
            "/": self._echo,
        }
        self.app = Starlette(routes=[Route(path, page, methods=methods) for path, page in pages.items()])
        guard(self.app, metrics=self.metrics, refuse=respond, **options)

    async def ask(
        self,
        path: str,
        *,
        method: str = "POST",
        headers: dict[str, str] | None = None,
        body: bytes | Iterable[bytes | float | None] = b"",
    ) -> Answer:
        """Send one request; a number in the body is a pause, and None is leaving."""
        pieces = iter([body] if isinstance(body, bytes) else body)
        pending = [next(pieces, b"")]

        async def receive() -> dict[str, Any]:
            while pending:
                piece = pending.pop()
                following = next(pieces, b"")
                if following != b"":
                    pending.append(following)
                if piece is None:
                    return {"type": "http.disconnect"}
                if isinstance(piece, float):
                    await asyncio.sleep(piece)
                    continue
                return {"type": "http.request", "body": piece, "more_body": bool(pending)}
            await asyncio.sleep(3600)
            raise AssertionError

        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (headers or {}).items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": raw,
            "server": ("testserver", 80),
            "client": ("127.0.0.1", 1),
        }
        await self.app(scope, receive, send)
        if not sent:
            return Answer(None, {}, b"")
        told = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))

    def figures(self) -> dict[str, float]:
        """Return every sample by its name and labels."""
        return {
            sample.name + "".join(f"|{value}" for _, value in sorted(sample.labels.items())): sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
        }

    async def _echo(self, request: Request) -> JSONResponse:
        length = len(await request.body())
        state = request.state
        limits = {"spans": state.limits.spans, "at_once": state.limits.at_once}
        return JSONResponse({"length": length, "key": state.key, "limits": limits})

    async def _slow(self, request: Request) -> JSONResponse:
        self.entered += 1
        await self.release.wait()
        return JSONResponse({})

    async def _stream(self, request: Request) -> StreamingResponse:
        async def words():
            for word in ("one ", "two ", "three"):
                yield word

        return StreamingResponse(words())

    async def _broken(self, request: Request) -> JSONResponse:
        raise RuntimeError("the secret words of a prompt")

    async def _cut(self, request: Request) -> StreamingResponse:
        async def words():
            yield "one "
            raise RuntimeError("the secret words of a prompt")

        return StreamingResponse(words())


@pytest.fixture(scope="session")
def serve() -> Callable[..., Served]:
    """Make an application behind guards with these options."""
    return Served
