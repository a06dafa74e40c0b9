"""The naive way: a per-head mask of query x key, materialised in every steered layer, as PASTA's own code steers.

Kinder than that code: the bias is added by one broadcast instead of a loop over heads and rows, and SDPA may run it
where that code needs eager attention. It computes the very attention that boldface computes, so the answers agree.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from boldface.steering.plan import Plan


@contextmanager
def naively(model: PreTrainedModel, plan: Plan) -> Iterator[None]:
    """Steer a Llama-like model (``model.model.layers``, no sliding windows, no padding) by materialised masks."""

    def hook(
        module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        hidden = args[0] if args else kwargs["hidden_states"]
        cache = kwargs.get("past_key_values")
        queries, past = hidden.shape[1], 0 if cache is None else cache.get_seq_length(module.layer_idx)
        mask = kwargs.get("attention_mask")
        if mask is None:
            mask = _causal(queries, past, hidden)
        kwargs["attention_mask"] = mask + plan.row_bias(module.layer_idx, 0, past + queries).to(hidden.dtype)
        return args, kwargs

    with ExitStack() as stack:
        for layer in plan.gains:
            attention = model.model.layers[layer].self_attn
            stack.callback(attention.register_forward_pre_hook(hook, with_kwargs=True).remove)
        yield


def _causal(queries: int, past: int, like: Tensor) -> Tensor:
    lowest = torch.finfo(like.dtype).min
    square = torch.full((queries, past + queries), lowest, dtype=like.dtype, device=like.device)
    return square.triu(past + 1)[None, None]


def bytes_needed(plan: Plan, implementation: str) -> int:
    """Estimate the memory that a prefill needs beside the model's own."""
    heads = next(iter(plan.gains.values())).shape[1]
    one = 4 * heads * plan.width**2
    return one * {"sdpa": 2, "eager": 5}[implementation]


def bytes_free() -> int:
    """Return the memory that is free on this machine (Linux)."""
    with open("/proc/meminfo", encoding="utf-8") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
