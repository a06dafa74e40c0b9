"""What a steered model thinks of given text: log-probabilities of continuations, without writing an answer."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from boldface.attention.geometry import transformer
from boldface.engine.model import Model
from boldface.engine.steer import Prepared
from boldface.errors import AlignmentError


def continuation_logprobs(
    model: Model, prepared: Prepared, continuations: Sequence[Sequence[int]], *, route: str = "auto"
) -> list[Tensor]:
    """Return the log-probabilities of every token at every place of a continuation, from one forward.

    Args:
        model: The model.
        prepared: Prompts, and how they are steered, left-padded; see :func:`boldface.engine.steer.prepare`.
        continuations: Token ids behind every prompt; empty for the first place alone.
        route: How the bias is carried.

    Returns:
        A (tokens, vocabulary) float32 tensor a row, in nats, at least one token: entry ``i`` says what the model
        expects after the prompt and the first ``i`` tokens of the continuation.
    """
    rows = prepared.rows
    longest = max(map(len, continuations))
    ids = torch.zeros(len(continuations), longest, dtype=rows.ids.dtype)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(continuations):
        ids[row, : len(tokens)] = torch.tensor(tokens, dtype=ids.dtype)
        mask[row, : len(tokens)] = 1
    ids, mask = ids.to(rows.ids.device), mask.to(rows.mask.device)
    whole, seen = torch.cat((rows.ids, ids), dim=1), torch.cat((rows.mask, mask), dim=1)
    options = {"attention_mask": seen, "use_cache": False, "logits_to_keep": longest + 1}
    if "position_ids" in inspect.signature(transformer(model.model).forward).parameters:
        options["position_ids"] = (seen.cumsum(dim=1) - 1).clamp(min=0)
    with model.running(prepared, route):
        logits = model.model(whole, **options).logits[:, -longest - 1 :]
    return [log_softmax(logits[row, : max(1, len(tokens))].float(), dim=-1) for row, tokens in enumerate(continuations)]


def mean_logprob(logprobs: Tensor, tokens: Sequence[int]) -> float:
    """Return the mean log-probability of ``tokens`` in nats a token, given what :func:`continuation_logprobs` said."""
    return float(logprobs.gather(1, torch.tensor(tokens, device=logprobs.device)[:, None]).mean())


def divergence(plain: Tensor, steered: Tensor) -> float:
    """Return the mean KL(plain ‖ steered) over the places of a continuation, in nats a token."""
    return float((plain.exp() * (plain - steered)).sum(dim=-1).mean())


def following(tokenizer: Any, text: str, prompt: str) -> list[int]:
    """Return the tokens of ``text`` as it follows ``prompt``.

    Where the prompt ends in white space, as chat templates do, white space at the beginning of the text is left out.

    Args:
        tokenizer: A transformers tokenizer.
        text: What follows, with the space before it where there is one.
        prompt: The rendered prompt.

    Raises:
        AlignmentError: The tokenizer glues the text to what is before it.
    """
    before, behind = ("\n", text.lstrip()) if prompt[-1:].isspace() else ("of", text)
    lead, both = _ids(tokenizer, before), _ids(tokenizer, before + behind)
    if both[: len(lead)] != lead or len(both) == len(lead):
        raise AlignmentError(
            f"{text[:40]!r} has no tokens of its own behind other text.", "Begin it with a space or another word."
        )
    return both[len(lead) :]


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False, verbose=False).input_ids)
