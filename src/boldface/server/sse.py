"""Server-sent events: parts of an answer as they come, and a sign of life where none come for a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from boldface.server.faults import dumps

ALIVE = b": alive\n\n"
DONE = b"data: [DONE]\n\n"
SILENCE = 15.0
"""Seconds after which a comment tells proxies and clients that the answer still comes."""
PATIENCE = 60.0
"""Seconds that a client may leave unread what was sent; then the stream is broken off."""


class EventStream(StreamingResponse):
    """A stream of events; nothing on its way may keep or gather it.

    Args:
        events: The events as bytes.
        ended: Called when the stream has ended, however it did; even when its client left before it began.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterator[bytes], ended: Callable[[], None]) -> None:
        super().__init__(events, headers={"cache-control": "no-store", "x-accel-buffering": "no"})
        self._ended = ended

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events until they end, the client leaves, or it reads no more."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(PATIENCE):
                await send(message)

        try:
            with suppress(TimeoutError, ClientDisconnect):
                await super().__call__(scope, receive, send_in_time)
        finally:
            self._ended()


def event(content: Any) -> bytes:
    """Return JSON as one event."""
    return b"data: " + dumps(content) + b"\n\n"
