"""What every HTML page is made with: templates that trust no text, and facts by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def templates(*packages: str) -> Environment:
    """Return the templates of some packages, the first that has one counts.

    All they are given is escaped, because answers and prompts are nobody's markup; a name that is missing is an error.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package) for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def flat_facts(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return facts by name; those inside others are called after both."""
    found: list[tuple[str, str]] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            found += [(f"{name}, {inner}", text) for inner, text in flat_facts(value)]
        else:
            found.append((name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)))
    return found
