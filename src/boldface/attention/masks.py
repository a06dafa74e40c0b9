"""Why a call cannot be answered exactly: refusals that several routes share."""

from __future__ import annotations

import torch

from boldface.attention.call import Call


def why_not_dense(call: Call) -> str | None:
    """Return why the mask is none of: absent, bool or additive of shape (batch, 1 or heads, query, key)."""
    if call.options.get("position_bias") is not None:
        return "the layer adds a position bias of its own; use folded."
    if call.mask is None:
        if call.is_flash and call.queries > 1:
            return "flash kernels align the causal flag differently; use folded."
        if call.is_flash and call.windowed and call.keys > (call.options.get("sliding_window") or 0):
            return "flash kernels hide what is outside the window without a mask; use folded."
        if call.queries > 1 and isinstance(call.query_start, int) and call.query_start > 0:
            return "a prefill behind a cache came without a mask."
        return None
    if not isinstance(call.mask, torch.Tensor) or call.mask.ndim != 4:
        return f"the model's mask is a {type(call.mask).__name__} of its own kernel; use flex or folded."
    return why_window_by_head(call)


def why_window_by_head(call: Call) -> str | None:
    """Return why it is not known for a whole row whether the emphasis has left a query's window."""
    if call.windowed and isinstance(call.mask, torch.Tensor) and call.mask.ndim == 4 and call.mask.shape[1] != 1:
        return "heads see different windows."
    return None


def why_merge(call: Call) -> str | None:
    """Return why parts of the attention cannot be merged by their log-sum-exp, if something stands in the way."""
    return "a log-sum-exp carries no gradient; use folded or sdpa." if call.needs_gradient else None


def why_dropout(call: Call) -> str | None:
    """Return why dropout stands in the way, if it does."""
    if call.module.training and call.options.get("dropout"):
        return "attention dropout is on; call model.eval()."
    return None
