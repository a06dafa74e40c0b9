"""Forcing: the ways to make a model do what emphasis does not, and whether they were a fair trial."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from boldface.engine.model import Model
from boldface.errors import CheckError
from boldface.insight.diagnosis.checks import Check
from boldface.insight.diagnosis.reruns import Change
from boldface.insight.diagnosis.setting import Setting

TIMES = 2
"""Times as much room as the longest right answer takes."""


@dataclass(frozen=True)
class Force:
    """What a model may be forced by.

    Attributes:
        examples: Other requests with right answers.
        beginning: First words of a right answer; empty for none.
        choices: The answers that are allowed; empty for all.
        right: Right answers to the very prompt: they force nothing, the model does not see them, but they show that
            the check can be passed, and how much room that takes.

    Raises:
        CheckError: An example is no pair of texts, or a right answer is no text.
    """

    examples: Sequence[tuple[str, str]] = ()
    beginning: str = ""
    choices: tuple[str, ...] = ()
    right: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(len(one) != 2 or not all(isinstance(part, str) for part in one) for one in self.examples):
            raise CheckError("An example is no pair of a request and its answer.", "Give [('request', 'answer'), …].")
        if not all(isinstance(answer, str) for answer in self.right):
            raise CheckError("A right answer is no text.", "Give right=['…'].")

    @property
    def ways(self) -> list[Change]:
        """The changes that force a model."""
        return list(self._ways())

    def room(self, model: Model) -> int:
        """Return how many tokens are room enough for any of the right answers."""
        right = [answer for _, answer in self.examples] + [*self.choices, *self.right]
        return TIMES * max((len(model.tokenizer(text)["input_ids"]) for text in right), default=0)

    def can_pass(self, model: Model, setting: Setting, check: Check) -> bool:
        """Tell whether a right answer that was given passes the check; a choice as the model would write it."""
        rendered = model.encode(setting.put(), heads=setting.steered, raw=not setting.chat).text
        space = "" if rendered[-1:].isspace() else " "
        right = [answer for _, answer in self.examples] + [*self.right]
        right += [f"{space}{choice.strip()}" for choice in self.choices]
        return any(check.check(answer).passed for answer in right)

    def _ways(self) -> Iterator[Change]:
        if self.examples:
            shots = tuple((asked, answer) for asked, answer in self.examples)
            count = f"{len(shots)} example{'' if len(shots) == 1 else 's'} before the prompt"
            yield Change("examples", count, partial(replace, shots=shots))
        if self.beginning:
            begun = partial(replace, beginning=self.beginning)
            yield Change("examples", f"the answer begins with {self.beginning!r}", begun)
        if self.choices:
            count = f"one of {len(self.choices)} answers allowed"
            yield Change("examples", count, partial(replace, choices=self.choices))
