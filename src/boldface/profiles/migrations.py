"""Migrations: a profile file of an older version becomes one of this version, one step a version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

LATEST = 2
"""The schema_version that is written."""


def migrate(content: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Return the content of a file as :data:`LATEST` has it.

    Args:
        content: Valid content of ``version``, without its schema_version.
        version: From 1 to :data:`LATEST`.
    """
    newer = dict(content)
    for step in range(version, LATEST):
        newer = _STEPS[step](newer)
    return newer


def _from_1(content: dict[str, Any]) -> dict[str, Any]:
    """What a profile was trained on was free text and figures; tasks with their rows have fields of their own now."""
    settings = content.pop("trained_on", {})
    return content | {"settings": settings}


_STEPS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
