"""Names of the proposers, and which scorers each of them asks."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from boldface.errors import DetectionError

DEFAULT = "auto"
ALONE = ("bm25", "embedding")
"""Scorers that need no language model."""
ASKING = ("likelihood", "quotes", "attention", "looking")
"""Scorers that run the language model."""
HELPING = ("bm25-titled", "kind", "opening", "shared")
"""Scorers that say something beside others, and propose nothing alone."""
_EVIDENCE = (*ALONE, *HELPING)
TOGETHER: Mapping[str, tuple[str, ...]] = {
    "evidence": _EVIDENCE,
    "evidence-model": (*ALONE, "likelihood", "looking"),
}
"""Scorers whose scores are joined."""
NAMES = (DEFAULT, "instructions", *TOGETHER, *ALONE, *ASKING)


def check_name(name: str) -> None:
    """Refuse a name that no proposer has.

    Raises:
        DetectionError: With what was meant.
    """
    if name not in NAMES:
        close = get_close_matches(name, NAMES, n=1)
        hint = f"Did you mean {close[0]!r}?" if close else f"Choose among {', '.join(NAMES)}."
        raise DetectionError(f"There is no detector {name!r}.", hint)


def scorers(name: str) -> tuple[str, ...]:
    """Return the scorers that a proposer of evidence asks."""
    return TOGETHER.get(name, (name,))


def runs_model(name: str) -> bool:
    """Whether a proposer runs the language model."""
    return any(one in ASKING for one in scorers(name))
