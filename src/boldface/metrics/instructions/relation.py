"""The two relations in which IFEval states a number."""

from __future__ import annotations

from boldface.errors import TaskError


def holds(count: int, relation: str, threshold: int) -> bool:
    """Return whether ``count`` is *less than* or *at least* the threshold.

    Raises:
        TaskError: Another relation.
    """
    if relation == "less than":
        return count < threshold
    if relation == "at least":
        return count >= threshold
    raise TaskError(f"A relation of {relation!r} is unknown.", "Write 'less than' or 'at least'.")
