"""The oracle against the paper's formula."""

import torch
from hypothesis import given
from hypothesis.strategies import floats, integers

from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering import reference
from boldface.steering.plan import Steering, build_plan

HEADS = {0: 2}


def draw(seed, queries=7, keys=7):
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (2 * torch.randn(1, 2, size, 4, generator=generator) for size in (queries, keys, keys))
    return query, key, value


def attend(plan, tensors, **options):
    columns = torch.arange(7)
    visible = (columns[:, None] >= columns)[None, None]
    bias = reference.bias(plan, 0, columns, columns, visible)
    return reference.attend(*tensors, visible, bias, scale=0.5, **options)


@given(integers(0, 2**32), floats(1e-3, 0.9))
def test_lifting_is_damping(seed, alpha):
    """One strength and gains of 0 and 1: lifting gives the probabilities of the paper's formula, in every query."""
    strength = -torch.log(torch.tensor(alpha, dtype=torch.float64)).item()
    plan = build_plan([Steering((TokenSpan(1, 3, strength),), HeadGains([(0, 1)]))], [5], HEADS)
    tensors = draw(seed)
    _, steered = attend(plan, tensors)
    scores = (tensors[0].double() @ tensors[1].double().transpose(-1, -2) * 0.5).masked_fill(
        torch.ones(7, 7, dtype=torch.bool).triu(1), -torch.inf
    )
    weights = torch.softmax(scores, -1)
    emphasised = torch.tensor([0, 1, 1, 0, 0, 0, 0], dtype=torch.bool)
    prompt = torch.arange(7) < 5
    torch.testing.assert_close(
        steered[:, 1], reference.damp(weights[:, 1], emphasised, prompt, alpha), rtol=1e-6, atol=1e-9
    )
    torch.testing.assert_close(steered[:, 0], weights[:, 0])
    assert (steered[:, 1, 1:] - weights[:, 1, 1:]).abs().max() > 1e-6


def test_damping_renormalises():
    """Equation 2 of the paper on numbers: unemphasised prompt tokens x alpha, generated ones undamped."""
    weights = torch.tensor([0.2, 0.3, 0.5])
    damped = reference.damp(weights, torch.tensor([True, False, False]), torch.tensor([True, True, False]), 0.1)
    torch.testing.assert_close(damped, torch.tensor([0.2, 0.03, 0.5]) / 0.73)


def test_suppression_leaves_generated_tokens():
    """Suppressed tokens lose mass to all others alike: generated and unemphasised keep their ratio."""
    plan = build_plan([Steering((TokenSpan(1, 3, -3.0),), HeadGains([(0, 1)]))], [5], HEADS)
    tensors = draw(0)
    _, steered = attend(plan, tensors)
    _, plain = attend(build_plan([Steering((TokenSpan(1, 3, -1e-9),), HeadGains([(0, 1)]))], [5], HEADS), tensors)
    ratio = steered[0, 1, 6] / plain[0, 1, 6]
    torch.testing.assert_close(ratio[[0, 3, 4, 5, 6]], ratio[0].expand(5))
    assert (ratio[1:3] < ratio[0] * 0.06).all()


def test_sink_takes_part_with_bias_zero():
    """A sink is a key of value 0 that is never lifted; queries before the emphasis are plain."""
    plan = build_plan([Steering((TokenSpan(2, 3, 3.0),), HeadGains([(0, 0), (0, 1)]))], [5], HEADS)
    tensors, sinks = draw(1), torch.tensor([0.5, -1.0])
    _, steered = attend(plan, tensors, sinks=sinks)
    _, plain = attend(
        build_plan([Steering((TokenSpan(2, 3, 1e-9),), HeadGains([(0, 0)]))], [5], HEADS), tensors, sinks=sinks
    )
    torch.testing.assert_close(steered[..., :2, :], plain[..., :2, :])
    sink, sink_plain = 1 - steered[0, :, 2:].sum(-1), 1 - plain[0, :, 2:].sum(-1)
    other, other_plain = steered[0, :, 2:, 0], plain[0, :, 2:, 0]
    torch.testing.assert_close(sink / other, sink_plain / other_plain, rtol=1e-6, atol=0)
    assert (sink < sink_plain).all()


def test_cap_comes_before_the_bias():
    """Soft-capped scores are capped first and lifted after: the ratio to an unemphasised key is exp(nats)."""
    plan = build_plan([Steering((TokenSpan(1, 2, 3.0),), HeadGains([(0, 1)]))], [5], HEADS)
    _, steered = attend(plan, draw(2), softcap=1.0)
    _, plain = attend(
        build_plan([Steering((TokenSpan(1, 2, 1e-12),), HeadGains([(0, 1)]))], [5], HEADS), draw(2), softcap=1.0
    )
    gain = (steered[0, 1, 4, 1] / steered[0, 1, 4, 0]) / (plain[0, 1, 4, 1] / plain[0, 1, 4, 0])
    torch.testing.assert_close(gain, torch.exp(torch.tensor(3.0, dtype=torch.float64)), rtol=1e-6, atol=0)


def test_rows_that_see_nothing_are_zero():
    """A query whose keys are all hidden gives zeros, not NaN."""
    query, key, value = draw(3)
    visible = torch.zeros(1, 1, 7, 7, dtype=torch.bool)
    output, weights = reference.attend(query, key, value, visible, torch.zeros(1, 2, 7, 7), scale=0.5)
    assert not output.any() and not weights.any()
