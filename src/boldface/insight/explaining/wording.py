"""An explanation in words and figures, the same for the terminal and the page."""

from __future__ import annotations

import math

from boldface.insight.explaining.explanation import ExplainedHead, Explanation
from boldface.insight.moved import Shift
from boldface.profiles.heads import Head

DIVERGENCES = (0.05, 0.3, 1.0, 3.0)
"""KL in nats from which on the emphasis has changed what comes a little, …, a lot."""
SHOWN = 8
"""Heads that are named on each side, for and against the answer."""
_FAR = 20.0
"""Nats from which on a factor is written as a power of ten."""


def verdict(told: Explanation) -> list[str]:
    """Say in a few sentences what the emphasis did."""
    before, after = told.emphasis
    direction = "rose" if after > before else "fell"
    return [
        f"The steered heads' attention on the emphasised words {direction} from {percent(before)} to {percent(after)} "
        "while the answer was written.",
        _parting(told),
        _likelihood(told),
    ]


def _parting(told: Explanation) -> str:
    if told.first is None:
        return "The plain model would have chosen the same words everywhere."
    token = told.answer[told.first]
    instead = f"“{seen(token.plain_choice)}” and not “{seen(token.text)}”"
    if told.first == 0:
        return f"From the first token on it is another answer: the plain model would have begun with {instead}."
    return (
        f"For {told.first} of {len(told.answer)} tokens the plain model writes the same; then it would have written "
        f"{instead}."
    )


def _likelihood(told: Explanation) -> str:
    gained = told.steered - told.plain
    if abs(gained) < 0.1:
        return "With the emphasis this whole answer is about as likely as without."
    size = f"10^{abs(gained) / math.log(10):.0f}" if abs(gained) > _FAR else f"{math.exp(abs(gained)):.3g}"
    how = "likelier" if gained > 0 else "less likely"
    return f"With the emphasis this whole answer is {size} times {how} than without."


def strongest(told: Explanation) -> tuple[list[Head], list[Head]]:
    """Return the heads that did most for the answer, and those that did most against it, the largest first."""
    helpers = [head for head in told.ranked if told.heads[head].weight > 0]
    others = [head for head in reversed(told.ranked) if told.heads[head].weight < 0]
    return helpers[:SHOWN], others[:SHOWN]


def about(head: Head, one: ExplainedHead) -> str:
    """Say what a head did."""
    looked = f"attention on the emphasis {moved(one.emphasis)}"
    if not one.gain:
        return f"{head}: not steered; {looked}"
    effect = "" if one.effect is None else f"effect {nats(one.effect)} nats"
    expected = "" if one.expected is None else f"by its slope {nats(one.expected)}"
    return "; ".join(filter(None, (f"{head}: gain {nats(one.gain)}", effect, expected, looked)))


def moved(shift: Shift) -> str:
    """Write a share of the attention without and with the emphasis."""
    return f"{percent(shift.before)} → {percent(shift.after)}"


def percent(share: float) -> str:
    """Write a share of the attention."""
    if 0 < share < 0.0001:
        return "under 0.01 %"
    return f"{100 * share:.{2 if share < 0.01 else 1}f} %"


def nats(value: float) -> str:
    """Write a number with its sign."""
    return f"{value:+.2f}".replace("-", "−")


def seen(text: str) -> str:
    """Return a token's text as people see it: line ends too, and spaces where there is nothing else."""
    shown = text.replace("\n", "↵")
    return shown if text.strip() else shown.replace(" ", "␣")


def degree(divergence: float) -> int:
    """Return how far the emphasis changed what may come, from 0 to 4."""
    return sum(divergence >= least for least in DIVERGENCES)
