"""From a request to what vLLM takes, and from what vLLM gives to tokens and their scores."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boldface.engine.batching.pieces import TokenScore
from boldface.engine.batching.request import Request
from boldface.engine.vllm_requests import extra_args
from boldface.steering.plan import Steering

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.outputs import CompletionOutput

Spell = Callable[[int], bytes]
"""Gives the bytes of a token."""

_SEEDS = 2**63


def sampling_params(request: Request, ends: Collection[int]) -> SamplingParams:
    """Return how vLLM is to choose the tokens of an answer.

    Stop texts are left out: they are found where tokens become text, which for every engine is
    :class:`~boldface.engine.batching.words.Words`.

    Args:
        request: The request.
        ends: Tokens that end an answer.
    """
    how = request.sampling
    return _params(
        request.steering,
        request.prompt.ids,
        max_tokens=how.max_tokens,
        temperature=how.temperature,
        top_p=how.top_p,
        top_k=how.top_k,
        seed=None if how.seed is None else how.seed % _SEEDS,
        logit_bias=dict(how.logit_bias) or None,
        presence_penalty=how.presence_penalty,
        frequency_penalty=how.frequency_penalty,
        logprobs=how.logprobs,
        min_tokens=how.min_tokens,
        ignore_eos=how.ignore_eos,
        stop_token_ids=None if how.ignore_eos else sorted(ends),
    )


def reading_params(steering: Steering, ids: Sequence[int], **what: Any) -> SamplingParams:
    """Return what has vLLM read a prompt and tell what it thinks of it; one token is written and thrown away.

    Args:
        steering: How the prompt is steered.
        ids: The prompt.
        what: Names what is told, in vLLM's own words: ``prompt_logprobs`` or ``logprob_token_ids``.
    """
    return _params(steering, ids, whole=True, max_tokens=1, temperature=0.0, ignore_eos=True, **what)


def _params(steering: Steering, ids: Sequence[int], *, whole: bool = False, **how: Any) -> SamplingParams:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    kind = RequestOutputKind.FINAL_ONLY if whole else RequestOutputKind.DELTA
    return SamplingParams(**how, detokenize=False, output_kind=kind, extra_args=dict(extra_args(steering, ids)) or None)


def chosen(completion: CompletionOutput, best: int | None, spell: Spell) -> Iterator[tuple[int, TokenScore | None]]:
    """Yield the new tokens of an answer, with their scores where they were asked for.

    Args:
        completion: What has come.
        best: How many of the likeliest tokens are told at every place; None for no scores.
        spell: Gives the bytes of a token.
    """
    scores: Sequence[Mapping[int, Any]] = completion.logprobs or ()
    for index, token in enumerate(completion.token_ids):
        yield token, None if best is None else token_score(token, scores[index], best, spell)


def token_score(token: int, known: Mapping[int, Any], best: int, spell: Spell) -> TokenScore:
    """Return the score of a token.

    Args:
        token: The token.
        known: vLLM's log-probabilities of tokens at its place, its own among them.
        best: How many of the likeliest are told.
        spell: Gives the bytes of a token.
    """
    likeliest = sorted(((one.logprob, other) for other, one in known.items()), key=lambda pair: (-pair[0], pair[1]))
    told = tuple((other, spell(other), logprob) for logprob, other in likeliest[:best])
    return TokenScore(token, spell(token), known[token].logprob, told)
