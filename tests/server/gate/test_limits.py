"""What a request may ask for."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import LimitError
from boldface.server.limits import Asked, RequestLimits, check

COUNTS = st.integers(0, 5000)
ASKED = st.builds(
    Asked, prompt_tokens=COUNTS, answer_tokens=COUNTS, choices=COUNTS, spans=COUNTS, strength=st.floats(0, 30)
)
LIMITS = st.builds(
    RequestLimits,
    tokens=st.none() | st.integers(1, 10_000),
    choices=st.integers(1, 5000),
    spans=COUNTS,
    strength=st.floats(0, 30),
    may_emphasise=st.booleans(),
)


def refused(asked: Asked, limits: RequestLimits) -> bool:
    try:
        check(asked, limits)
    except LimitError as error:
        assert error.message and error.hint and error.param
        return True
    return False


@given(ASKED, LIMITS)
def test_what_is_let_through_is_within_every_limit(asked: Asked, limits: RequestLimits):
    """A request passes exactly when nothing it asks for is above its limit."""
    total = asked.prompt_tokens + asked.answer_tokens
    within = (
        asked.spans <= limits.spans
        and asked.strength <= limits.strength
        and asked.choices <= limits.choices
        and (limits.tokens is None or total <= limits.tokens)
        and (limits.may_emphasise or not asked.spans)
    )
    assert refused(asked, limits) == (not within)


@given(ASKED, LIMITS, st.sampled_from([field.name for field in fields(Asked)]))
def test_asking_for_less_is_never_worse(asked: Asked, limits: RequestLimits, name: str):
    """What passes, passes with less as well."""
    if not refused(asked, limits):
        assert not refused(replace(asked, **{name: 0}), limits)


@given(ASKED)
def test_nothing_asked_is_never_refused(asked: Asked):
    """The strictest limits let an empty request through."""
    strictest = RequestLimits(tokens=1, choices=1, spans=0, strength=0, may_emphasise=False)
    assert not refused(Asked(), strictest)
    assert refused(asked, strictest) or asked.prompt_tokens + asked.answer_tokens <= 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tokens", 0),
        ("tokens", 1.5),
        ("tokens", True),
        ("at_once", 0),
        ("choices", 0),
        ("choices", None),
        ("spans", -1),
        ("strength", -1),
        ("strength", math.nan),
        ("strength", math.inf),
        ("strength", "4"),
        ("seconds", 0),
        ("may_emphasise", 1),
        ("may_emphasise", None),
    ],
)
def test_a_limit_that_is_none_is_refused(name: str, value: object):
    """A typo in a file of keys must not become a limit that lets everything through."""
    with pytest.raises(LimitError, match=name):
        RequestLimits().but({name: value})


def test_an_unknown_limit_is_refused():
    """So must not a misspelt one."""
    with pytest.raises(LimitError, match="'span'"):
        RequestLimits().but({"span": 3})


def test_a_keys_own_limits_come_before_the_servers():
    """In both directions: a key may be let do more than the others, or less."""
    server = RequestLimits(tokens=100, spans=5)
    assert server.but({"tokens": 1000, "spans": 2}) == RequestLimits(tokens=1000, spans=2)
    assert server.but({}) == server
