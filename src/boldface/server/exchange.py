"""Answers on their way: from the thread that runs the model to the event loop that serves the client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest

from boldface.engine.batching import Piece, Request, Ticket
from boldface.errors import StoppedError, TimeoutReachedError
from boldface.server.hosting import Engine

Result = TypeVar("Result")


class Exchange:
    """The answers to one HTTP request, one a submitted request.

    Whoever makes one cancels it in the end; what has ended by then stays as it is.

    Args:
        scheduler: Runs the model.
        requests: What is to be answered; None is answered by nothing, at once.
        ended: Called with the last piece of every answer, also of those that were given up, and whose answer it is.

    Attributes:
        open: Answers whose last piece has not been taken.

    Raises:
        QueueFullError: There is no room for all of them; then none is run.
        BoldfaceError: One of them cannot be run.
    """

    def __init__(
        self, scheduler: Engine, requests: Sequence[Request | None], ended: Callable[[int, Piece], None]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[tuple[int, Piece]] = asyncio.Queue()
        self._tickets: list[Ticket] = []
        self._ended = ended
        self.open = len(requests)
        try:
            for index, request in enumerate(requests):
                if request is None:
                    self._arrive(index, Piece("", finish_reason="length"))
                else:
                    self._tickets.append(scheduler.submit(request, partial(self._hear, index)))
        except BaseException:
            self.cancel()
            raise

    def _hear(self, index: int, piece: Piece) -> None:
        """Take a piece over from the model's thread; a loop that has ended has no listeners any more."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._arrive, index, piece)

    def _arrive(self, index: int, piece: Piece) -> None:
        self._pieces.put_nowait((index, piece))
        if piece.finish_reason is not None:
            self._ended(index, piece)

    async def next(self, patience: float | None = None) -> tuple[int, Piece] | None:
        """Return the next piece and which answer it is of; None when there is none for ``patience`` seconds.

        Call it while answers are ``open``.
        """
        try:
            async with asyncio.timeout(patience):
                index, piece = await self._pieces.get()
        except TimeoutError:
            return None
        if piece.finish_reason is not None:
            self.open -= 1
        return index, piece

    def cancel(self) -> None:
        """Give up what has not ended."""
        for ticket in self._tickets:
            ticket.cancel()


def check_end(piece: Piece) -> None:
    """Raise what an answer ended by, unless it ended as an answer does.

    Raises:
        TimeoutReachedError: Its time was up.
        StoppedError: The server stopped.
        Exception: What went wrong with it.
    """
    if piece.finish_reason == "timeout":
        raise TimeoutReachedError("The time for this answer is up.", "Ask for fewer tokens, or when less is going on.")
    if piece.finish_reason == "cancelled":
        raise StoppedError("The server stopped before this answer had ended.", "Ask again in a while.")
    if piece.finish_reason == "error":
        raise piece.error or RuntimeError("the answer failed")


async def while_there(request: HttpRequest, work: asyncio.Task[Result]) -> Result:
    """Return what ``work`` returns, unless the client leaves before.

    Raises:
        ClientDisconnect: It has left; the work is cancelled and has ended.
    """
    left = asyncio.create_task(_left(request))
    try:
        await asyncio.wait({left, work}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise ClientDisconnect
        return work.result()
    finally:
        left.cancel()
        work.cancel()
        await asyncio.gather(left, work, return_exceptions=True)


async def _left(request: HttpRequest) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
