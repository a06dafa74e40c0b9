"""The fold's columns, written by kernels: plain attention over the widened pages is steered attention."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering import reference
from boldface.steering.plan import Steering, build_plan
from boldface.vllm.gpu.flash_room import Room
from boldface.vllm.gpu.rows import PLAIN, Rows

HEADS, KV_HEADS, SIZE, PAGE, SCALE = 6, 2, 16, 8, 0.3
GAINS = HeadGains({(0, 0): 1.0, (0, 1): -0.7, (0, 4): 0.45, (0, 5): 1e-3})
STEERINGS = [
    Steering((TokenSpan(3, 6, 3.3), TokenSpan(8, 9, -2.1)), GAINS),
    Steering(),
    Steering((TokenSpan(1, 4, 2.7),), GAINS, scope="answer"),
    Steering((TokenSpan(1, 2, 4.1),), GAINS, rule="flat"),
]
PROMPTS, KEYS = [11, 9, 12, 10], [19, 14, 20, 10]


@pytest.mark.parametrize("wide", [Room(24, 16, 1, 1), Room(24, 24, 1, 1)], ids=["key", "both"])
@pytest.mark.parametrize("window", [0, 9])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 3e-4), (torch.float16, 3e-5)], ids=str
)
def test_scores_carry_the_bias(device, dtype, tolerance, window, wide):
    """Every query and key of a mixed step, written at once: widened scores are plain scores plus the plan's bias."""
    from boldface.vllm.gpu.widen import widen_queries, write_pages

    generator = torch.Generator().manual_seed(0)
    tokens = sum(KEYS)
    query, key, value = (
        torch.randn(tokens, heads, SIZE, generator=generator).to(dtype).to(device)
        for heads in (HEADS, KV_HEADS, KV_HEADS)
    )
    rows = Rows({0: HEADS}, slots=4, rows=6, positions=20, device=device)
    slots = []
    for slot, (steering, prompt) in enumerate(zip(STEERINGS, PROMPTS, strict=True), start=1):
        laid_out = rows.lay_out(steering, prompt)
        slots.append(PLAIN if laid_out is None else slot)
        if laid_out is not None:
            rows.write(slot, laid_out)
    rows.show(slots)
    starts = torch.tensor([0, *KEYS, 0]).cumsum(0).int().to(device)  # a row of padding
    step = SimpleNamespace(query_start_loc=starts, seq_lens=torch.tensor([*KEYS, 0], dtype=torch.int32, device=device))
    places = torch.randperm(12 * PAGE, generator=generator)[:tokens].to(device)
    cache = torch.full((12, KV_HEADS, PAGE, wide.key + wide.value), torch.nan, dtype=dtype, device=device)
    padded = torch.cat([places, places.new_full((2,), -1)])
    write_pages(rows.of(0), key, value, cache, padded, step, wide)
    wide_query = torch.zeros(tokens + 3, HEADS, wide.key, dtype=dtype, device=device)
    widen_queries(rows.of(0), query, wide_query, step, SCALE, window)

    written = cache.transpose(1, 2).flatten(0, 1)[places].cpu().double()
    wide_key, wide_value = written.split([wide.key, wide.value], dim=-1)
    assert torch.equal(wide_value[..., :SIZE], value.cpu().double()) and not wide_value[..., SIZE:].any()
    assert cache.isnan().any(-1).sum() == (12 * PAGE - tokens) * KV_HEADS
    moved = 0.0
    for row, (steering, prompt) in enumerate(zip(STEERINGS, PROMPTS, strict=True)):
        part = slice(int(starts[row]), int(starts[row + 1]))
        plan, positions = build_plan([steering], [prompt], {0: HEADS}), torch.arange(KEYS[row])
        age = positions[:, None] - positions[None, :]
        visible = ((age >= 0) & (age < (window or KEYS[row])))[None, None]
        bias = (
            torch.zeros(1, HEADS, 1, 1) if steering.is_null else reference.bias(plan, 0, positions, positions, visible)
        )

        def scores(queries, keys, part=part):
            keys = keys[part].repeat_interleave(HEADS // KV_HEADS, dim=1)
            return torch.einsum("qhd,khd->hqk", queries[part].cpu().double(), keys.cpu().double()) * SCALE

        added = scores(wide_query, wide_key) - scores(query, key)
        assert ((added - bias[0]) * visible[0]).abs().max() <= tolerance
        moved = max(moved, float((bias[0] * visible[0]).abs().max()))
    assert moved > 1
