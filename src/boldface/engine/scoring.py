"""What a steered model thinks of given text: log-probabilities of continuations, without writing an answer."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax
from transformers.cache_utils import Cache

from boldface.attention.geometry import transformer
from boldface.engine.levelled import is_gated, levels_of
from boldface.engine.prompts import Rows
from boldface.engine.steer import Prepared
from boldface.errors import AlignmentError, ModelError

if TYPE_CHECKING:
    from boldface.engine.model import Model


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

    Raises:
        ModelError: When a prompt has a gate, which chooses tokens, or a release, which listens while they are written:
            these are given.
    """
    if is_gated(prepared):
        raise ModelError("A gate chooses the tokens of an answer: given ones cannot be scored.", "Leave it out.")
    if any(continuations) and any(one.release is not None and not one.is_null for one in prepared.steerings):
        raise ModelError(
            "A release listens while an answer is written, token by token: given tokens cannot be scored with one.",
            "Leave it out.",
        )
    with model.running(prepared, route, levels=levels_of(prepared, model.tokenizer)):
        return read_continuations(model.model, prepared.rows, continuations)


def read_continuations(
    model: nn.Module, rows: Rows, continuations: Sequence[Sequence[int]], *, ahead: int = 0, cache: Cache | None = None
) -> list[Tensor]:
    """Run the model as it is now, steered or not, over prompts and continuations.

    Args:
        model: The model.
        rows: The prompts, left-padded.
        continuations: Token ids behind every prompt.
        ahead: Columns of the prompts, fewer than all, that went through the model before.
        cache: What :func:`read_ahead` gave for them; it grows.

    Returns:
        As :func:`continuation_logprobs`, with gradients where they are on.
    """
    longest = max(map(len, continuations))
    ids = torch.zeros(len(continuations), longest, dtype=rows.ids.dtype)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(continuations):
        ids[row, : len(tokens)] = torch.tensor(tokens, dtype=ids.dtype)
        mask[row, : len(tokens)] = 1
    ids, mask = ids.to(rows.ids.device), mask.to(rows.mask.device)
    whole, seen = torch.cat((rows.ids, ids), dim=1), torch.cat((rows.mask, mask), dim=1)
    options = {"use_cache": False} if cache is None else {"past_key_values": cache}
    logits = model(
        whole[:, ahead:],
        attention_mask=seen,
        logits_to_keep=longest + 1,
        **places(model, seen, slice(ahead, None)),
        **options,
    ).logits[:, -longest - 1 :]
    return [log_softmax(logits[row, : max(1, len(tokens))].float(), dim=-1) for row, tokens in enumerate(continuations)]


def read_ahead(model: nn.Module, rows: Rows, columns: int) -> Cache:
    """Run the plain model over the first columns of prompts, without gradients, and return its cache."""
    with torch.no_grad():
        output = model(
            rows.ids[:, :columns],
            attention_mask=rows.mask[:, :columns],
            use_cache=True,
            logits_to_keep=1,
            **places(model, rows.mask, slice(0, columns)),
        )
    cache: Cache = output.past_key_values
    return cache


def places(model: nn.Module, mask: Tensor, columns: slice) -> dict[str, Tensor]:
    """Return the positions of some columns, where the model takes them; padding has none of its own."""
    if "position_ids" not in inspect.signature(transformer(model).forward).parameters:
        return {}
    return {"position_ids": (mask.cumsum(dim=1) - 1).clamp(min=0)[:, columns]}


def mean_logprob(logprobs: Tensor, tokens: Sequence[int]) -> Tensor:
    """Return the mean log-probability of ``tokens`` in nats a token, given what :func:`continuation_logprobs` said."""
    return logprobs.gather(1, torch.tensor(tokens, device=logprobs.device)[:, None]).mean()


def divergence(plain: Tensor, steered: Tensor) -> Tensor:
    """Return the mean KL(plain ‖ steered) over the places of a continuation, in nats a token."""
    return (plain.exp() * (plain - steered)).sum(dim=-1).mean()


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
