"""The fold: the bias in extra columns of the head dimension."""

import pytest
import torch

from boldface.steering.fold import fold


def case(dtype, heads=6, kv_heads=2):
    generator = torch.Generator().manual_seed(0)
    query = torch.randn(2, heads, 3, 8, generator=generator).to(dtype)
    key, value = (torch.randn(2, kv_heads, 9, 8, generator=generator).to(dtype) for _ in range(2))
    gains = torch.randn(2, heads, 1, generator=generator)
    nats = 4 * torch.rand(2, 9, generator=generator)
    return query, key, value, [(gains, nats), (gains.clamp(min=0), nats.flip(1))]


def scores(query, key, scale):
    key = key.repeat_interleave(query.shape[1] // key.shape[1], dim=1)
    return query.double() @ key.double().transpose(-1, -2) * scale


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-3), (torch.float16, 1e-4)])
def test_folded_scores_carry_the_bias(dtype, tolerance):
    """Under grouped queries, scores of widened heads are the plain scores plus every bias term."""
    query, key, value, terms = case(dtype)
    wide_query, wide_key, _ = fold(query, key, value, terms, scale=0.3)
    bias = sum(on_query[..., None] * on_key[:, None, None, :] for on_query, on_key in terms).double()
    error = (scores(wide_query, wide_key, 0.3) - scores(query, key, 0.3) - bias).abs().max()
    assert error <= tolerance
    assert bias.abs().max() >= 100 * tolerance


@pytest.mark.parametrize("gain", [3e-4, 1.0, 1e5])
def test_columns_stay_in_the_range_of_float16(gain):
    """Only gain x nats is bounded: 30 nats by a huge or a tiny gain, on heads of 256, fit float16."""
    query, key, value = (torch.zeros(1, 1, 2, 256, dtype=torch.float16) for _ in range(3))
    terms = [
        (torch.tensor([[[gain]]]), torch.tensor([[30.0, -20.0]]) / gain),
        (torch.zeros(1, 1, 1), torch.zeros(1, 2)),
    ]
    wide_query, wide_key, _ = fold(query, key, value, terms, scale=1 / 16)
    expected = torch.tensor([[30.0, -20.0]] * 2).double()[None, None]
    assert (scores(wide_query, wide_key, 1 / 16) - expected).abs().max() <= 1e-4


def test_two_parts_beat_one_in_bfloat16():
    """High and low parts err far less than rounding gain and nats once."""
    query, key, value, terms = case(torch.bfloat16)
    wide_query, wide_key, _ = fold(query, key, value, terms[:1], scale=0.3)
    bias = terms[0][0].double()[..., None] * terms[0][1].double()[:, None, None, :]
    error = (scores(wide_query, wide_key, 0.3) - scores(query, key, 0.3) - bias).abs().max()
    rounded = terms[0][0].bfloat16().double()[..., None] * terms[0][1].bfloat16().double()[:, None, None, :]
    assert error * 20 < (rounded - bias).abs().max()


@pytest.mark.parametrize(("multiple", "width"), [(1, 10), (8, 16)])
def test_width_is_rounded_up(multiple, width):
    """All three tensors get one head size, a multiple of what the kernel wants; values are widened by zeros."""
    query, key, value, terms = case(torch.float32)
    wide = fold(query, key, value, terms, scale=1.0, multiple=multiple)
    assert [tensor.shape[-1] for tensor in wide] == [width] * 3
    assert torch.equal(wide[2][..., :8], value) and not wide[2][..., 8:].any()


def test_fold_is_differentiable_in_the_gains():
    """Gradients reach the query side of the terms."""
    query, key, value, terms = case(torch.float32)
    gains = terms[0][0].clone().requires_grad_()
    wide_query, wide_key, _ = fold(query, key, value, [(gains, terms[0][1])], scale=0.3)
    key_of_head = wide_key.repeat_interleave(3, dim=1)
    (wide_query @ key_of_head.transpose(-1, -2) * 0.3).sum().backward()
    torch.testing.assert_close(gains.grad, (3 * terms[0][1].sum(1))[:, None, None].expand(2, 6, 1))
