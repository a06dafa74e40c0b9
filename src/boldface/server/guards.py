"""Guards before the application: who asks, how many requests of theirs run at once, how long a body may be.

They stand in the order in which they cost least: a stranger is turned away before anything of a body is read, and a
long body before anything of it is parsed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from boldface.errors import BodyLimitError, KeyFileError, KeyRefusedError, QueueFullError, ServingError, SlowBodyError
from boldface.server.keys import Key, KeyRing
from boldface.server.limits import RequestLimits
from boldface.server.logs import tell
from boldface.server.refuse import Refuse, turn_away

OPEN = ("/", "/health", "/assets/")
"""What may be looked at without a key; an end in ``/`` opens everything below it, but for ``/`` itself."""

BODILESS = ("GET", "HEAD")
"""Methods whose bodies nobody looks at, so that none is read."""

BODY_BYTES = 2_000_000
BODY_SECONDS = 30.0


class KeyGuard:
    """Lets in who has a key, and as many requests of theirs at once as it allows.

    The request's ``state`` gets ``limits`` (:class:`RequestLimits`) and ``key`` (its name, or None).

    Args:
        app: What stands behind it.
        ring: The keys; None lets everybody in, who then share one count of requests.
        limits: Of the server; a key's own come before them.
        refuse: Makes the answer to who stays outside.
        opened: Paths that may be looked at without a key.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        ring: KeyRing | None,
        limits: RequestLimits,
        refuse: Refuse,
        opened: Sequence[str] = OPEN,
    ) -> None:
        self.app, self.ring, self.limits, self.refuse, self.opened = app, ring, limits, refuse, tuple(opened)
        self._inside: Counter[str | None] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        try:
            key = self._key(scope)
            limits = self.limits.but(key.limits) if key else self.limits
        except Exception as error:
            return await turn_away(error, self.refuse, scope, receive, send)
        name = key.name if key else None
        scope["state"].update(limits=limits, key=name)
        if scope["method"] != "POST":
            return await self.app(scope, receive, send)
        if limits.at_once is not None and self._inside[name] >= limits.at_once:
            full = QueueFullError(
                f"{limits.at_once} requests of yours run already.", "Wait for one of them to end, and ask again."
            )
            return await turn_away(full, self.refuse, scope, receive, send)
        with self._place(name):
            await self.app(scope, receive, send)

    def _key(self, scope: Scope) -> Key | None:
        """Return whose request it is; None where nobody is asked."""
        if self.ring is None or (scope["method"] in BODILESS and self._opens(scope["path"])):
            return None
        scheme, _, secret = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret.strip():
            raise KeyRefusedError("This server wants a key.", "Send it as: Authorization: Bearer KEY")
        try:
            return self.ring.find(secret.strip())
        except KeyFileError as error:
            tell("keys cannot be read", {"reason": error.message}, level=logging.ERROR)
            # Who asks is told neither the file nor what is in it.
            raise KeyFileError("The server cannot read its keys.", "Tell whoever runs it.") from error

    def _opens(self, path: str) -> bool:
        return any(path == one or (len(one) > 1 and one.endswith("/") and path.startswith(one)) for one in self.opened)

    @contextmanager
    def _place(self, name: str | None) -> Iterator[None]:
        self._inside[name] += 1
        try:
            yield
        finally:
            self._inside[name] -= 1
            if not self._inside[name]:
                del self._inside[name]


class BodyGuard:
    """Reads bodies of bounded length in bounded time, before anything looks at them.

    Args:
        app: What stands behind it.
        refuse: Makes the answer to a body that is too long or too slow.
        most: Bytes.
        seconds: From the first to the last of them.
    """

    def __init__(self, app: ASGIApp, *, refuse: Refuse, most: int = BODY_BYTES, seconds: float = BODY_SECONDS) -> None:
        self.app, self.refuse, self.most, self.seconds = app, refuse, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its whole body, or answer it; who has left gets neither."""
        if scope["type"] != "http" or scope["method"] in BODILESS:
            return await self.app(scope, receive, send)
        try:
            body = await self._read(scope, receive)
        except ServingError as error:
            return await turn_away(error, self.refuse, scope, receive, send)
        if body is None:
            return None
        whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return whole.pop() if whole else await receive()

        await self.app(scope, again, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        """Return the body; None when its sender has left."""
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self.most:
            raise self._too_long()
        body = bytearray()
        try:
            async with asyncio.timeout(self.seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return None
                    body += message.get("body", b"")
                    if len(body) > self.most:
                        raise self._too_long()
                    if not message.get("more_body", False):
                        return bytes(body)
        except TimeoutError:
            raise SlowBodyError(
                f"The body of the request did not arrive within {self.seconds:g} seconds.", "Send it at once."
            ) from None

    def _too_long(self) -> BodyLimitError:
        return BodyLimitError(f"The body of the request is longer than {self.most:,} bytes.", "Send less text.")
