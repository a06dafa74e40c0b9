"""Answers on their way: from the thread that runs the model to the event loop that serves the client."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest

from boldface.engine.batching import Piece, Request, Ticket
from boldface.errors import BoldfaceError, QueueFullError, StoppedError, TimeoutReachedError
from boldface.server.hosting import Engine

Result = TypeVar("Result")

_PATIENCE = 1.0
"""Seconds after which an answer that waits for a place, while none of its request runs, asks for one again."""


class Exchange:
    """The answers to one HTTP request, one a submitted request.

    Those for which there is no room wait here, and are submitted as the others end: the first of them has a place, and
    that place goes from one to the next. Whoever makes one cancels it in the end; what has ended by then stays as it
    is.

    Args:
        scheduler: Runs the model.
        requests: What is to be answered; None is answered by nothing, at once.
        ended: Called with the last piece of every answer, also of those that were given up, and whose answer it is.

    Attributes:
        open: Answers whose last piece has not been taken.

    Raises:
        QueueFullError: There is no room for any of them; then none is run.
        BoldfaceError: One of them cannot be run.
    """

    def __init__(
        self, scheduler: Engine, requests: Sequence[Request | None], ended: Callable[[int, Piece], None]
    ) -> None:
        self._scheduler, self._ended = scheduler, ended
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[tuple[int, Piece]] = asyncio.Queue()
        self._tickets: list[Ticket] = []
        self._waiting: deque[tuple[int, Request]] = deque()
        self._running = 0
        self.open = len(requests)
        for index, request in enumerate(requests):
            if request is None:
                self._arrive(index, Piece("", finish_reason="length"))
            else:
                self._waiting.append((index, request))
        try:
            self._submit()
        except QueueFullError:
            if not self._running:
                raise
        except BaseException:
            self._waiting.clear()
            self.cancel()
            raise

    def _submit(self) -> None:
        """Submit those that wait, in their order, as far as there is room.

        Raises:
            QueueFullError: There is none for the next one.
            BoldfaceError: It cannot be run.
        """
        while self._waiting:
            index, request = self._waiting[0]
            self._tickets.append(self._scheduler.submit(request, partial(self._hear, index)))
            self._waiting.popleft()
            self._running += 1

    def _submit_more(self) -> None:
        """Submit those that wait when there may be room again; others may have been quicker."""
        while self._waiting:
            try:
                return self._submit()
            except QueueFullError as full:
                deadline = self._waiting[0][1].deadline
                if deadline is None or time.monotonic() < deadline:
                    if not self._running:
                        self._loop.call_later(min(full.retry_after, _PATIENCE), self._submit_more)
                    return None
                piece = Piece("", finish_reason="timeout")
            except StoppedError:
                piece = Piece("", finish_reason="cancelled")
            except BoldfaceError as error:
                piece = Piece("", finish_reason="error", error=error)
            self._arrive(self._waiting.popleft()[0], piece)

    def _hear(self, index: int, piece: Piece) -> None:
        """Take a piece over from the model's thread; a loop that has ended has no listeners any more."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._heard, index, piece)

    def _heard(self, index: int, piece: Piece) -> None:
        self._arrive(index, piece)
        if piece.finish_reason is not None:
            self._running -= 1
            self._submit_more()

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
        while self._waiting:
            index, _ = self._waiting.popleft()
            self._arrive(index, Piece("", finish_reason="cancelled"))
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
