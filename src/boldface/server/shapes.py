"""The shapes of answers: OpenAI's, and what is added to them. The OpenAPI description is made of these."""

from __future__ import annotations

from typing import Any, Literal, NotRequired

from typing_extensions import TypedDict

Finish = Literal["stop", "length"]


class Fault(TypedDict):
    """What is wrong, for people; and its kind, the field to blame, and a code, for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class Faulty(TypedDict):
    """An error."""

    error: Fault


class SteeredToken(TypedDict):
    """Neighbouring tokens ``[start, end)`` of the prompt that are emphasised alike, in nats."""

    start: int
    end: int
    strength: float
    text: str


class CharRange(TypedDict):
    """Characters ``[start, end)`` of the prompt as the model reads it."""

    start: int
    end: int
    text: str


class RefusedSpan(TypedDict):
    """A span that is not emphasised, because its source may not: characters ``[start, end)`` of a message's text."""

    message: int
    start: int
    end: int
    text: str
    source: str
    reason: str


class ProtectedSpan(TypedDict):
    """Text that is lifted because a lesser source lifts some: characters ``[start, end)`` of a message's text."""

    message: int
    start: int
    end: int
    text: str
    source: str
    strength: float


class DetectedSpan(TypedDict):
    """Words that were detected: characters ``[start, end)`` of a message's text, and how sure the detector is."""

    message: int
    start: int
    end: int
    text: str
    confidence: float
    reason: str
    detector: str


class Detection(TypedDict):
    """What was detected, the surest first, and how many characters of which source were not looked at."""

    spans: list[DetectedSpan]
    unread: dict[str, int]


class MovedToken(TypedDict):
    """How much attention a token of the prompt gets from the last one, unsteered and steered."""

    text: str
    before: float
    after: float
    strength: float


class MovedHead(TypedDict):
    """Share of a head's attention on the emphasis, unsteered and steered."""

    before: float
    after: float


class Explained(TypedDict):
    """How the attention of the last prompt token moved."""

    tokens: list[MovedToken]
    heads: dict[str, MovedHead]


class Doubted(TypedDict):
    """Emphasised tokens ``[start, end)`` of a careful request: the nats that were wished for, and those they got."""

    start: int
    end: int
    text: str
    wished: float
    strength: float


class Gated(TypedDict):
    """What a gate did, all answers together: tokens steered less, tokens that are the plain model's, tries refused."""

    lowered: int
    plain: int
    tries: int


class Steered(TypedDict):
    """What was steered, how, and what was not."""

    steered: bool
    tokens: list[SteeredToken]
    heads: dict[str, float]
    profile: str | None
    strength: float | None
    scope: str | None
    rule: str | None
    routes: list[str]
    widened: list[CharRange]
    refused: list[RefusedSpan]
    protected: list[ProtectedSpan]
    careful: NotRequired[list[Doubted]]
    phases: NotRequired[dict[str, Any]]
    gate: NotRequired[float]
    target: NotRequired[float]
    release: NotRequired[dict[str, Any]]
    gated: NotRequired[Gated]
    auto: NotRequired[Detection]
    explain: NotRequired[Explained]


class PromptDetails(TypedDict):
    """Of the prompt's tokens."""

    cached_tokens: int


class Usage(TypedDict):
    """Tokens that were read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: PromptDetails


class Likely(TypedDict):
    """A token and how likely it was."""

    token: str
    logprob: float
    bytes: list[int]


class Scored(Likely):
    """A token of the answer, and what else was likely there."""

    top_logprobs: list[Likely]


class ChatScores(TypedDict):
    """Log-probabilities of a chat's answer."""

    content: list[Scored]
    refusal: None


class Said(TypedDict):
    """The message of an answer."""

    role: Literal["assistant"]
    content: str
    refusal: None


class ChatChoice(TypedDict):
    """One answer."""

    index: int
    message: Said
    logprobs: ChatScores | None
    finish_reason: Finish


class ChatCompletion(TypedDict):
    """The answer to a chat."""

    id: str
    object: Literal["chat.completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[ChatChoice]
    usage: Usage
    boldface: NotRequired[Steered]


class TextScores(TypedDict):
    """Log-probabilities of a completion; the first token of an echoed prompt has none."""

    tokens: list[str]
    token_logprobs: list[float | None]
    top_logprobs: list[dict[str, float] | None] | None
    text_offset: list[int]


class TextChoice(TypedDict):
    """One completion."""

    index: int
    text: str
    logprobs: TextScores | None
    finish_reason: Finish
    boldface: NotRequired[Steered]


class TextCompletion(TypedDict):
    """Completions of texts."""

    id: str
    object: Literal["text_completion"]
    created: int
    model: str
    system_fingerprint: str
    choices: list[TextChoice]
    usage: Usage
    boldface: NotRequired[Steered]


class ModelCard(TypedDict):
    """A model that is served."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    context: int
    profile: str | None


class ModelCards(TypedDict):
    """The models that are served."""

    object: Literal["list"]
    data: list[ModelCard]


class PreviewToken(TypedDict):
    """A token of the prompt: characters ``[start, end)`` of its text, and its strength in nats."""

    text: str
    start: int
    end: int
    strength: float
    special: bool


class PreviewSpan(TypedDict):
    """Tokens ``[start, end)`` that are emphasised alike."""

    start: int
    end: int
    strength: float


class Preview(TypedDict):
    """What a request would emphasise."""

    model: str
    text: str
    tokens: list[PreviewToken]
    spans: list[PreviewSpan]
    widened: list[CharRange]
    refused: list[RefusedSpan]
    protected: list[ProtectedSpan]
    profile: str | None
    strength: float | None
    prompt_tokens: int
    auto: NotRequired[Detection]


class ProfileNames(TypedDict):
    """The profiles that a request may name."""

    object: Literal["list"]
    model: str
    default: str | None
    profiles: list[str]


class ProfileCard(TypedDict):
    """A profile."""

    name: str
    model: str
    strength: float
    scope: str
    rule: str
    target: float | None
    layers: int
    heads: int
    gains: dict[str, float]
    tasks: list[str]


class Health(TypedDict):
    """Whether requests are taken, and how much runs."""

    status: Literal["ok", "failed"]
    models: dict[str, dict[str, Any]]
