"""Which token comes next: the laws of every setting."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from boldface.engine.batching.choice import Choice
from boldface.engine.batching.sampling import Sampling
from boldface.errors import SamplingError

ENDS = (0,)
LOGITS = torch.tensor([2.0, 3.0, 1.0, -1.0, 0.5, 2.5])


def choice(**how):
    """A choice by some settings."""
    return Choice(Sampling(max_tokens=99, **how), ENDS, lambda token: b"%d" % token)


def shares(logits, times=4000, **how):
    """How often every token is drawn, each draw by a choice of its own."""
    drawn = Counter(choice(seed=seed, **how).choose(logits)[0] for seed in range(times))
    return [drawn[token] / times for token in range(len(logits))]


@pytest.mark.parametrize("how", [{"temperature": 1.0}, {"temperature": 0.5}, {"temperature": 2.0, "top_k": 3}])
def test_draws_follow_the_softmax(how):
    """The share of every token is its probability, by temperature and top_k."""
    scaled = LOGITS / how["temperature"]
    if "top_k" in how:
        scaled[scaled < scaled.topk(how["top_k"]).values[-1]] = -torch.inf
    for drawn, wanted in zip(shares(LOGITS, **how), scaled.softmax(0).tolist(), strict=True):
        assert abs(drawn - wanted) < 4 * math.sqrt(wanted * (1 - wanted) / 4000) + 1e-9


@given(top_p=st.floats(0.01, 0.99), top_k=st.sampled_from([0, 2, 4]), size=st.sampled_from([6, 3000]))
def test_top_p_draws_from_the_smallest_set(top_p, top_k, size):
    """Only from the likeliest tokens that together have top_p of what top_k leaves."""
    logits = torch.randn(size, generator=torch.Generator().manual_seed(size))
    order = logits.argsort(descending=True)[: top_k or size]
    weights = logits[order].double().softmax(0)
    allowed = set(order[weights.cumsum(0) - weights < top_p].tolist())
    drawn = {choice(temperature=1.0, top_p=top_p, top_k=top_k, seed=seed).choose(logits)[0] for seed in range(30)}
    assert drawn <= allowed


def test_seeds():
    """A seed gives the same draws again; two draw apart, and so do none at all."""

    def draws(seed):
        one = choice(temperature=1.0, seed=seed)
        return [one.choose(torch.zeros(1000))[0] for _ in range(5)]

    assert draws(7) == draws(7)
    assert draws(-7) == draws(-7) != draws(7)
    assert draws(None) != draws(None)


def test_penalties_and_biases():
    """A token pays once for being there, and once for every time."""
    one = choice(presence_penalty=0.4, frequency_penalty=0.2, logit_bias={3: 3.9})
    # Token 1 begins at 3, 3 at 2.9, 5 at 2.5.
    assert [one.choose(LOGITS)[0] for _ in range(5)] == [1, 3, 5, 1, 3]


def test_no_end_before_its_time():
    """The end token, however likely, waits for min_tokens."""
    logits = torch.tensor([9.0, 1.0, 0.0])
    one = choice(min_tokens=2)
    assert [one.choose(logits)[0] for _ in range(3)] == [1, 1, 0]


def test_scores_are_of_the_bare_model():
    """Log-probabilities are those before biases, penalties and temperature."""
    token, score = choice(logprobs=2, logit_bias={3: 50.0}, temperature=0.3, seed=1).choose(LOGITS)
    bare = LOGITS.log_softmax(0)
    assert token == 3
    assert score.logprob == pytest.approx(float(bare[3]))
    assert score.text == b"3"
    assert [(other, text) for other, text, _ in score.best] == [(1, b"1"), (5, b"5")]
    assert [value for *_, value in score.best] == pytest.approx([float(bare[1]), float(bare[5])])


def test_likeliest_where_nothing_else_is_asked():
    """A plain sampling needs no choice: it is the likeliest token by the bare logits."""
    assert Sampling(max_tokens=1).is_plain
    assert choice().choose(LOGITS) == (1, None)
    for how in ({"temperature": 1.0}, {"logprobs": 0}, {"logit_bias": {1: 1.0}}, {"min_tokens": 1}):
        assert not Sampling(max_tokens=1, **how).is_plain


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_tokens", 0),
        ("max_tokens", 2.0),
        ("max_tokens", True),
        ("temperature", -1),
        ("temperature", math.nan),
        ("top_p", 0),
        ("top_p", 1.5),
        ("top_k", -1),
        ("seed", "x"),
        ("seed", 2**63),
        ("stop", "text"),
        ("stop", ("",)),
        ("logit_bias", {1: math.inf}),
        ("logit_bias", {"1": 1.0}),
        ("logit_bias", {-1: 1.0}),
        ("presence_penalty", math.nan),
        ("frequency_penalty", "much"),
        ("logprobs", 51),
        ("min_tokens", -1),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(field, value):
    """With the field, and what it takes."""
    with pytest.raises(SamplingError) as error:
        Sampling(**({"max_tokens": 5} | {field: value}))
    assert error.value.param == field
    assert error.value.hint
