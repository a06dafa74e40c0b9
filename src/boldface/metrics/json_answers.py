"""Scores of answers that should be JSON: the published ones, and the strict ones beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Sequence
from typing import Any


def holds_object(text: str) -> bool:
    """Tell whether some substring from a ``{`` to a ``}`` parses (PASTA's *format accuracy*; ``{}`` is enough)."""
    return next(_objects(text), None) is not None


def names_title(text: str, titles: Collection[str]) -> bool:
    """Tell whether a parsed substring has a value that contains a title in any case (PASTA's *prediction accuracy*)."""
    wanted = [title.lower() for title in titles]
    values = (value.lower() for found in _objects(text) for value in found.values() if isinstance(value, str))
    return any(title in value for value in values for title in wanted)


def only_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that the whole text is, space around it apart; None when it is anything else.

    A code fence, an introduction, a key given twice and ``NaN`` are something else.
    """
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def has_keys(value: dict[str, Any] | None, keys: Sequence[str]) -> bool:
    """Tell whether an object has exactly these keys; with none asked, any that are not empty."""
    return value is not None and (value.keys() == set(keys) if keys else bool(value))


def states(value: object, words: str) -> bool:
    """Tell whether a string holds all the words in any case and order (*Evans Russ Mensah* states *Evans Mensah*)."""
    return isinstance(value, str) and _words(words) <= _words(value)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Yield what parses from each ``{``: an object ends where it ends, so no other ``}`` need be tried."""
    decode = json.JSONDecoder().raw_decode
    for start in re.finditer("{", text):
        try:
            yield decode(text, start.start())[0]
        except (ValueError, RecursionError):
            continue


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key is given twice")
    return dict(pairs)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
