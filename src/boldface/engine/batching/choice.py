"""The next token of one answer: the likeliest, or a draw from what the sampling leaves."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Collection

import torch
from torch import Tensor

from boldface.engine.batching.pieces import TokenScore
from boldface.engine.batching.sampling import Sampling
from boldface.steering.phases import Gate

_FEW = 1024
"""Tokens that are sorted to find those which together have ``top_p``; nearly always they are among so many."""


class Choice:
    """Chooses the tokens of one answer.

    Args:
        sampling: How.
        ends: Tokens that end an answer.
        spell: Gives the bytes of a token.
    """

    def __init__(self, sampling: Sampling, ends: Collection[int], spell: Callable[[int], bytes]) -> None:
        self.sampling, self._ends, self._spell = sampling, list(ends), spell
        self._chosen: Counter[int] = Counter()
        seed = random.getrandbits(63) if sampling.seed is None else sampling.seed
        self._generator = torch.Generator().manual_seed(seed)
        self._biased = list(sampling.logit_bias)
        self._bias = torch.tensor(list(sampling.logit_bias.values()), dtype=torch.float32)

    def choose(self, logits: Tensor) -> tuple[int, TokenScore | None]:
        """Return the next token and, where it is asked for, its score.

        Args:
            logits: (vocabulary,) of the model.
        """
        bare = logits.float().cpu()
        return self._taken(self._token(self._shaped(bare)), bare)

    def offered(self, logits: Tensor, plain: Tensor, gate: Gate) -> tuple[int, TokenScore | None] | None:
        """Return the next token if it is plausible, and None otherwise; whoever asks again gets the same random number.

        Biases and penalties count on both sides, temperature and shares on none: the gate is about what is asked for
        besides, which is the emphasis.

        Args:
            logits: (vocabulary,) of the steered model.
            plain: (vocabulary,) of the plain model.
            gate: What is plausible.
        """
        bare, state = logits.float().cpu(), self._generator.get_state()
        token = self._token(self._shaped(bare))
        if gate.admits(self._shaped(plain.float().cpu())[None], torch.tensor([token])):
            return self._taken(token, bare)
        self._generator.set_state(state)
        return None

    def _token(self, shaped: Tensor) -> int:
        return int(shaped.argmax()) if self.sampling.temperature == 0 else self._drawn(shaped)

    def _taken(self, token: int, bare: Tensor) -> tuple[int, TokenScore | None]:
        self._chosen[token] += 1
        return token, None if self.sampling.logprobs is None else self._score(token, bare, self.sampling.logprobs)

    def _shaped(self, bare: Tensor) -> Tensor:
        """Apply biases and penalties, and hide the end tokens while the answer may not end."""
        how, shaped = self.sampling, bare.clone()
        if self._biased:
            shaped[self._biased] += self._bias
        if self._chosen and (how.presence_penalty or how.frequency_penalty):
            counts = torch.tensor(list(self._chosen.values()), dtype=torch.float32)
            shaped[list(self._chosen)] -= how.presence_penalty + how.frequency_penalty * counts
        if self._ends and self._chosen.total() < how.min_tokens:
            shaped[self._ends] = -torch.inf
        return shaped

    def _drawn(self, shaped: Tensor) -> int:
        how = self.sampling
        logits = (shaped.double() - shaped.max()) / how.temperature
        if not how.top_k and how.top_p == 1:
            weights, tokens = logits.exp(), None
        else:
            weights, tokens = self._likeliest(logits)
        reached = weights.cumsum(0)
        point = torch.rand(1, generator=self._generator, dtype=torch.float64) * reached[-1]
        place = int(torch.searchsorted(reached, point, right=True).clamp(max=len(reached) - 1))
        return place if tokens is None else int(tokens[place])

    def _likeliest(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return weights and ids of the tokens that top_k and then top_p leave."""
        how, size = self.sampling, logits.shape[0]
        kept = min(how.top_k or _FEW, size)
        best, tokens = logits.topk(kept)
        weights = best.exp()
        whole = weights.sum() if how.top_k else logits.exp().sum()
        if how.top_p == 1:
            return weights, tokens
        if weights.sum() < how.top_p * whole:
            best, tokens = logits.sort(descending=True)
            weights = best.exp()
        before = weights.cumsum(0) - weights
        weights = torch.where(before < how.top_p * whole, weights, 0.0)
        return weights, tokens

    def _score(self, token: int, bare: Tensor, best: int) -> TokenScore:
        logprobs = torch.log_softmax(bare, dim=0)
        values, tokens = logprobs.topk(min(best, len(logprobs)))
        others = zip(tokens.tolist(), values.tolist(), strict=True)
        alternatives = tuple((other, self._spell(other), value) for other, value in others)
        return TokenScore(token, self._spell(token), float(logprobs[token]), alternatives)
