"""What a request hears of its answer, and what the scheduler says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from boldface.engine.generation import Gated

FinishReason = Literal["stop", "length", "timeout", "cancelled", "error"]
"""The model ended the answer or a stop text did, its tokens or its time ran out, nobody listens, or it failed."""


class TokenScore(NamedTuple):
    """One chosen token, and what the model thought of it.

    Attributes:
        id: The token.
        text: Its bytes; empty for control tokens.
        logprob: Its log-probability before any bias, penalty or temperature.
        best: The likeliest tokens at its place, with their bytes and log-probabilities.
    """

    id: int
    text: bytes
    logprob: float
    best: tuple[tuple[int, bytes, float], ...]


class Usage(NamedTuple):
    """Tokens that an answer took.

    Attributes:
        prompt_tokens: Of the prompt.
        cached_tokens: Of the prompt, those that were kept from an earlier request.
        answer_tokens: Of the answer, its end token included.
    """

    prompt_tokens: int
    cached_tokens: int
    answer_tokens: int


class Mass(NamedTuple):
    """Mean share of the steered heads' attention on the emphasis at the last prompt token, unsteered and steered."""

    before: float
    after: float


class Timings(NamedTuple):
    """Seconds since the request arrived.

    Attributes:
        queued: Until its prompt was begun.
        first_token: Until its first token; None when it had none.
        total: Until its end.
    """

    queued: float
    first_token: float | None
    total: float


@dataclass(frozen=True)
class Piece:
    """A piece of an answer. The last one, and only it, has a finish reason and what stands below it.

    Attributes:
        text: What is new; put together, the pieces are the answer.
        ids: Tokens chosen since the last piece, whether or not their text can be told yet.
        tokens: Scores of the tokens whose text begins in this piece; only where they were asked for.
        finish_reason: Why the answer ended.
        usage: Tokens that it took.
        routes: Layer to the routes that carried its bias; empty when nothing was steered.
        mass: Share of attention on the emphasis; None unless asked for, or where it cannot be measured exactly.
        timings: How long it took.
        error: What went wrong, for finish reason ``error``.
        gated: What the gate did; None where there was none.
    """

    text: str
    ids: tuple[int, ...] = ()
    tokens: tuple[TokenScore, ...] = ()
    finish_reason: FinishReason | None = None
    usage: Usage | None = None
    routes: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    mass: Mass | None = None
    timings: Timings | None = None
    error: BaseException | None = None
    gated: Gated | None = None


@dataclass(frozen=True)
class Load:
    """What a scheduler says of itself.

    Attributes:
        running: Requests in the batch, or joining it.
        queued: Requests that wait.
        slots: Requests that may run at the same time.
        kv_tokens: Tokens whose keys and values the batch holds.
        capacity_tokens: Most of them, padding included.
        prefix_entries: Blocks of prompts kept for reuse.
        prefix_bytes: Their size.
        prefix_hits: Requests that they served.
        steps: Decoding steps so far.
        tokens: Tokens that they gave.
        batches: Steps by the number of requests in them.
    """

    running: int
    queued: int
    slots: int
    kv_tokens: int
    capacity_tokens: int
    prefix_entries: int
    prefix_bytes: int
    prefix_hits: int
    steps: int
    tokens: int
    batches: Mapping[int, int]
