"""The playground at ``/``: static files, and headers that let the page run nothing but itself."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from fastapi import FastAPI, Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Message, Receive, Scope, Send

HEADERS = {
    "content-security-policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}
ABSENT = "boldface serves an OpenAI-compatible API at /v1; its page is not part of this installation.\n"


def install(app: FastAPI) -> None:
    """Put the page at ``/`` and its files below ``/assets/``; where it is not installed, a sentence says so."""
    folder = Path(str(resources.files("boldface.server"))) / "playground"
    index = folder / "index.html"

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        if not index.is_file():
            return PlainTextResponse(ABSENT, headers=HEADERS)
        return FileResponse(index, headers={**HEADERS, "cache-control": "no-cache"})

    if (folder / "assets").is_dir():
        app.mount("/assets", Assets(directory=folder / "assets"))


class Assets(StaticFiles):
    """Files of the page, with its headers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a file."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    *((name.encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        await super().__call__(scope, receive, guarded)
