"""From the text of a profile file to what a profile is made of; every error names the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from boldface.errors import HeadError
from boldface.profiles.canary import Canary
from boldface.profiles.heads import HeadGains
from boldface.profiles.identity import Identity
from boldface.profiles.migrations import LATEST, migrate
from boldface.profiles.provenance import Cost, TaskUse
from boldface.profiles.schema import problem

HINT = "Name a shipped profile, a profile file, or a JSON file {layer: [heads]}."


def read(text: str, origin: str) -> dict[str, Any]:
    """Return the fields of a profile, of this or an older version of the file; ``origin`` names it in errors.

    A bare ``{layer: [heads]}`` gives gains, and a name from ``origin``.

    Raises:
        HeadError: The text is no profile.
    """
    content = parse_json(text, origin)
    if not isinstance(content, dict):
        raise HeadError(f"{origin} holds {type(content).__name__}, not a profile.", HINT)
    if "schema_version" not in content:
        return {"name": Path(origin).stem, "model": "", "gains": _gains(content, origin)}
    version = content["schema_version"]
    if type(version) is not int or not 1 <= version <= LATEST:
        newer = type(version) is int and version > LATEST
        raise HeadError(
            f"{origin} has schema_version {version!r}; this boldface reads 1 to {LATEST}.",
            "A newer boldface wrote it: update boldface." if newer else "Make the profile again.",
        )
    if isinstance(content.get("gains"), dict):
        gains = _gains(content["gains"], origin)  # first, because it knows better words for what is wrong
    try:
        wrong = problem(content, version)
    except RecursionError:
        wrong = "it is nested too deeply"
    if wrong is not None:
        raise HeadError(f"{origin}: {wrong}.", "Compare with a shipped profile: boldface profiles show --json NAME.")
    del content["schema_version"]
    fields = migrate(content, version) | {"gains": gains}
    try:
        return fields | _parts(fields)
    except HeadError as error:
        raise HeadError(f"{origin}: {error.message}", error.hint) from error


def _parts(fields: Mapping[str, Any]) -> dict[str, Any]:
    identity, cost = fields.get("identity"), fields.get("cost")
    return {
        "identity": identity and Identity(**identity),
        "cost": cost and Cost(**cost),
        "tasks": tuple(TaskUse(**task) for task in fields.get("tasks", ())),
        "canaries": tuple(
            Canary(**canary | {"spans": tuple((start, end) for start, end in canary["spans"])})
            for canary in fields.get("canaries", ())
        ),
    }


def parse_json(text: str, origin: str) -> Any:
    """Return what a JSON text holds.

    Raises:
        HeadError: It is not JSON, or an object in it names a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise HeadError(f"{origin} is not JSON: {error}.", HINT) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key stands there twice")
    return content


def _gains(layers: dict[Any, Any], origin: str) -> HeadGains:
    try:
        return HeadGains.from_layers(layers)
    except (HeadError, TypeError) as error:
        message = error.message if isinstance(error, HeadError) else str(error)
        raise HeadError(f"{origin} holds no readable head gains: {message}", HINT) from error
