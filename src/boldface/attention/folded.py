"""Route ``folded``: extra head columns into the model's own kernel, which keeps its mask and its causal flag."""

from __future__ import annotations

import torch
from torch import Tensor

from boldface.attention import masks
from boldface.attention.call import Call
from boldface.steering.fold import fold

FLASH_LARGEST_HEAD = 256
FLASH_MULTIPLE = 8


def why_not(call: Call) -> str | None:
    """Return why the call cannot be answered exactly, or None."""
    if call.softcap is not None:
        return "scores are soft-capped, so a folded bias would be capped too."
    if call.sinks is not None and not call.is_flash:
        return "the kernel has no attention sinks."
    if call.mask is not None and not hasattr(call.mask, "dtype"):
        return "FlexAttention has a route of its own: flex."
    if call.is_flash and call.windowed and call.options.get("sliding_window") is None:
        return "flash kernels are not told of chunks."
    if call.is_flash and call.query.dtype == torch.float32:
        return "flash kernels would round float32 columns to 16 bits."
    if call.is_flash and _flash_width(call) > FLASH_LARGEST_HEAD:
        return f"head size {call.query.shape[-1]} leaves no room below flash attention's {FLASH_LARGEST_HEAD}."
    return masks.why_window_by_head(call) or masks.why_dropout(call)


def run(call: Call) -> Tensor:
    """Answer the call with the model's own kernel on widened heads: (batch, heads, query, value_dim)."""
    query, key, value = fold(
        call.query,
        call.key,
        call.value,
        call.bias_terms(),
        scale=call.scaling,
        multiple=FLASH_MULTIPLE if call.is_flash or call.query.device.type == "cuda" else 1,
    )
    output, _ = call.kernel(call.module, query, key, value, call.mask, scaling=call.scaling, **call.options)
    return output[..., : call.value.shape[-1]].transpose(1, 2)


def _flash_width(call: Call) -> int:
    columns = 4 * len(call.bias_terms())  # high and low parts on both sides
    return -(-(call.query.shape[-1] + columns) // FLASH_MULTIPLE) * FLASH_MULTIPLE
