"""Which names the server answers to: a page of somebody else's must not reach it by a name of its own making."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from boldface.errors import RequestError
from boldface.server.refuse import Refuse, turn_away

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


def is_loopback(host: str) -> bool:
    """Whether an address that somebody listens at is reached from this machine alone."""
    return named(host) in LOOPBACK or host.startswith("127.")


def named(host: str) -> str:
    """Return an address as it stands in a request's ``Host``."""
    return f"[{host}]" if ":" in host else host


def names_of(host: str, allowed: Collection[str]) -> list[str] | None:
    """Return the names that a server listening at an address answers to; None for any.

    No page can call its own machine ``localhost`` or by a number, so that these may stay where others are limited.

    Args:
        host: The address.
        allowed: More names; none of them, at an address that others reach, is no limit.
    """
    return [*LOOPBACK, named(host), *allowed] if allowed or is_loopback(host) else None


class HostGuard:
    """Turns away requests to other names than the server's own (DNS rebinding).

    Args:
        app: What stands behind it.
        names: The names, without ports.
        refuse: Makes the answer to the others.
    """

    def __init__(self, app: ASGIApp, *, names: Collection[str], refuse: Refuse) -> None:
        self.app, self.names, self.refuse = app, frozenset(name.lower() for name in names), refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] == "http" and self._name(scope) not in self.names:
            error = RequestError(
                "This server does not answer to that name.", "Allow it with --allow-host.", code="unknown_host"
            )
            return await turn_away(error, self.refuse, scope, receive, send)
        await self.app(scope, receive, send)

    def _name(self, scope: Scope) -> str:
        host = Headers(scope=scope).get("host", "").lower()
        return host if host.endswith("]") else host.rsplit(":", 1)[0]
