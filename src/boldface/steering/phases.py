"""What lowers the level of a query from outside: the phase that an answer is in, and the gate; see :mod:`.levels`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from boldface.errors import StrengthError

if TYPE_CHECKING:
    from torch import Tensor

BEGIN, END = "<think>", "</think>"


@dataclass(frozen=True)
class Phases:
    """How far a prompt is steered in each of its phases, for models that think before they answer.

    A query belongs to the phase of the token that it reads: the last token of ``begin`` is thinking already, and the
    last one of ``end`` is answer. What stands before, between or without the marks is answer.

    Attributes:
        reading: Level of the prompt, its last token excepted.
        thinking: Level between the marks.
        answer: Level of everything else that the model writes.
        begin: What begins thinking, as text.
        end: What ends it.
        opened: Whether the answer begins inside thinking; None looks whether the prompt ends with ``begin``.

    Raises:
        StrengthError: When a level is not from 0 to 1, or the marks cannot be told apart.
    """

    reading: float = 1.0
    thinking: float = 1.0
    answer: float = 1.0
    begin: str = BEGIN
    end: str = END
    opened: bool | None = None

    def __post_init__(self) -> None:
        for name in ("reading", "thinking", "answer"):
            check_level(getattr(self, name), f"The level of the phase {name!r}")
        if not self.begin.strip() or not self.end.strip() or self.begin == self.end:
            raise StrengthError(
                f"The marks {self.begin!r} and {self.end!r} do not tell where thinking begins and ends.",
                f"Give two different texts, as in {BEGIN} and {END}.",
            )

    @property
    def is_null(self) -> bool:
        """True when nothing is steered in any phase."""
        return self.reading == self.thinking == self.answer == 0

    def of(self, thinks: bool) -> float:
        """Return the level of a query of the answer."""
        return self.thinking if thinks else self.answer

    def opens(self, prompt: str) -> bool:
        """Whether an answer to a prompt begins inside thinking."""
        return prompt.rstrip().endswith(self.begin.rstrip()) if self.opened is None else self.opened


@dataclass(frozen=True)
class Gate:
    """A steered token has to be plausible to the plain model; else the query is steered less (DIRECTER, ICLR 2026).

    A token is plausible when the plain model, which reads the same tokens with a cache of its own, finds it at least
    ``beta`` times as likely as the likeliest. DIRECTER (arXiv 2603.06745) takes layers away from an implausible token;
    here the level is halved, which keeps the profile's heads together.

    Attributes:
        beta: 0 takes every token; 1 takes only the plain model's own first choice.
        halvings: How often the level is halved before the token is the plain model's.

    Raises:
        StrengthError: When they are out of range.
    """

    beta: float
    halvings: int = 2

    def __post_init__(self) -> None:
        check_level(self.beta, "The gate")
        if type(self.halvings) is not int or not 0 <= self.halvings <= 8:
            raise StrengthError(f"The gate cannot halve {self.halvings!r} times.", "Give a whole number from 0 to 8.")

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels of the tries of one token; the last one is 0, and its token the plain model's."""
        return (*(0.5**halving for halving in range(self.halvings + 1)), 0.0)

    def admits(self, logits: Tensor, tokens: Tensor) -> Tensor:
        """Return which tokens are plausible: (rows,) bool.

        Args:
            logits: (rows, vocabulary) of the plain model; temperature makes no difference.
            tokens: (rows,) steered tokens.
        """
        least = logits.amax(dim=-1) + (math.log(self.beta) if self.beta else -math.inf)
        return logits.gather(-1, tokens[:, None])[:, 0] >= least


def as_phases(given: Phases | Mapping[str, Any] | None) -> Phases | None:
    """Return phases from what people write: ``{"thinking": 0.5}`` leaves the others at 1.

    Raises:
        StrengthError: Something else than a phase or a mark is named.
    """
    if given is None or isinstance(given, Phases):
        return given
    names = [field.name for field in fields(Phases)]
    if odd := [name for name in given if name not in names]:
        raise StrengthError(f"There is no phase {odd[0]!r}.", f"There are {', '.join(names)}.")
    return Phases(**given)


def as_gate(given: Gate | float | None) -> Gate | None:
    """Return a gate from what people write: its ``beta``."""
    return given if given is None or isinstance(given, Gate) else Gate(given)


def check_level(value: Any, what: str) -> None:
    """Raise StrengthError unless ``value`` is a number from 0 to 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise StrengthError(f"{what} is {value!r}.", "Give a number from 0 to 1.")
