"""The paper's ablations as lists of arms: by the number of heads, by alpha, and by how much is steered at once."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Literal

from boldface.emphasis.strength import MAX_STRENGTH
from boldface.engine.heads import Selected
from boldface.errors import SweepError
from boldface.sweeps.point import DIGITS
from boldface.tasks.task import Task

Kind = Literal["heads", "alpha", "grain"]
STEPS = 9
"""Numbers of heads."""
ALPHAS = (0.9, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001)
FIGURE = ("format", "prediction", "strict_right", "entropy")
"""What the paper's figure shows of JSON, its fluency last, and our strict metric."""


def ablation_arms(kind: Kind, selected: Selected, shape: Mapping[int, int]) -> list[str]:
    """Return the arms of an ablation, in the order in which they are asked.

    Args:
        kind: ``heads``: the largest gains of the profile, more and more of them, as they are and (the paper's form) all
            with gain 1. ``alpha``: both forms at other strengths. ``grain``: all heads, then every layer, then every
            head, each with gain 1 and alpha 0.01.
        selected: The profile.
        shape: Query heads of every layer of the model that can be steered.

    Raises:
        SweepError: The profile has too few heads.
    """
    if kind == "grain":
        layers = [f"all-heads:only=L{layer}" for layer in shape]
        heads = [f"all-heads:only=L{layer}H{head}" for layer, count in shape.items() for head in range(count)]
        random.Random("grain").shuffle(heads)  # an interrupted run has seen a fair sample
        return ["all-heads", *layers, *heads]
    positive = sum(gain > 0 for gain in selected.gains.values())
    if positive < 2:
        raise SweepError(f"The profile has {positive} heads of positive gain.", "Take a profile with more.")
    if kind == "heads":
        graded = [f"steered:heads={count}" for count in _spread(len(selected.gains))]
        return _in_turn(graded, [f"pasta:heads={count}" for count in _spread(positive)])
    largest = max(abs(gain) for gain in selected.gains.values())
    nats = [round(-math.log(alpha), DIGITS) for alpha in ALPHAS]
    graded = [f"steered:strength={one:g}" for one in nats if one * largest <= MAX_STRENGTH]
    return _in_turn(graded, [f"pasta:strength={one:g}" for one in nats])


def ablation_objectives(tasks: Sequence[Task]) -> list[str] | None:
    """Return what the paper's figure shows, where one of its tasks of JSON is asked; None is the usual."""
    name = next((task.name for task in tasks if {metric.name for metric in task.metrics} >= set(FIGURE[:-1])), None)
    return None if name is None else [f"{name}.{metric}" for metric in FIGURE]


def _in_turn(some: Sequence[str], others: Sequence[str]) -> list[str]:
    """One of these, one of those: an interrupted run has both."""
    return [arm for pair in zip_longest(some, others) for arm in pair if arm is not None]


def _spread(most: int) -> Iterable[int]:
    """Numbers of heads from all to few, by a constant factor: what obeys is soon done."""
    return sorted({round(most ** (step / (STEPS - 1))) for step in range(STEPS)}, reverse=True)
