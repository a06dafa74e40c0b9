"""What one request may ask for: tokens, choices, spans, strength, time; a key may have limits of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from boldface.emphasis.strength import MAX_STRENGTH
from boldface.errors import LimitError


@dataclass(frozen=True)
class RequestLimits:
    """The most that a request may ask for; None is no limit beyond the model's own.

    Attributes:
        tokens: Of its prompts and of the longest answers that it asks for, together.
        choices: Answers, over all its prompts.
        spans: Emphasised spans, as the request names them.
        strength: Size of any strength, in nats.
        may_emphasise: Whether it may emphasise at all.
        at_once: Requests of one key that run at the same time.
        seconds: From its arrival to its last token.

    Raises:
        LimitError: A limit is no number of its kind.
    """

    tokens: int | None = None
    choices: int = 16
    spans: int = 256
    strength: float = MAX_STRENGTH
    may_emphasise: bool = True
    at_once: int | None = None
    seconds: float = 600.0

    def __post_init__(self) -> None:
        for name in ("tokens", "at_once"):
            _check(name, getattr(self, name), int, least=1, optional=True)
        _check("choices", self.choices, int, least=1)
        _check("spans", self.spans, int, least=0)
        _check("strength", self.strength, float, least=0)
        _check("seconds", self.seconds, float, least=0.001)
        if not isinstance(self.may_emphasise, bool):
            raise LimitError(f"may_emphasise is {self.may_emphasise!r}.", "Say true or false.")

    def but(self, own: Mapping[str, Any]) -> RequestLimits:
        """Return these limits with a key's own instead where it has any.

        Raises:
            LimitError: There is no such limit, or its value is none.
        """
        known = {field.name for field in fields(self)}
        if unknown := sorted(own.keys() - known):
            raise LimitError(f"There is no limit {unknown[0]!r}.", f"There are: {', '.join(sorted(known))}.")
        return replace(self, **own)


@dataclass(frozen=True)
class Asked:
    """What a request asks for, as far as it is known; what is not yet known stays 0.

    Attributes:
        prompt_tokens: Of all its prompts together, each counted once for every answer to it.
        answer_tokens: Of the longest answers that it allows, all of them together.
        choices: Answers, over all its prompts.
        spans: Emphasised spans, as the request names them.
        strength: Largest size of their strengths in nats, defaults resolved.
    """

    prompt_tokens: int = 0
    answer_tokens: int = 0
    choices: int = 0
    spans: int = 0
    strength: float = 0.0


def check(asked: Asked, limits: RequestLimits) -> None:
    """Refuse a request that asks for more than it may.

    Raises:
        LimitError: With the limit, and what stays below it.
    """
    if asked.spans and not limits.may_emphasise:
        raise LimitError("This key may not emphasise.", "Send the request without emphasis.", param="boldface")
    if asked.spans > limits.spans:
        raise LimitError(
            f"The request emphasises {asked.spans} spans.",
            f"At most {limits.spans} are allowed here; join those that touch.",
            param="boldface",
        )
    if asked.strength > limits.strength:
        raise LimitError(
            f"A strength of {asked.strength:g} nats (a factor of {math.exp(asked.strength):.4g}) is asked for.",
            f"At most {limits.strength:g} nats, a factor of {math.exp(limits.strength):.4g}, are allowed here.",
            param="boldface",
        )
    if asked.choices > limits.choices:
        raise LimitError(
            f"The request asks for {asked.choices} answers.", f"At most {limits.choices} are allowed here.", param="n"
        )
    total = asked.prompt_tokens + asked.answer_tokens
    if limits.tokens is not None and total > limits.tokens:
        raise LimitError(
            f"{asked.prompt_tokens} prompt tokens and {asked.answer_tokens} answer tokens are asked for.",
            f"At most {limits.tokens} together are allowed here.",
            param="messages" if asked.prompt_tokens > limits.tokens else "max_completion_tokens",
        )


def _check(name: str, value: Any, kind: type, *, least: float, optional: bool = False) -> None:
    if optional and value is None:
        return
    numbers = (int,) if kind is int else (int, float)
    if isinstance(value, bool) or not isinstance(value, numbers) or not least <= value < math.inf:
        noun = "a whole number" if kind is int else "a number"
        raise LimitError(f"The limit {name} is {value!r}.", f"Give {noun} of at least {least:g}.")
