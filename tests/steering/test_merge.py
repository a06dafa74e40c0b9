"""Merging attention over disjoint sets of keys."""

import torch

from boldface.steering.merge import drain_into_sink, mass, merge


def attention(scores, value):
    return torch.softmax(scores, -1) @ value, torch.logsumexp(scores, -1)


def test_parts_merge_to_the_whole():
    """Attention over three parts of the keys, merged, is attention over all of them; shares sum to 1."""
    generator = torch.Generator().manual_seed(0)
    scores, value = 3 * torch.randn(2, 3, 4, 9, generator=generator), torch.randn(2, 3, 9, 5, generator=generator)
    parts = [attention(scores[..., cut], value[:, :, cut]) for cut in (slice(0, 2), slice(2, 3), slice(3, 9))]
    output, lse = merge(parts)
    expected, whole = attention(scores, value)
    torch.testing.assert_close(output, expected)
    torch.testing.assert_close(lse, whole)
    torch.testing.assert_close(sum(mass(part, whole) for _, part in parts), torch.ones_like(whole))
    torch.testing.assert_close(mass(parts[0][1], whole), torch.softmax(scores, -1)[..., :2].sum(-1))


def test_parts_that_see_nothing_count_nothing():
    """A part with log-sum-exp -inf changes nothing; where all parts are, the output is 0 and not NaN."""
    output, lse = torch.randn(1, 1, 2, 3), torch.tensor([[[0.5, -torch.inf]]])
    nothing = torch.zeros(1, 1, 2, 3), torch.full((1, 1, 2), -torch.inf)
    merged, whole = merge([(output, lse), nothing])
    torch.testing.assert_close(merged[..., 0, :], output[..., 0, :])
    assert whole.tolist() == [[[0.5, -torch.inf]]]
    assert not merged[..., 1, :].any()
    assert mass(nothing[1], whole).tolist() == [[[0.0, 0.0]]]


def test_sink_is_one_more_key_of_value_zero():
    """Draining into a sink equals attention with one more key of value 0 and that score."""
    scores, value, sinks = torch.randn(2, 3, 4, 9), torch.randn(2, 3, 9, 5), torch.tensor([0.3, -1.0, 4.0])
    with_sink = torch.cat([scores, sinks[None, :, None, None].expand(2, 3, 4, 1)], dim=-1)
    expected = attention(with_sink, torch.nn.functional.pad(value, (0, 0, 0, 1)))
    for got, wanted in zip(drain_into_sink(*attention(scores, value), sinks), expected, strict=True):
        torch.testing.assert_close(got, wanted)
