"""Trying the kernel before it serves: a small steered batch on the device that will serve, against the oracle.

A kernel that was compiled wrong, or on a device where it behaves otherwise, would steer wrongly without a sign.
"""

from __future__ import annotations

import torch
from torch import Tensor

from boldface.emphasis.span import TokenSpan
from boldface.errors import RouteError
from boldface.profiles.heads import HeadGains
from boldface.steering import reference
from boldface.steering.plan import Steering, build_plan
from boldface.vllm.gpu.attend import Parts, attend, padded_size
from boldface.vllm.gpu.rows import Rows

PROMPT, KEYS, PAGE = 40, 77, 16
SEGMENTS = 4
ROUNDINGS = 4
"""How many times the rounding of the type an answer may be off; steering has to move it by five times that."""


def examine(
    heads: int,
    kv_heads: int,
    head_dim: int,
    dtype: torch.dtype,
    device: torch.device,
    *,
    window: int | None = None,
    softcap: float | None = None,
    sinks: Tensor | None = None,
) -> None:
    """Answer a chunk and a decoding step with the kernel.

    Args:
        heads: Query heads of this rank.
        kv_heads: Key heads of it.
        head_dim: Size of a head.
        dtype: Of the model.
        device: Where it serves.
        window: Keys that a query sees; None for all.
        softcap: Of the scores.
        sinks: (heads,) learned sink scores.

    Raises:
        RouteError: The answer is not the oracle's.
    """
    gains = HeadGains({(0, head): (-1.0) ** head * (0.3 + head / heads) for head in range(heads)})
    steering = Steering((TokenSpan(30, 36, 3.0), TokenSpan(37, 38, -2.0)), gains)
    generator = torch.Generator().manual_seed(0)

    def draw(tokens: int, count: int) -> Tensor:
        return torch.randn(tokens, count, head_dim, generator=generator).to(dtype)

    key, value = draw(KEYS, kv_heads), draw(KEYS, kv_heads)
    pages = -(-KEYS // PAGE)
    order = torch.randperm(pages, generator=generator)
    cache = torch.zeros(pages, PAGE, kv_heads, 2 * head_dim, dtype=dtype)
    cache[order] = torch.cat([key, value], -1).resize_(pages * PAGE, kv_heads, 2 * head_dim).view_as(cache)
    cache = cache.to(device)
    rows = Rows({0: heads}, slots=1, rows=1, positions=PROMPT, device=device)
    laid_out = rows.lay_out(steering, PROMPT)
    assert laid_out is not None
    rows.write(1, laid_out)
    rows.show([1])
    plan = build_plan([steering], [PROMPT], {0: heads})
    scale = head_dim**-0.5
    for keys, queries, parts in ((PROMPT, 9, None), (KEYS, 1, None), (KEYS, 1, _scratch(heads, head_dim, device))):
        query = draw(queries, heads)
        out = torch.empty_like(query, device=device)
        attend(
            query.to(device),
            cache[..., :head_dim],
            cache[..., head_dim:],
            order.int()[None].to(device),
            torch.tensor([0, queries], dtype=torch.int32, device=device),
            torch.tensor([keys], dtype=torch.int32, device=device),
            rows.of(0),
            out,
            scale=scale,
            longest_query=queries,
            window=window,
            softcap=softcap,
            sinks=sinks,
            parts=parts,
        )
        positions, columns = torch.arange(keys - queries, keys), torch.arange(keys)
        age = positions[:, None] - columns[None, :]
        visible = ((age >= 0) & (age < (window or keys)))[None, None]
        bias = reference.bias(plan, 0, positions, columns, visible)
        wanted, plain = (
            reference.attend(
                query.transpose(0, 1)[None],
                key[:keys].transpose(0, 1)[None],
                value[:keys].transpose(0, 1)[None],
                visible,
                added,
                scale=scale,
                softcap=softcap,
                sinks=None if sinks is None else sinks.cpu(),
            )[0]
            for added in (bias, torch.zeros_like(bias))
        )
        error = float((out.cpu().double().transpose(0, 1)[None] - wanted).abs().max())
        allowed = ROUNDINGS * max(torch.finfo(dtype).eps, 1e-6)
        moved = float((wanted - plain).abs().max())
        if not error <= allowed or (window is None and moved < 5 * allowed):
            raise RouteError(
                f"The attention kernel is off by {error:.2g} on this device ({queries} of {keys} tokens).",
                "Leave BOLDFACE_VLLM unset to serve without steering.",
            )


def _scratch(heads: int, head_dim: int, device: torch.device) -> Parts:
    sizes = (1, heads, SEGMENTS, padded_size(head_dim)), (1, heads, SEGMENTS), (1, heads, SEGMENTS)
    return Parts(*(torch.empty(size, device=device) for size in sizes))
