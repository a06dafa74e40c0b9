"""One attention kernel call that takes the causal flag *and* a bias, and also gives the log-sum-exp.

``torch.nn.functional.scaled_dot_product_attention`` refuses a bias together with ``is_causal``; the kernels below it
take both, and a bias of shape (batch, heads, 1, key) is broadcast over the queries inside the kernel. So a causal
prefill carries PASTA's bias without a mask of size query x key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from boldface.errors import RouteError

Kernel = Callable[[Tensor, Tensor, Tensor, float, bool, Tensor | None], tuple[Tensor, Tensor]]

_BIAS_ALIGNMENT = 16  # elements, to which the CUDA kernel wants the bias rows aligned
_EXAMINED: dict[tuple[str, torch.dtype], str | None] = {}


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    scale: float,
    causal: bool = False,
    bias: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Attend and return the output with its log-sum-exp.

    Args:
        query: (batch, heads, query, head_dim).
        key: (batch, kv_heads, key, head_dim).
        value: (batch, kv_heads, key, value_dim); value_dim at most head_dim.
        scale: Multiplies query·key.
        causal: Query i sees keys 0..i (aligned at the top left).
        bias: (batch, heads, 1 or query, key), added before the softmax; -inf hides a key. CUDA rounds it to the type
            of the query.

    Returns:
        Output (batch, heads, query, value_dim) and log-sum-exp (batch, heads, query) in float32 (float64 for float64).
        Gradients flow through the output to query, key and value; none through the log-sum-exp or to the bias.

    Raises:
        RouteError: When no kernel here takes such tensors.
    """
    refusal = why_not(query, value)
    if refusal:
        raise RouteError(refusal, "Use another route: route='sdpa' or 'folded'.")
    width = value.shape[-1]
    if width < key.shape[-1]:
        value = torch.nn.functional.pad(value, (0, key.shape[-1] - width))
    output, lse = kernel(query.device.type)(query, key, value, scale, causal, bias)
    return output[..., :width], lse


def kernel(device: str) -> Kernel:
    """Return the kernel behind :func:`attend` for a device type, without its checks."""
    return _attend_cpu if device == "cpu" else _attend_cuda


def why_not(query: Tensor, value: Tensor) -> str | None:
    """Return why no kernel here takes the tensors, or None when one does."""
    if value.shape[-1] > query.shape[-1]:
        return "Values wider than keys have no such kernel."
    return examine(query.device.type, query.dtype)


def examine(device: str, dtype: torch.dtype) -> str | None:
    """Return why the kernel for a device and dtype cannot be used, or None; computed once.

    Compilers cannot trace the examination: call this before compiled code does.
    """
    if (device, dtype) not in _EXAMINED:
        known = device in ("cpu", "cuda")
        _EXAMINED[device, dtype] = (
            _broken(device, dtype) if known else f"No kernel with causal flag and bias on {device}."
        )
    return _EXAMINED[device, dtype]


def _attend_cpu(
    query: Tensor, key: Tensor, value: Tensor, scale: float, causal: bool, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    if bias is not None:
        # 16-bit queries take a float32 bias; float64 ones misread it without a word.
        bias = bias.to(torch.promote_types(bias.dtype, query.dtype))
    flash = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    shape, kv_heads = query.shape, key.shape[1]
    groups = shape[1] // kv_heads
    grouped = shape[2] <= 2 and groups > 1 and query.dtype.itemsize == 2 and not causal
    if not grouped or bias is None or bias.shape[1:3] != shape[1:3]:
        output, lse = flash(query, key, value, 0.0, causal, attn_mask=bias, scale=scale)
        return output, lse
    # One query with 16 bits, or two: the heads of a group as queries of one head are six times as fast.
    query = query.reshape(shape[0], kv_heads, -1, shape[3])
    bias = bias.reshape(bias.shape[0], kv_heads, query.shape[2], -1)
    output, lse = flash(query, key, value, 0.0, False, attn_mask=bias, scale=scale)
    return output.reshape(*shape[:3], -1), lse.reshape(shape[:3])


def _attend_cuda(
    query: Tensor, key: Tensor, value: Tensor, scale: float, causal: bool, bias: Tensor | None
) -> tuple[Tensor, Tensor]:
    groups = query.shape[1] // key.shape[1]
    key, value = (tensor.repeat_interleave(groups, dim=1) if groups > 1 else tensor for tensor in (key, value))
    keys, queries = key.shape[2], query.shape[2]
    if bias is not None:
        padding = -keys % _BIAS_ALIGNMENT
        bias = torch.nn.functional.pad(bias.to(query.dtype), (0, padding))[..., :keys]
        bias = bias.expand(query.shape[0], query.shape[1], queries, keys)
    efficient = torch.ops.aten._scaled_dot_product_efficient_attention
    output, lse, _, _ = efficient(query, key, value, bias, True, 0.0, causal, scale=scale)
    return output, lse[..., :queries]  # its length is rounded up to whole blocks of queries


def _broken(device: str, dtype: torch.dtype) -> str | None:
    """Check the kernel against plain arithmetic: these operators are not public API."""
    size = 37  # more than a vector register holds, and no multiple of it
    generator = torch.Generator().manual_seed(0)
    plain: dict[str, Any] = {
        "generator": generator,
        "device": "cpu",
        "dtype": torch.float32,
    }  # whatever the caller's defaults are
    query, key, value = (torch.randn(1, heads, size, 16, **plain) for heads in (2, 1, 1))
    bias = torch.randn(1, 2, 1, size, **plain)
    scores = query @ key.transpose(-1, -2) / 4 + bias
    scores = scores.masked_fill(torch.ones(size, size, dtype=torch.bool, device="cpu").triu(1), -torch.inf)
    expected = torch.softmax(scores, -1) @ value, torch.logsumexp(scores, -1)
    try:
        with torch.no_grad():
            query, key, value = (tensor.to(device, dtype) for tensor in (query, key, value))
            output, lse = kernel(device)(query, key, value, 0.25, True, bias.to(device))
    except (AttributeError, NotImplementedError, RuntimeError, TypeError) as error:
        return f"The attention kernel for {device} and {dtype} does not run in torch {torch.__version__}: {error}"
    tolerance = 20 * torch.finfo(dtype).eps
    for got, wanted in ((output, expected[0]), (lse, expected[1])):
        if (got.cpu().float() - wanted).abs().max() > max(tolerance, 1e-5):
            return f"The attention kernel for {device} and {dtype} in torch {torch.__version__} ignores its bias."
    return None
