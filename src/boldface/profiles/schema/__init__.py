"""What a profile file may hold, as JSON Schemas, one file a version, and the check of a content against them.

The check knows the keywords that these schemas use, no others: profiles are read without a library for it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}
"""What JSON's types are in Python; true and false are numbers there, and no profile has them."""


@cache
def schema(version: int) -> Mapping[str, Any]:
    """Return the JSON Schema of a version."""
    content: dict[str, Any] = json.loads((resources.files(__package__) / f"{version}.json").read_text("utf-8"))
    return content


def problem(content: Any, version: int) -> str | None:
    """Say the first thing that is wrong with the content of a profile file; None when nothing is."""
    whole = schema(version)
    return next(_problems(content, whole, whole, ""), None)


def _problems(value: Any, rule: Mapping[str, Any], whole: Mapping[str, Any], at: str) -> Iterator[str]:
    if "$ref" in rule:
        rule = whole["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    if "anyOf" in rule:
        found = [list(_problems(value, one, whole, at)) for one in rule["anyOf"]]
        fitting = next((one for one in rule["anyOf"] if _is(value, one, whole)), rule["anyOf"][0])
        yield from found[rule["anyOf"].index(fitting)] if all(found) else ()
        return
    said = f"{at or 'it'} is {_short(value)}"
    if not _is(value, rule, whole):
        yield f"{said}, not {' or '.join(_types(rule))}"
    elif "const" in rule and (value != rule["const"] or isinstance(value, bool)):
        yield f"{said}, not {rule['const']!r}"
    elif "enum" in rule and value not in rule["enum"]:
        yield f"{said}, not {' or '.join(map(repr, rule['enum']))}"
    elif isinstance(value, str) and "pattern" in rule and not re.search(rule["pattern"], value):
        yield f"{said}, which does not fit {rule['pattern']}"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{said}, not a finite number"
    elif isinstance(value, int | float) and value < rule.get("minimum", -math.inf):
        yield f"{said}, less than {rule['minimum']}"
    elif isinstance(value, list):
        yield from _in_list(value, rule, whole, at)
    elif isinstance(value, dict):
        yield from _in_object(value, rule, whole, at)


def _in_list(value: list[Any], rule: Mapping[str, Any], whole: Mapping[str, Any], at: str) -> Iterator[str]:
    if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", math.inf):
        yield f"{at} has {len(value)} items, not {rule['minItems']}"
    for place, item in enumerate(value):
        yield from _problems(item, rule.get("items", {}), whole, f"{at}[{place}]")


def _in_object(value: dict[str, Any], rule: Mapping[str, Any], whole: Mapping[str, Any], at: str) -> Iterator[str]:
    known, more = rule.get("properties", {}), rule.get("additionalProperties", True)
    inside = f" in {at}" if at else ""
    if more is False and (wrong := sorted(value.keys() - known.keys())):
        yield f"unknown fields{inside}: {', '.join(wrong)}"
    if missing := [name for name in rule.get("required", ()) if name not in value]:
        yield f"it lacks {', '.join(missing)}{inside}"
    for name, item in value.items():
        path = f"{at}.{name}" if at else name
        yield from _problems(name, rule.get("propertyNames", {}), whole, f"the name {path}")
        yield from _problems(item, known.get(name, more if isinstance(more, Mapping) else {}), whole, path)


def _types(rule: Mapping[str, Any]) -> list[str]:
    types = rule.get("type", [])
    return [types] if isinstance(types, str) else types


def _is(value: Any, rule: Mapping[str, Any], whole: Mapping[str, Any]) -> bool:
    if "$ref" in rule:
        rule = whole["$defs"][rule["$ref"].removeprefix("#/$defs/")]
    types = _types(rule)
    return not types or (not isinstance(value, bool) and any(isinstance(value, _KINDS[one]) for one in types))


def _short(value: Any) -> str:
    said = repr(value)
    return said if len(said) <= 60 else f"{said[:57]}…"
