"""Route ``folded``: extra head columns into the model's own kernel, which keeps its mask and its causal flag."""

from __future__ import annotations

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
    if call.sinks is not None and not masks.is_flash(call):
        return "the kernel has no attention sinks."
    if call.mask is not None and not hasattr(call.mask, "dtype"):
        return "FlexAttention has a route of its own: flex."
    if masks.is_flash(call) and _flash_width(call) > FLASH_LARGEST_HEAD:
        return f"head size {call.query.shape[-1]} leaves no room below flash attention's {FLASH_LARGEST_HEAD}."
    return masks.why_window_by_head(call) or masks.why_dropout(call)


def run(call: Call) -> Tensor:
    """Answer the call with the model's own kernel on widened heads: (batch, heads, query, value_dim)."""
    flash = masks.is_flash(call)
    query, key, value = fold(
        call.query,
        call.key,
        call.value,
        call.bias_terms(),
        scale=call.scaling,
        multiple=FLASH_MULTIPLE if flash or call.query.device.type == "cuda" else 1,
    )
    output, _ = call.kernel(call.module, query, key, value, call.mask, scaling=call.scaling, **call.options)
    return output[..., : call.value.shape[-1]].transpose(1, 2)


def _flash_width(call: Call) -> int:
    columns = len(call.bias_terms()) * (1 if call.query.dtype.itemsize >= 4 else 4)
    return -(-(call.query.shape[-1] + columns) // FLASH_MULTIPLE) * FLASH_MULTIPLE
