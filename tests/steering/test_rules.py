"""The rules against their papers' formulas."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis.strategies import floats, integers

from boldface.emphasis.span import TokenSpan
from boldface.errors import SpanError, StrengthError
from boldface.profiles.heads import HeadGains
from boldface.steering import reference
from boldface.steering.plan import Steering, build_plan
from boldface.steering.rules import nats_to_share

HEADS = {0: 2}
ONE = HeadGains([(0, 1)])
SPANS = (TokenSpan(1, 3, math.log(7.0)),)
COLUMNS = torch.arange(7)
VISIBLE = (COLUMNS[:, None] >= COLUMNS)[None, None]
EMPHASISED = (COLUMNS >= 1) & (COLUMNS < 3)


def attend(seed, bias=None):
    """Output and weights of a random call of seven tokens, five of them prompt."""
    generator = torch.Generator().manual_seed(seed)
    tensors = [2 * torch.randn(1, 2, 7, 4, generator=generator) for _ in range(3)]
    return reference.attend(*tensors, VISIBLE, torch.zeros(1, 2, 7, 7) if bias is None else bias, scale=0.5)[1]


def flat(steering):
    """The bias of a steering of fixed nats."""
    return reference.bias(build_plan([steering], [5], HEADS), 0, COLUMNS, COLUMNS, VISIBLE)


@given(integers(0, 2**32))
def test_flat_is_multiplication_and_renormalisation(seed):
    """InstABoost: probabilities of the instruction times M, renormalised, generated keys as they were."""
    boosted = attend(seed) * torch.where(EMPHASISED, 7.0, 1.0).double()
    expected = boosted / boosted.sum(-1, keepdim=True)
    weights = attend(seed, flat(Steering(SPANS, ONE, rule="flat")))
    torch.testing.assert_close(weights[:, 1], expected[:, 1], rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(weights[:, 0], attend(seed)[:, 0])
    assert not torch.equal(weights, attend(seed, flat(Steering(SPANS, ONE))))  # PASTA lifts columns 5 and 6 too


def test_flat_and_share_lift_no_generated_token():
    """Rule `flat` has nats and no lift; rule `share` has a target at the emphasis, and neither nats nor lift."""
    rows = [
        Steering(SPANS, ONE),
        Steering(SPANS, ONE, rule="flat"),
        Steering(SPANS, ONE, rule="share", share=0.25),
    ]
    plan = build_plan(rows, [5] * 3, HEADS)
    assert plan.lift.tolist() == [pytest.approx(math.log(7.0)), 0.0, 0.0]
    assert (plan.nats != 0).tolist() == [[False, True, True, False, False]] * 2 + [[False] * 5]
    assert plan.share.tolist() == [[0.0] * 5] * 2 + [[0, 0.25, 0.25, 0, 0]]
    assert plan.start.tolist() == [1, 1, 1] and plan.gains[0][:, 1].tolist() == [1.0] * 3
    assert plan.expand(6).share[:, 1].tolist() == [0, 0, 0, 0, 0.25, 0.25]
    assert build_plan(rows[:2], [5] * 2, HEADS).share is None


def test_strength_makes_no_difference_to_rule_share():
    """Two strengths give one plan, and strength 0 is no emphasis."""
    weak, strong, none = (
        build_plan([Steering((TokenSpan(1, 3, nats),), ONE, rule="share", share=0.25)], [5], HEADS)
        for nats in (0.1, 30.0, 0.0)
    )
    assert torch.equal(weak.share, strong.share) and torch.equal(weak.nats, strong.nats)
    assert none.share is None and not none.gains


@given(integers(0, 2**32), floats(0.01, 0.99), floats(0, 1))
def test_share_is_spotlight(seed, share, gain):
    """The oracle's bias is log(share / mass) below the share: with gain 1 a mass m ends at share / (1 - m + share)."""
    gains = HeadGains({(0, 0): gain, (0, 1): 1.0})
    plan = build_plan([Steering(SPANS, gains, rule="share", share=share)], [5], HEADS)
    before = attend(seed)
    bias = reference.raising(plan, 0, COLUMNS, COLUMNS, before)
    after = attend(seed, bias)[..., 1:3].sum(-1)
    mass = before[..., 1:3].sum(-1)
    target = torch.tensor(share).double()  # rounded to float32, as in the plan
    short = (mass > 0) & (mass < target)
    ends = torch.where(short, target / (1 - mass + target), mass)
    torch.testing.assert_close(after[:, 1], ends[:, 1], rtol=1e-6, atol=1e-9)
    assert not bias[..., ~EMPHASISED].any() and not bias[:, :, 0].any()
    assert (after >= mass - 1e-9).all() and (after <= torch.maximum(mass, target) + 1e-9).all()


@given(floats(1e-30, 1.0), floats(0.01, 0.99))
def test_nats_to_share_keep_the_papers_bound(mass, share):
    """A mass below the share ends in [share / (1 + share), share]; any other stays; even tiny masses are exact."""
    log_mass = torch.tensor(mass, dtype=torch.float64).log()
    nats = nats_to_share(log_mass, torch.tensor(share, dtype=torch.float64))
    raised = (log_mass + nats).exp().item()
    after = raised / (1 - mass + raised)
    if mass < share:
        assert share / (1 + share) - 1e-9 <= after <= share + 1e-9
    else:
        assert nats == 0 and after == pytest.approx(mass)


def test_nothing_is_raised_where_nothing_can_be():
    """No visible emphasis (mass 0), a query that sees nothing at all and share 0 give 0 nats, never NaN or infinity."""
    log_mass = torch.tensor([-torch.inf, torch.nan, -3.0, -torch.inf])
    assert nats_to_share(log_mass, torch.tensor([0.5, 0.5, 0.0, 0.0])).tolist() == [0.0] * 4


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, True, "0.1", math.nan, None])
def test_target_share_lies_between_0_and_1(share):
    """Anything but a number between 0 and 1 is refused, and so is leaving it out."""
    with pytest.raises(StrengthError, match=r"share=0\.1"):
        Steering(SPANS, ONE, rule="share", share=share)


@pytest.mark.parametrize("rule", ["pasta", "flat"])
def test_other_rules_have_no_share(rule):
    """A share without its rule would be ignored, so it is refused."""
    with pytest.raises(StrengthError, match=r"has no target share.*rule='share'"):
        Steering(SPANS, ONE, rule=rule, share=0.1)


def test_unknown_rule_is_refused():
    """Rules are `pasta`, `flat` and `share`."""
    with pytest.raises(SpanError, match=r"Unknown rule 'spotlight'.*pasta, flat, share"):
        Steering(SPANS, ONE, rule="spotlight")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spans": (TokenSpan(0, 1, -1.0),)}, "cannot suppress"),
        ({"gains": -ONE}, "gains from 0 to 1, not -1"),
        ({"gains": ONE * 1.5}, r"gains from 0 to 1, not 1\.5"),
    ],
)
def test_rule_share_only_raises(change, message):
    """Suppression, negative gains and gains that overshoot the target are refused by rule share, and by no other."""
    steering = Steering(SPANS, ONE, rule="share", share=0.5)
    with pytest.raises(StrengthError, match=message):
        replace(steering, **change)
    replace(steering, rule="flat", share=None, **change)
