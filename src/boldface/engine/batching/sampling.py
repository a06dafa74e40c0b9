"""How the tokens of one answer are chosen, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from types import MappingProxyType
from typing import Any

from boldface.errors import SamplingError

MOST_LOGPROBS = 50


@dataclass(frozen=True)
class Sampling:
    """How the tokens of one answer are chosen, and when it ends.

    Attributes:
        max_tokens: Most tokens of the answer, its end token included.
        temperature: Divides the logits; 0 takes the likeliest token.
        top_p: Only the likeliest tokens that together have this probability are drawn from.
        top_k: Only so many of the likeliest tokens are drawn from; 0 for all.
        seed: Of the draws; None draws another one every time.
        stop: Texts that end the answer, and are not part of it.
        logit_bias: Token id to what is added to its logit.
        presence_penalty: Taken from the logit of every token that the answer has.
        frequency_penalty: Taken from it for every time that the answer has it.
        logprobs: How many of the best tokens are told at every place, beside the chosen one; None tells nothing.
        min_tokens: Before so many tokens the answer neither ends nor stops.
        ignore_eos: The end token is a token like any other.

    Raises:
        SamplingError: With the field that makes no sense.
    """

    max_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logit_bias: Mapping[int, float] = field(default_factory=lambda: MappingProxyType({}))
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logprobs: int | None = None
    min_tokens: int = 0
    ignore_eos: bool = False

    def __post_init__(self) -> None:
        _whole("max_tokens", self.max_tokens, 1)
        _whole("min_tokens", self.min_tokens, 0)
        _whole("top_k", self.top_k, 0)
        _number("temperature", self.temperature, 0, math.inf)
        _number("top_p", self.top_p, 0, 1)
        if self.top_p == 0:
            raise SamplingError("top_p is 0.", "Give a number above 0, up to 1.", param="top_p")
        _number("presence_penalty", self.presence_penalty, -math.inf, math.inf)
        _number("frequency_penalty", self.frequency_penalty, -math.inf, math.inf)
        if self.seed is not None:
            _whole("seed", self.seed, -(2**63), 2**63 - 1)
        if self.logprobs is not None:
            _whole("logprobs", self.logprobs, 0, MOST_LOGPROBS)
        if isinstance(self.stop, str) or not all(isinstance(text, str) and text for text in self.stop):
            raise SamplingError(
                "stop holds something else than texts.", "Give texts of at least a letter.", param="stop"
            )
        for token, bias in self.logit_bias.items():
            _whole("logit_bias", token, 0)
            _number("logit_bias", bias, -math.inf, math.inf)

    @property
    def is_plain(self) -> bool:
        """True when the likeliest token by the bare logits is chosen and nothing is told about it."""
        return (
            self.temperature == 0
            and not self.logit_bias
            and not self.presence_penalty
            and not self.frequency_penalty
            and self.logprobs is None
            and not self.min_tokens
        )


def _whole(name: str, value: Any, least: int, most: float = math.inf) -> None:
    if type(value) is not int or not least <= value <= most:
        bounds = f"of at least {least}" if most == math.inf else f"from {least} to {most}"
        raise SamplingError(f"{name} is {value!r}.", f"Give a whole number {bounds}.", param=name)


def _number(name: str, value: Any, least: float, most: float) -> None:
    is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not least <= value <= most:
        bounds = (
            "" if least == -math.inf else f" of at least {least}" if most == math.inf else f" from {least} to {most}"
        )
        raise SamplingError(f"{name} is {value!r}.", f"Give a finite number{bounds}.", param=name)
