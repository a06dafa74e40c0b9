"""Watches every request from the outside: gives it an id and a journal, and tells how it went."""

from __future__ import annotations

import re
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from boldface.server.journal import Journal
from boldface.server.logs import LOGGER, current_request, tell
from boldface.server.metrics import METHODS, OTHER, Metrics
from boldface.server.refuse import Refuse, turn_away
from boldface.server.tracing import Traces

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
QUIET = frozenset({"/health", "/metrics"})
"""Paths that are asked all the time; while they answer well, no line tells of them."""


class Observer:
    """Stands around the whole application.

    The request's ``state`` gets a ``journal``. An error that nobody answered becomes an answer here, so that even that
    one has an id, a line and a count.

    Args:
        app: What stands behind it.
        metrics: Counts.
        refuse: Makes the answer to an error that nobody answered.
        traces: Makes spans; None makes none.
        texts: Log what people and the model wrote.
    """

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, refuse: Refuse, traces: Traces | None = None, texts: bool = False
    ) -> None:
        self.app, self.metrics, self.refuse, self.traces, self.texts = app, metrics, refuse, traces, texts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and tell how it went."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        journal = Journal(self.metrics, given if _ID.fullmatch(given) else uuid.uuid4().hex, texts=self.texts)
        scope.setdefault("state", {})["journal"] = journal
        token = current_request.set(journal.request_id)
        method = scope["method"] if scope["method"] in METHODS else OTHER
        span = self.traces.begin(method, headers) if self.traces else None
        said = _Said(send, journal.request_id)
        self.metrics.opened()
        try:
            await self._pass(scope, receive, said, journal)
        finally:
            route = getattr(scope.get("route"), "path", None)
            self.metrics.closed(method, route, said.code)
            if self.traces and span is not None:
                self.traces.end(span, journal, method=method, route=route, code=said.code)
            self._tell(scope, journal, said)
            current_request.reset(token)

    async def _pass(self, scope: Scope, receive: Receive, said: _Said, journal: Journal) -> None:
        try:
            await self.app(scope, receive, said)
        except Exception as error:
            LOGGER.error("unforeseen", exc_info=error)
            if said.code != UNSAID:
                journal.failed(error)
                raise  # the answer has begun: all that is left is to break it off
            await turn_away(error, self.refuse, scope, receive, said)

    def _tell(self, scope: Scope, journal: Journal, said: _Said) -> None:
        if scope["path"] in QUIET and said.code < 400:
            return
        facts = {
            "method": scope["method"],
            "path": scope["path"][:200],
            "code": said.code,
            "seconds": round(journal.seconds, 4),
            "bytes": said.bytes,
            "key": scope["state"].get("key"),
            **journal.facts,
            **(journal.texts or {}),
        }
        tell("request", facts)


UNSAID = 499
"""Code of a request that was left before it was answered, as proxies count it."""


class _Said:
    """Sends an answer on with its request's id, and notes its code and length."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send, self._id = send, request_id
        self.code, self.bytes = UNSAID, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.code = message["status"]
            message.setdefault("headers", [])
            MutableHeaders(scope=message)["x-request-id"] = self._id
        else:
            self.bytes += len(message.get("body", b""))
        await self._send(message)
