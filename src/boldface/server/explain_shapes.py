"""The shape of an explanation, for the OpenAPI description."""

from __future__ import annotations

from typing_extensions import TypedDict

from boldface.server.shapes import MovedHead, MovedToken, ProtectedSpan, RefusedSpan, SteeredToken


class ExplainedToken(TypedDict):
    """A token of the answer: log-probabilities, KL(plain ‖ steered), other choices, attention on the emphasis."""

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


class ExplainedHead(TypedDict):
    """A head: attention on every span and on the answer, and what its steering did to the answer, in nats."""

    gain: float
    spans: list[MovedHead]
    answer: MovedHead
    effect: float | None
    slope: float | None
    expected: float | None


class ExplainedAnswer(TypedDict):
    """Why an answer is what it is."""

    model: str
    answer: str
    written: bool
    plain_answer: str | None
    rule: str
    scope: str
    first_different: int | None
    plain_logprob: float
    steered_logprob: float
    divergence: float
    emphasis: MovedHead
    agreement: float | None
    spans: list[SteeredToken]
    tokens: list[MovedToken]
    answer_tokens: list[ExplainedToken]
    heads: dict[str, ExplainedHead]
    refused: list[RefusedSpan]
    protected: list[ProtectedSpan]
