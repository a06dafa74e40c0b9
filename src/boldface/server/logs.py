"""Logs: one JSON object a line, with the request's id, and no words of prompts or answers unless they are asked for."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

LOGGER = logging.getLogger("boldface.server")

current_request: ContextVar[str | None] = ContextVar("current_request", default=None)
"""Id of the request that is being answered."""


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON: ``time``, ``level``, ``event``, ``request_id`` and what ``facts`` it has.

    Of an exception it writes the kind and the places, not the message, which may quote what somebody sent.

    Args:
        texts: Write messages of exceptions too.
    """

    def __init__(self, *, texts: bool = False) -> None:
        super().__init__()
        self.texts = texts

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {"time": when, "level": record.levelname.lower(), "logger": record.name}
        line["event"] = record.getMessage()
        if (request := current_request.get()) is not None:
            line["request_id"] = request
        line |= {name: value for name, value in getattr(record, "facts", {}).items() if name not in line}
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = self._exception(record.exc_info[1])
        # What is half of a surrogate pair becomes its escape, which is JSON too.
        return json.dumps(line, ensure_ascii=False, default=str).encode("utf-8", "backslashreplace").decode()

    def _exception(self, error: BaseException) -> dict[str, Any]:
        frames = traceback.extract_tb(error.__traceback__)
        told: dict[str, Any] = {
            "kind": type(error).__name__,
            "at": [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames],
        }
        if self.texts:
            told["message"] = str(error)
        if (cause := error.__cause__ or error.__context__) is not None and not error.__suppress_context__:
            told["after"] = type(cause).__name__
        return told


def start(level: str = "info", *, texts: bool = False, stream: TextIO | None = None) -> None:
    """Write the logs of the server, and of what carries it, as lines of JSON.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        texts: Write messages of exceptions too, which may quote prompts.
        stream: Where to; standard error unless given.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines(texts=texts))
    for name in ("boldface", "uvicorn", "uvicorn.error"):
        logger = logging.getLogger(name)
        logger.handlers = [handler] if name != "uvicorn.error" else []
        logger.propagate = name == "uvicorn.error"
        logger.setLevel(level.upper())
    logging.getLogger("uvicorn.access").disabled = True  # every request has a line of ours


def tell(event: str, facts: Mapping[str, Any], level: int = logging.INFO) -> None:
    """Log an event with its facts."""
    LOGGER.log(level, event, extra={"facts": dict(facts)})
