"""A canary: a prompt whose answer shows at once whether a profile still does on a model what it did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Canary:
    """One prompt with its emphasis, a target, and how likely the model found that when the profile was made.

    Attributes:
        prompt: The text, without a chat template.
        spans: The emphasised characters, half-open ``(start, end)`` pairs.
        target: What should follow the prompt.
        plain: Mean log-probability of the target without the profile, in nats a token.
        steered: The same with it, at the profile's strength and scope.
    """

    prompt: str
    spans: tuple[tuple[int, int], ...]
    target: str
    plain: float
    steered: float

    @property
    def effect(self) -> float:
        """By how much the emphasis makes the target likelier, in nats a token."""
        return self.steered - self.plain
