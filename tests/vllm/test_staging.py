"""The columns of a step against the formula, however the tokens come: chunks, batches, windows, 16 bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering import reference
from boldface.steering.plan import Steering, build_plan
from boldface.vllm import wire
from boldface.vllm.staging import Staging
from boldface.vllm.table import Table

LAYERS, HEADS, SCALES = 2, 3, (0.125, 0.0625)
WHOLE = {layer: HEADS for layer in range(LAYERS)}


@st.composite
def requests(draw):
    """A prompt length, an answer length and a steering; None is plain."""
    prompt, answer = draw(st.integers(1, 12)), draw(st.integers(0, 6))
    if draw(st.booleans()) and draw(st.booleans()):
        return prompt, answer, None
    edges = sorted(draw(st.sets(st.integers(0, prompt), max_size=6)))
    nats = st.floats(-6, 6).filter(lambda number: number == 0 or abs(number) > 1e-3)
    spans = tuple(TokenSpan(a, b, draw(nats)) for a, b in zip(edges[::2], edges[1::2], strict=False))
    gains = draw(st.dictionaries(st.tuples(st.integers(0, 1), st.integers(0, 2)), st.floats(-5, 5), max_size=5))
    how = draw(st.sampled_from(("all", "answer"))), draw(st.sampled_from(("pasta", "flat")))
    steering = Steering(spans, HeadGains(gains), *how)
    return prompt, answer, None if steering.is_null else steering


def run(batch, chunk, slots, dtype, window, heads=range(HEADS)):
    """Run a batch of requests to the end; return the bias that each got: (layers, heads, query, key)."""
    table = Table(slots, range(LAYERS), SCALES, heads, dtype)
    staging = Staging(table)
    width = table.queries.shape[-1]
    lengths = [prompt + answer for prompt, answer, _ in batch]
    keys = [torch.zeros(length, width, dtype=dtype) for length in lengths]
    queries = [torch.zeros(length, LAYERS, len(heads), width, dtype=dtype) for length in lengths]
    computed = [0] * len(batch)
    while left := [index for index, length in enumerate(lengths) if computed[index] < length]:
        counts = [min(chunk(), lengths[index] - computed[index]) for index in left]
        texts = [None if batch[index][2] is None else wire.write(batch[index][2]) for index in left]
        prompts = [batch[index][0] for index in left]
        staging.stage(texts, np.array(prompts), np.array([computed[index] for index in left]), np.array(counts))
        assert (staging.keys is None) == (not any(texts))
        begin = 0
        for index, count in zip(left, counts, strict=True):
            places = slice(computed[index], computed[index] + count)
            if staging.keys is not None:
                keys[index][places] = staging.keys[begin : begin + count]
                for layer in range(LAYERS):
                    queries[index][places, layer] = staging.queries(layer, window)[begin : begin + count]
            computed[index] += count
            begin += count
    scale = torch.tensor(SCALES, dtype=torch.float64)[:, None, None, None]
    return [
        torch.einsum("qlhc,kc->lhqk", query.double(), key.double()) * scale
        for query, key in zip(queries, keys, strict=True)
    ]


def wanted(request, window, heads=range(HEADS)):
    """The bias by the formula, where a query sees the key."""
    prompt, answer, steering = request
    columns = torch.arange(prompt + answer)
    age = columns[:, None] - columns
    visible = ((age >= 0) & (age < (window or len(columns))))[None, None]
    plan = build_plan([steering or Steering()], [prompt], WHOLE)
    nothing = torch.zeros(len(heads), len(columns), len(columns), dtype=torch.float64)
    rows = [
        reference.bias(plan, layer, columns, columns, visible)[0, list(heads)] if layer in plan.gains else nothing
        for layer in range(LAYERS)
    ]
    return torch.stack(rows), visible[0, 0]


@settings(max_examples=150)
@given(st.data())
def test_the_bias_is_the_formulas(data):
    """For every request of a batch, whatever else is in it and however its tokens are cut into steps."""
    batch = data.draw(st.lists(requests(), min_size=1, max_size=5))
    dtype = data.draw(st.sampled_from((torch.float32, torch.bfloat16, torch.float16)))
    window = data.draw(st.sampled_from((None, 1, 3, 8)))
    got = run(batch, lambda: data.draw(st.integers(1, 7)), len(batch), dtype, window)
    close = 1e-5 if dtype == torch.float32 else 2e-3 if dtype == torch.bfloat16 else 1e-4
    for request, bias in zip(batch, got, strict=True):
        formula, visible = wanted(request, window)
        torch.testing.assert_close(bias * visible, formula * visible, atol=close, rtol=0)


def test_a_rank_has_its_own_heads():
    """Two ranks together carry what one would."""
    steering = Steering((TokenSpan(1, 3, 2.0),), HeadGains({(0, 0): 1.0, (1, 2): -0.5}))
    request = 5, 3, steering
    whole = run([request], lambda: 2, 1, torch.float32, None)[0]
    parts = [run([request], lambda: 2, 1, torch.float32, None, heads)[0] for heads in (range(2), range(2, 3))]
    assert whole.any()
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


def test_slots_are_used_again():
    """More steerings than slots, one after the other: each has its own numbers."""
    table = Table(2, range(LAYERS), SCALES, range(HEADS), torch.float32)
    gains = HeadGains([(0, 0)])
    texts = [wire.write(Steering((TokenSpan(0, 1, float(nats)),), gains)) for nats in range(1, 8)]
    for text in texts + texts[::-1]:
        row = table.row(text, 4)
        kept = table.row(texts[0], 4)
        assert row != kept or text == texts[0]
        product = table.queries[0, row, 0] @ table.keys(row)[0] * SCALES[0]
        torch.testing.assert_close(float(product), wire.steering(text).spans[0].strength, atol=1e-5, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("gain", "nats"), [(1e300, 1e-300), (1e-300, 1.0), (-1e-310, 30.0), (30.0, 1.0), (5e-324, 5e-324)]
)
def test_no_gain_is_too_large_or_small(dtype, gain, nats):
    """Whatever passes the cap gives finite columns: nothing a request says makes a NaN."""
    steering = Steering((TokenSpan(0, 2, nats),), HeadGains({(1, 1): gain, (0, 0): gain / 2}))
    for bias in run([(4, 2, steering)], lambda: 3, 1, dtype, None):
        assert bias.isfinite().all()
        assert abs(float(bias[1, 1, 3, 0]) - gain * nats) < 2e-3
