"""Streams of events end with their client, also with one that stays and reads no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from boldface.server import sse
from boldface.server.sse import EventStream, event


async def _events() -> AsyncIterator[bytes]:
    for number in range(5):
        yield event(number)


async def _never() -> dict[str, Any]:
    await asyncio.Event().wait()
    return {}


@pytest.mark.parametrize("version", ["2.3", "2.4"])
@pytest.mark.parametrize("read", [2, 9])
def test_a_client_that_reads_no_more_is_left(version: str, read: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is given up once; one that reads gets all."""
    monkeypatch.setattr(sse, "PATIENCE", 0.05)
    ended: list[bool] = []
    sent: list[Any] = []

    async def send(message: Any) -> None:
        if len(sent) == read:
            await asyncio.Event().wait()
        sent.append(message)

    stream = EventStream(_events(), lambda: ended.append(True))
    scope = {"type": "http", "asgi": {"spec_version": version}}
    asyncio.run(asyncio.wait_for(stream(scope, _never, send), 5))

    assert ended == [True]
    assert len(sent) == min(read, 1 + 5 + 1)
