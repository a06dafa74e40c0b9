"""Explanation: what the emphasis did to one answer, as plain values, for JSON and for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, NamedTuple

from boldface.insight.moved import MovedToken, Shift
from boldface.metrics.statistics import spearman
from boldface.profiles.heads import Head

DIGITS = 6
"""Digits behind the point, of what is written as JSON."""


class Emphasised(NamedTuple):
    """Tokens ``[start, end)`` of the prompt that are emphasised alike, in nats, and what they say."""

    start: int
    end: int
    strength: float
    text: str


class AnswerToken(NamedTuple):
    """A token of the answer, read behind the same words by the plain model and by the steered one.

    Attributes:
        id: Its number.
        text: What it says.
        plain: Its log-probability for the plain model.
        steered: The same for the steered model.
        divergence: KL(plain ‖ steered) at its place, in nats.
        plain_choice: The likeliest token there for the plain model.
        plain_choice_logprob: How likely the plain model finds that.
        steered_choice: The likeliest token there for the steered model.
        differs: Whether the plain model would have written another token there.
        before: Share of the plain model's attention on the emphasis when it chose this token, mean over steered heads.
        after: The same of the steered model.
    """

    id: int
    text: str
    plain: float
    steered: float
    divergence: float
    plain_choice: str
    plain_choice_logprob: float
    steered_choice: str
    differs: bool
    before: float
    after: float


@dataclass(frozen=True)
class ExplainedHead:
    """One head of the model, while it wrote the answer.

    Attributes:
        gain: How far it is steered; 0 for heads that are not.
        spans: Share of its attention on every emphasised span, mean over the answer's places.
        answer: Share on what it had written itself.
        effect: By how many nats its steering made the whole answer likelier: the log-likelihood with all heads steered
            less that with all but this one. None for heads that are not steered, or where it was not measured.
        slope: d log-likelihood / d gain at the gains as they are, in nats; None where it cannot be taken.
    """

    gain: float
    spans: tuple[Shift, ...]
    answer: Shift
    effect: float | None = None
    slope: float | None = None

    @property
    def emphasis(self) -> Shift:
        """Share on all emphasised spans together."""
        return Shift(sum(span.before for span in self.spans), sum(span.after for span in self.spans))

    @property
    def expected(self) -> float | None:
        """The effect to first order, gain × slope."""
        return None if self.slope is None else self.gain * self.slope

    @property
    def weight(self) -> float:
        """The effect where it was measured, else what is expected of it; 0 where neither is known."""
        return self.effect if self.effect is not None else self.expected or 0.0


class Heat(NamedTuple):
    """Where the steered heads looked, on average: a row for every token of the answer, a column for every token.

    Attributes:
        before: Shares of the attention by which the plain model chose the token of the row, over prompt and answer.
        after: The same of the steered model.
    """

    before: tuple[tuple[float, ...], ...]
    after: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Explanation:
    """What the emphasis did to one answer.

    Attributes:
        model: The model's name.
        text: The answer.
        written: Whether the steered model wrote it just now; else it was given.
        tokens: Every token of the prompt: shares of the attention, mean over steered heads and places of the answer.
        spans: The emphasis.
        answer: Every token of the answer.
        heads: Every head that can be steered, in order, the unsteered ones too.
        heat: Where the steered heads looked, token by token.
        rule: The rule of the steering.
        scope: The scope of the steering.
        plain_text: What the plain model answers; None where it was not asked.
    """

    model: str
    text: str
    written: bool
    tokens: tuple[MovedToken, ...]
    spans: tuple[Emphasised, ...]
    answer: tuple[AnswerToken, ...]
    heads: Mapping[Head, ExplainedHead]
    heat: Heat
    rule: str
    scope: str
    plain_text: str | None = None

    @cached_property
    def first(self) -> int | None:
        """Place of the first token of the answer that the plain model would not have chosen; None: it chooses all."""
        return next((place for place, token in enumerate(self.answer) if token.differs), None)

    @property
    def plain(self) -> float:
        """Log-likelihood of the answer for the plain model, in nats."""
        return sum(token.plain for token in self.answer)

    @property
    def steered(self) -> float:
        """Log-likelihood of the answer for the steered model, in nats."""
        return sum(token.steered for token in self.answer)

    @property
    def divergence(self) -> float:
        """Mean KL(plain ‖ steered) over the answer, in nats a token."""
        return sum(token.divergence for token in self.answer) / len(self.answer)

    @property
    def emphasis(self) -> Shift:
        """Share of the attention on the emphasis, mean over steered heads and places of the answer."""
        lit = [token for token in self.tokens if token.strength]
        return Shift(sum(token.before for token in lit), sum(token.after for token in lit))

    @cached_property
    def ranked(self) -> tuple[Head, ...]:
        """The steered heads: those that made the answer likelier first, those that made it less likely last."""
        steered = (head for head, one in self.heads.items() if one.gain)
        return tuple(sorted(steered, key=lambda head: (-self.heads[head].weight, head)))

    @cached_property
    def agreement(self) -> float | None:
        """Spearman's rank correlation of effects and what the slopes expect; None without both."""
        pairs = [(one.effect, one.expected) for one in self.heads.values()]
        both = [(effect, expected) for effect, expected in pairs if effect is not None and expected is not None]
        return spearman([effect for effect, _ in both], [expected for _, expected in both])

    def to_json(self, *, heat: bool = True) -> dict[str, Any]:
        """Return it as JSON values, without ``heat`` where that is not wanted: it is as large as all else together."""
        told = {
            "model": self.model,
            "answer": self.text,
            "written": self.written,
            "plain_answer": self.plain_text,
            "rule": self.rule,
            "scope": self.scope,
            "first_different": self.first,
            "plain_logprob": self.plain,
            "steered_logprob": self.steered,
            "divergence": self.divergence,
            "emphasis": self.emphasis._asdict(),
            "agreement": self.agreement,
            "spans": [span._asdict() for span in self.spans],
            "tokens": [token._asdict() for token in self.tokens],
            "answer_tokens": [token._asdict() for token in self.answer],
            "heads": {str(head): _head(one) for head, one in self.heads.items()},
            **({"heat": self.heat._asdict()} if heat else {}),
        }
        rounded: dict[str, Any] = _rounded(told)
        return rounded


def _head(one: ExplainedHead) -> dict[str, Any]:
    told = asdict(one)
    told["spans"] = [span._asdict() for span in one.spans]
    return {**told, "answer": one.answer._asdict(), "expected": one.expected}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value
