"""What is asked of vLLM, in its event loop: an answer as it is written, scores of a prompt, chances of tokens."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from math import nan
from typing import TYPE_CHECKING, Any

from boldface.emphasis.span import TokenSpan
from boldface.engine.batching import TokenScore
from boldface.engine.batching.words import Bytes
from boldface.engine.heads import all_heads
from boldface.engine.vllm_sampling import reading_params, token_score
from boldface.errors import RequestError, StoppedError, UnsupportedModelError
from boldface.steering.plan import Steering

if TYPE_CHECKING:
    from vllm import SamplingParams
    from vllm.outputs import RequestOutput

MOST_NAMED = 64
"""Tokens whose log-probabilities are asked for at once; vLLM takes 128."""
LEAST = 1e-3
"""Nats by which emphasis of every head must move some token; what differs less was not steered."""


class Asking:
    """Questions to vLLM; its errors come in our words.

    Args:
        llm: vLLM's ``AsyncLLM``.
        spell: Writes tokens as text.
    """

    def __init__(self, llm: Any, spell: Bytes) -> None:
        self._llm, self._spell = llm, spell

    def stream(self, ids: Sequence[int], params: SamplingParams) -> AsyncGenerator[RequestOutput, None]:
        """Return what vLLM says to a prompt, bit by bit; leaving early gives its places free."""
        prompt = {"prompt_token_ids": list(ids)}
        stream: AsyncGenerator[RequestOutput, None] = self._llm.generate(prompt, params, uuid.uuid4().hex)
        return stream

    async def scores(self, ids: Sequence[int], params: SamplingParams, best: int) -> list[TokenScore]:
        """Return the score of every token of a prompt; the first, which nothing precedes, has nan."""
        output = await self._whole(ids, params)
        first = TokenScore(ids[0], self._spell.of(ids[0]), nan, ())
        known = zip(ids[1:], output.prompt_logprobs[1:], strict=True)
        return [first, *(token_score(token, places, best, self._spell.of) for token, places in known)]

    async def logprobs(self, ids: Sequence[int], steering: Steering, tokens: Sequence[int]) -> list[float]:
        """Return how likely each of some tokens is to follow a prompt, in nats."""
        found: dict[int, float] = {}
        wanted = list(dict.fromkeys(tokens))
        for start in range(0, len(wanted), MOST_NAMED):
            params = reading_params(steering, ids, logprob_token_ids=wanted[start : start + MOST_NAMED])
            output = await self._whole(ids, params)
            (place,) = output.outputs[0].logprobs
            found |= {token: one.logprob for token, one in place.items()}
        return [found[token] for token in tokens]

    async def check(self, heads: Mapping[int, int], vocabulary: int) -> None:
        """Have a short prompt read with and without emphasis: it must make a difference.

        Args:
            heads: Query heads of every layer.
            vocabulary: How many tokens there are.

        Raises:
            UnsupportedModelError: It makes none, so this vLLM does not steer.
        """
        ids = [(7 * place + 3) % vocabulary for place in range(9)]
        steering = Steering((TokenSpan(2, 4, 2.0),), all_heads(heads))
        tokens = range(min(MOST_NAMED, vocabulary))
        plain, steered = [await self.logprobs(ids, one, tokens) for one in (Steering(), steering)]
        if max(abs(one - other) for one, other in zip(plain, steered, strict=True)) < LEAST:
            raise UnsupportedModelError(
                "vLLM gives the same answer with and without emphasis: the plugin is not at work in its processes.",
                "See what its log says of the plugin boldface.",
            )

    async def _whole(self, ids: Sequence[int], params: SamplingParams) -> RequestOutput:
        try:
            (output,) = [one async for one in self.stream(ids, params)]
        except Exception as error:
            raise in_our_words(error) from error
        return output


def in_our_words(error: Exception) -> Exception:
    """Return an error of vLLM's as one of ours: what it does not take, or that it has ended."""
    from vllm.exceptions import VLLMValidationError
    from vllm.v1.engine.exceptions import EngineDeadError

    if isinstance(error, EngineDeadError):
        return StoppedError("vLLM's engine has ended.", "Ask again once it runs.")
    if isinstance(error, VLLMValidationError | ValueError):
        return RequestError(f"vLLM does not take this request: {error}", "Change what it names.")
    return error
