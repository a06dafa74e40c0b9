"""From a body to how the words of its answers are drawn, checked before anything runs."""

from __future__ import annotations

from boldface.engine.batching import Sampling
from boldface.errors import RequestError
from boldface.server.bodies import ChatBody, CompletionBody, Drawing
from boldface.server.hosting import Hosted

COMPLETION_TOKENS = 16
"""Longest answer to a completion that names none, as OpenAI has it."""


def longest_chat(body: ChatBody) -> int | None:
    """Return the longest answer that a chat names, in tokens.

    Raises:
        RequestError: It names two.
    """
    old, new = body.max_tokens, body.max_completion_tokens
    if old is not None and new is not None and old != new:
        raise RequestError(
            f"max_tokens is {old} and max_completion_tokens is {new}.", "Give one of them.", param="max_tokens"
        )
    return old if new is None else new


def chat_logprobs(body: ChatBody) -> int | None:
    """Return how many likely tokens are told at each place of a chat's answer; None when no scores are asked for.

    Raises:
        RequestError: How many is said, but not that.
    """
    if body.top_logprobs is not None and not body.logprobs:
        raise RequestError("top_logprobs needs logprobs: true.", param="top_logprobs")
    return (body.top_logprobs or 0) if body.logprobs else None


def check_stream(body: Drawing) -> None:
    """Refuse options of a stream where none is asked for."""
    if body.stream_options is not None and not body.stream:
        raise RequestError("stream_options needs stream: true.", param="stream_options")


def sampling(hosted: Hosted, body: ChatBody | CompletionBody, tokens: int, logprobs: int | None, copy: int) -> Sampling:
    """Return how the words of one answer are drawn.

    Args:
        hosted: The model.
        body: The request.
        tokens: Most tokens of the answer.
        logprobs: As :func:`chat_logprobs`.
        copy: Which of the n answers to the same prompt; each has a seed of its own.

    Raises:
        RequestError: A bias names no token, or the shortest answer is longer than the longest.
    """
    if (body.min_tokens or 0) > tokens:
        raise RequestError(f"min_tokens is {body.min_tokens}, but the answer has at most {tokens}.", param="min_tokens")
    greedy = body.temperature == 0 or body.top_p == 0  # of no share of the words the likeliest one is left
    return Sampling(
        max_tokens=tokens,
        temperature=0.0 if greedy else 1.0 if body.temperature is None else float(body.temperature),
        top_p=1.0 if greedy or body.top_p is None else float(body.top_p),
        top_k=0 if greedy else body.top_k or 0,
        seed=None if body.seed is None else _wrapped(body.seed + copy),
        stop=_stop(body),
        logit_bias=_biases(hosted, body),
        presence_penalty=float(body.presence_penalty or 0),
        frequency_penalty=float(body.frequency_penalty or 0),
        logprobs=logprobs,
        min_tokens=body.min_tokens or 0,
        ignore_eos=bool(body.ignore_eos),
    )


def _stop(body: Drawing) -> tuple[str, ...]:
    given = body.stop
    return () if given is None else (given,) if isinstance(given, str) else tuple(given)


def _biases(hosted: Hosted, body: Drawing) -> dict[int, float]:
    size = hosted.vocabulary
    biases = {}
    for token, bias in (body.logit_bias or {}).items():
        if not (token.isascii() and token.isdecimal() and len(token) <= 9 and int(token) < size):
            raise RequestError(
                f"logit_bias names {token[:40]!r}, which is no token.",
                f"Give ids from 0 to {size - 1}.",
                param="logit_bias",
            )
        biases[int(token)] = float(bias)
    return biases


def _wrapped(seed: int) -> int:
    """Return a seed within 64 bits."""
    return (seed + 2**63) % 2**64 - 2**63
