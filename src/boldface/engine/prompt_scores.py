"""How likely the tokens of a prompt are, each after those before it, under its own steering."""

from __future__ import annotations

from math import nan

from torch.nn.functional import log_softmax

from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.batching import TokenScore
from boldface.engine.batching.words import Bytes
from boldface.engine.model import Model
from boldface.engine.scoring import places
from boldface.engine.steer import lay_out
from boldface.steering.plan import Steering

CHUNK = 256
"""Tokens that are read at once: what a vocabulary's worth of logits for each takes is memory."""


def prompt_scores(model: Model, prompt: EncodedPrompt, steering: Steering, best: int) -> list[TokenScore]:
    """Return the score of every token of a prompt; the log-probability of the first, which nothing precedes, is nan.

    Args:
        model: The model.
        prompt: The prompt.
        steering: How it is steered.
        best: How many of the likeliest tokens are told at every place.

    Raises:
        BoldfaceError: The prompt cannot be run; see :mod:`boldface.errors`.
    """
    prepared = lay_out(model.model, model.tokenizer, [prompt], [steering])
    ids, spell = prepared.rows.ids, Bytes(model.tokenizer)
    length = ids.shape[1]
    first = prompt.ids[0]
    scores = [TokenScore(first, spell.of(first), nan, ())]
    cache = None
    with model.running(prepared):
        for start in range(0, length - 1, CHUNK):
            stop = min(start + CHUNK, length - 1)
            output = model.model(
                ids[:, start:stop],
                attention_mask=prepared.rows.mask[:, :stop],
                past_key_values=cache,
                use_cache=True,
                **places(model.model, prepared.rows.mask, slice(start, stop)),
            )
            cache = output.past_key_values
            logprobs = log_softmax(output.logits[0].float(), dim=-1)
            following = ids[0, start + 1 : stop + 1]
            chosen = logprobs.gather(1, following[:, None].to(logprobs.device))[:, 0].tolist()
            values, tokens = logprobs.topk(min(best, logprobs.shape[1]))
            rows = zip(following.tolist(), chosen, values.tolist(), tokens.tolist(), strict=True)
            for token, logprob, others, their in rows:
                likely = tuple((other, spell.of(other), value) for other, value in zip(their, others, strict=True))
                scores.append(TokenScore(token, spell.of(token), logprob, likely))
    return scores
