"""How a profile came about: what it was learned from, and what that cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskUse:
    """What a profile took from one task.

    Attributes:
        name: The task.
        setting: ``raw`` or ``chat``.
        variant: Wording of its prompts.
        split: Split that the rows were taken from.
        rows: How many data rows.
        weight: How much the task counted.
        data: Digest of the rows.
    """

    name: str
    setting: str
    variant: str
    split: str
    rows: int
    weight: float = 1.0
    data: str = ""


@dataclass(frozen=True)
class Cost:
    """What finding a profile cost.

    Attributes:
        trials: Settings of gains that were tried.
        passes: Tokens that went through the model; a backward pass counts two.
        seconds: Time of the workers, summed.
    """

    trials: int
    passes: int
    seconds: float
