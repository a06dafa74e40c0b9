"""The prompts of ``boldface demo``, and what tells whether an answer follows the emphasis."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple


class Verdict(NamedTuple):
    """Whether an answer follows the emphasis, and what was seen."""

    follows: bool
    seen: str


@dataclass(frozen=True)
class Showcase:
    """A prompt in markup whose answer can be judged.

    Attributes:
        prompt: Marked-up text.
        judge: Judges an answer; None where only a person can.
        tokens: Longest answer; base models seldom end by themselves.
    """

    prompt: str
    judge: Callable[[str], Verdict] | None = None
    tokens: int = 80


def is_json(*keys: str) -> Callable[[str], Verdict]:
    """Judge whether an answer is, as a whole, one JSON object with these keys (each once) and words as values."""

    def judge(answer: str) -> Verdict:
        try:
            content = json.loads(answer, object_pairs_hook=_unique)
        except _Repeated:
            return Verdict(False, "JSON, but a key stands there twice")
        except ValueError:
            return Verdict(False, "not JSON")
        if not isinstance(content, dict) or sorted(content) != sorted(keys):
            return Verdict(False, f"JSON, but not {' and '.join(keys)}")
        if not all(isinstance(value, str) and value for value in content.values()):
            return Verdict(False, "JSON, but its values are no words")
        return Verdict(True, f"JSON with {' and '.join(keys)}")

    return judge


def says(new: str, old: str) -> Callable[[str], Verdict]:
    """Judge whether an answer names ``new`` and does not name ``old``, or not before it."""

    def judge(answer: str) -> Verdict:
        first = re.search(rf"\b({re.escape(new)}|{re.escape(old)})\b", answer)
        if first is None:
            return Verdict(False, f"says neither {new} nor {old}")
        return Verdict(first[1] == new, f"says {first[1]}")

    return judge


class _Repeated(Exception):
    """A key of an object stands there twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise _Repeated
    return content


_JSON = is_json("name", "occupation")

SHOWCASES: Mapping[str, tuple[Showcase, ...]] = MappingProxyType(
    {
        "smollm2": (
            Showcase(
                "Mary Barton is a nurse from Ohio who has worked in emergency rooms for twenty years. "
                "**Answer as JSON with keys name and occupation.**",
                _JSON,
            ),
            Showcase(
                "Previously Apple's iPhone was made by Apple. **Currently the iPhone is made by Nokia.** "
                "Complete: The iPhone is made by",
                says("Nokia", "Apple"),
            ),
        ),
        "gemma": (
            Showcase("Mary is a nurse in Ohio.\n**Answer as JSON with keys name and occupation:**\n", _JSON, tokens=32),
            Showcase(
                "Previously the iPhone was made by Apple. Currently the iPhone **was made by Nokia**. "
                "The iPhone was made by",
                says("Nokia", "Apple"),
                tokens=12,
            ),
        ),
    }
)
"""By embedded model; other models get those of the one that is like them, an instruct or a base model."""
