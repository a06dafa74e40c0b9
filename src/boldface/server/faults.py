"""Errors as OpenAI's clients read them: ``{"error": {"message", "type", "param", "code"}}`` and a status.

Which error of ours becomes which status is said in one table. What nobody foresaw is told to the log, not to clients.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from boldface.errors import (
    AlignmentError,
    BodyLimitError,
    BoldfaceError,
    ContextLengthError,
    EmphasisError,
    HeadError,
    KeyFileError,
    KeyRefusedError,
    LimitError,
    ModelBusyError,
    ModelError,
    NothingSteeredError,
    QueueFullError,
    RequestError,
    RouteError,
    SlowBodyError,
    StoppedError,
    TimeoutReachedError,
    UnknownModelError,
)
from boldface.server.neutral import WHY
from boldface.server.shapes import Fault, Faulty

INVALID, DENIED, BUSY, OURS = "invalid_request_error", "authentication_error", "rate_limit_error", "server_error"


class Kind(NamedTuple):
    """What an error is to a client.

    Attributes:
        status: Of HTTP.
        type: OpenAI's word for the kind.
        code: Ours, for programs.
        param: The field that is to blame, unless the error names one.
    """

    status: int
    type: str
    code: str
    param: str | None = None


KINDS: tuple[tuple[type[BaseException], Kind], ...] = (
    (KeyRefusedError, Kind(401, DENIED, "invalid_api_key")),
    (KeyFileError, Kind(503, OURS, "keys_unreadable")),
    (BodyLimitError, Kind(413, INVALID, "body_too_large")),
    (LimitError, Kind(400, INVALID, "limit_exceeded")),
    (SlowBodyError, Kind(408, INVALID, "body_too_slow")),
    (QueueFullError, Kind(429, BUSY, "queue_full")),
    (UnknownModelError, Kind(404, INVALID, "model_not_found", "model")),
    (RequestError, Kind(400, INVALID, "invalid_value")),
    (TimeoutReachedError, Kind(408, INVALID, "timeout")),
    (StoppedError, Kind(503, OURS, "shutting_down")),
    (ContextLengthError, Kind(400, INVALID, "context_length_exceeded")),
    (AlignmentError, Kind(400, INVALID, "invalid_prompt")),
    (EmphasisError, Kind(400, INVALID, "invalid_emphasis", "boldface")),
    (HeadError, Kind(400, INVALID, "invalid_profile", "boldface.profile")),
    (NothingSteeredError, Kind(400, INVALID, "nothing_steered", "boldface")),
    (RouteError, Kind(400, INVALID, "unsupported", "boldface")),
    (ModelBusyError, Kind(503, OURS, "model_busy")),
    (ModelError, Kind(400, INVALID, "invalid_value")),
)
"""The first that fits counts; anything else is ours, and a 500."""

UNFORESEEN = Kind(500, OURS, "internal_error")
_EITHER = "Input should be text or a list"
_PLACE = re.compile(r"(?:messages|boldface|prompt)(?:\[\d+\]|\.[a-z_]+)*")


class FaultResponse(Response):
    """An error as an answer."""

    media_type = "application/json"

    def __init__(self, fault: Fault, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(dumps({"error": fault}), status, headers)


def dumps(content: Any) -> bytes:
    """Return JSON as bytes; halves of surrogate pairs that somebody sent stay escaped."""
    try:
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


def respond(error: BaseException) -> FaultResponse:
    """Return the answer that tells an error."""
    fault, status = describe(error)
    headers = {}
    if isinstance(error, QueueFullError):
        headers["retry-after"] = str(max(1, math.ceil(error.retry_after)))
    if isinstance(error, KeyRefusedError):
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, TimeoutReachedError):
        headers["x-should-retry"] = "false"  # what took too long once takes too long again
    return FaultResponse(fault, status, headers)


def describe(error: BaseException) -> tuple[Fault, int]:
    """Return an error in OpenAI's shape, and its status."""
    kind = next((kind for known, kind in KINDS if isinstance(error, known)), UNFORESEEN)
    if kind is UNFORESEEN or not isinstance(error, BoldfaceError):
        return _fault("Something went wrong on the server; its log knows more.", UNFORESEEN), UNFORESEEN.status
    param = getattr(error, "param", None) or _place(error.message) or kind.param
    code = getattr(error, "code", None) or kind.code
    return _fault(str(error), kind._replace(param=param, code=code)), kind.status


def install(app: FastAPI) -> None:
    """Have an application answer every error in this shape."""
    app.add_exception_handler(BoldfaceError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _ours(request: Request, error: Exception) -> Response:
    return _noted(request, error, respond(error))


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fault = read_errors(error.errors())
    return _noted(request, error, FaultResponse(fault, 400))


async def _http(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses: no such page, no such method, a body that is no JSON."""
    assert isinstance(error, HTTPException)
    words = {
        400: "The body is not JSON that can be read.",
        404: f"There is nothing at {request.url.path}.",
        405: f"{request.method} cannot be done at {request.url.path}.",
    }
    kind = Kind(
        error.status_code, INVALID, {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http")
    )
    fault = _fault(words.get(error.status_code, str(error.detail)), kind)
    return _noted(request, error, FaultResponse(fault, error.status_code, error.headers))


def _noted(request: Request, error: Exception, answer: Response) -> Response:
    journal = getattr(request.state, "journal", None)
    if journal is not None:
        journal.failed(error)
    return answer


def read_errors(errors: Sequence[Mapping[str, Any]]) -> Fault:
    """Return what is wrong with a body, in the words of its first error."""
    first = errors[0]
    kind, place = str(first["type"]), [step for step in first["loc"][1:] if not str(step).startswith("<")]
    if kind == "json_invalid":
        return _fault(f"The body is not JSON: {first['ctx']['error']}.", Kind(400, INVALID, "invalid_json"))
    if kind == "unknown_field":
        place.append(first["ctx"]["field"])
    param = _param(place)
    field = str(place[-1]) if place else ""
    if field in WHY and kind != "missing":
        words = f"{param} is not supported. {WHY[field]}"
        return _fault(words, Kind(400, INVALID, "unsupported_parameter", param))
    if kind == "unknown_field":
        return _fault(f"There is no field {param!r}.", Kind(400, INVALID, "unknown_parameter", param))
    if kind == "missing" or not place:
        words = f"{param!r} is missing." if place else "The body is not a JSON object; send application/json."
        return _fault(words, Kind(400, INVALID, "missing_parameter", param or None))
    words = _EITHER if kind == "list_type" and field in ("content", "stop") else str(first["msg"])
    if kind == "literal_error" and field == "type":
        words += "; only text can be read"
    return _fault(f"{param}: {words}.", Kind(400, INVALID, "invalid_value", param))


def _fault(message: str, kind: Kind) -> Fault:
    return {"message": message, "type": kind.type, "param": kind.param, "code": kind.code}


def error_body(error: BaseException) -> Faulty:
    """Return an error as a part of a stream."""
    return {"error": describe(error)[0]}


def _param(place: Sequence[int | str]) -> str:
    """Write the place of a field: ``messages[0].content``."""
    words = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place)
    return words.removeprefix(".")[:200]


def _place(message: str) -> str | None:
    """Return the field that an error's message begins with."""
    found = _PLACE.match(message)
    return found[0] if found else None
