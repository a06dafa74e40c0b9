"""Giving every attention layer of a loaded model its tables, or the engine its refusal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from vllm.model_executor.layers.attention import Attention
from vllm.model_executor.models.utils import extract_layer_index
from vllm.v1.attention.backend import AttentionType

from boldface.errors import UnsupportedModelError
from boldface.vllm.gpu.backend import SteeredTritonImpl
from boldface.vllm.gpu.examination import examine
from boldface.vllm.gpu.flash import Seat, WidenedFlashImpl, buffers
from boldface.vllm.gpu.rows import Rows

CACHES = ("auto", "float16", "bfloat16", "float32")
"""Types of the cache whose numbers are what they say."""


def layers_of(model: nn.Module) -> Iterator[tuple[int, Any]]:
    """Yield the attention layers of a model, with their indices in the whole.

    A rank of a pipeline has some of them; their names hold the index in the whole.
    """
    for module in model.modules():
        if isinstance(module, Attention):
            yield extract_layer_index(module.layer_name), module


def why_not(layer: Any, *, named: bool) -> str | None:
    """Return why a layer cannot be steered exactly, or None.

    Args:
        layer: vLLM's attention layer.
        named: Whether the engine was told which backend to use.
    """
    impl = layer.impl
    if type(layer) is not Attention:  # chunks and prefixes give their kernels other rows than the batch has
        return f"its attention is a {type(layer).__name__}."
    if layer.attn_type != AttentionType.DECODER:
        return f"its attention is of kind {layer.attn_type}."
    if not isinstance(impl, SteeredTritonImpl | WidenedFlashImpl):
        return f"it attends by {type(impl).__name__} (say --attention-backend TRITON_ATTN)."
    if impl.kv_cache_dtype not in CACHES:
        return f"its cache holds {impl.kv_cache_dtype} (say --kv-cache-dtype auto)."
    if impl.alibi_slopes is not None:
        return "it has ALiBi."
    if isinstance(impl, SteeredTritonImpl):
        return "it attends in chunks." if impl.chunk_lookback > -1 else None
    if not named:
        return (
            "it attends by FlashAttention, which has to be named (say --attention-backend FLASH_ATTN or TRITON_ATTN)."
        )
    if impl.logits_soft_cap:
        return "it caps its scores, and a folded bias would be capped too (say --attention-backend TRITON_ATTN)."
    return None


def seat(config: Any, model: nn.Module, rows: Rows) -> None:
    """Give every layer what it needs to be steered.

    Args:
        config: vLLM's, of the engine.
        model: The loaded model.
        rows: The tables.

    Raises:
        UnsupportedModelError: A layer cannot be steered exactly; the engine must not start.
    """
    examined: set[tuple[Any, ...]] = set()
    shared: dict[tuple[int, int], tuple[Tensor, Tensor | None]] = {}
    for index, layer in layers_of(model):
        refusal = why_not(layer, named=config.attention_config.backend is not None)
        if refusal:
            raise UnsupportedModelError(f"Layer {index} cannot be steered: {refusal}")
        impl, bias = layer.impl, rows.of(index)
        if isinstance(impl, SteeredTritonImpl):
            impl.bias = bias
            _examine(impl, config.model_config.dtype, rows.gains.device, examined)
            continue
        shape = impl.num_heads, impl.size
        if shape not in shared:
            tokens, dtype = config.scheduler_config.max_num_batched_tokens, config.model_config.dtype
            shared[shape] = buffers(impl, tokens, rows.gains.new_empty(0, dtype=dtype))
        impl.seat = Seat(bias, *shared[shape])


def _examine(impl: SteeredTritonImpl, dtype: torch.dtype, device: torch.device, examined: set[tuple[Any, ...]]) -> None:
    """Try the kernel for a layer, once for all of its shape."""
    kind = impl.num_heads, impl.num_kv_heads, impl.head_size, impl.window, impl.softcap, impl.sinks is None
    if kind in examined:
        return
    examined.add(kind)
    examine(*kind[:3], dtype, device, window=impl.window, softcap=impl.softcap, sinks=impl.sinks)
