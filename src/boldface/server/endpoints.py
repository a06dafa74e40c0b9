"""What the descriptions of the endpoints have in common."""

from __future__ import annotations

from typing import Any, cast

from fastapi import Request

from boldface.server.service import Service
from boldface.server.shapes import Faulty

REFUSED: dict[int | str, dict[str, Any]] = {"4XX": {"model": Faulty, "description": "The request is refused."}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    **REFUSED,
    "5XX": {"model": Faulty, "description": "The server stops, or something went wrong with it."},
}


def service_of(request: Request) -> Service:
    """Return what the endpoints of this application share."""
    return cast(Service, request.app.state.service)


def streamed(part: str) -> dict[str, Any]:
    """Describe the answer that is a stream of events."""
    words = f"Events, each a {part} as JSON behind 'data: '; the last is [DONE]."
    return {"content": {"text/event-stream": {"schema": {"type": "string", "description": words}}}}
