"""Turning a request away before it reaches the application."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Receive, Scope, Send

Refuse = Callable[[Exception], ASGIApp]
"""Makes the answer that tells an error."""


async def turn_away(error: Exception, refuse: Refuse, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with an error, and have the request's journal tell it."""
    scope["state"]["journal"].failed(error)
    await refuse(error)(scope, receive, send)
