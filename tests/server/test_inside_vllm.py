"""The middleware inside vLLM's server: where it cannot do what it is for, the server does not start."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from boldface.server.inside_vllm import OTHERS, Emphasis


def test_a_server_that_cannot_read_emphasis_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why by the protocol: what is raised there would be taken for an application without a start."""
    monkeypatch.delenv("BOLDFACE_VLLM", raising=False)
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def app(*_: Any) -> None:
        raise AssertionError("vLLM was started")

    scope = {"type": "lifespan", "app": SimpleNamespace(state=SimpleNamespace())}
    asyncio.run(Emphasis(app)(scope, receive, send))
    (message,) = sent
    assert message["type"] == "lifespan.startup.failed"
    assert message["message"].startswith("boldface: ")


@pytest.mark.parametrize("path", OTHERS)
def test_emphasis_where_it_is_not_read_is_refused(path: str) -> None:
    """And a body without any passes."""
    sent: list[Any] = []
    passed: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        passed.append((await receive())["body"])

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask(body: bytes) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        scope = {"type": "http", "method": "POST", "path": path, "headers": [], "state": {}}
        await Emphasis(app)(scope, receive, send)

    asyncio.run(ask(b'{"messages": [{"role": "user", "content": "a", "emphasis": true}]}'))
    assert not passed
    assert sent[0]["status"] == 400
    asyncio.run(ask(b'{"messages": []}'))
    assert passed == [b'{"messages": []}']
