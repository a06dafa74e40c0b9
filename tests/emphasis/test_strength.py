"""Strength: three spellings of one scalar."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.emphasis.strength import (
    DEFAULT_STRENGTH,
    MAX_STRENGTH,
    check_strength,
    nats_from_alpha,
    nats_from_factor,
    resolve_strength,
)
from boldface.errors import StrengthError


def test_default_is_the_papers_alpha() -> None:
    """The default is alpha 0.01, which is a factor of 100 and 4.605 nats."""
    assert pytest.approx(4.605, abs=1e-3) == DEFAULT_STRENGTH
    assert nats_from_alpha(0.01) == pytest.approx(DEFAULT_STRENGTH)
    assert nats_from_factor(100) == pytest.approx(DEFAULT_STRENGTH)


@settings(deadline=None)
@given(st.floats(1e-13, 1e13))
def test_alpha_is_one_over_factor(factor: float) -> None:
    """Factor and alpha = 1 / factor are the same nats, and the factor below 1 is negative."""
    nats = nats_from_factor(factor)
    assert nats == pytest.approx(nats_from_alpha(1 / factor), abs=1e-9)
    assert math.exp(nats) == pytest.approx(factor)
    assert (nats < 0) == (factor < 1)


@pytest.mark.parametrize("nats", [math.nan, math.inf, -math.inf, MAX_STRENGTH + 0.1, -31, 1e308, "much", None, [1]])
def test_strength_beyond_reason_is_refused(nats: object) -> None:
    """A strength is a finite number of nats within the cap."""
    with pytest.raises(StrengthError) as caught:
        check_strength(nats)  # type: ignore[arg-type]
    assert caught.value.hint


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "10", None, 1e30, 1e-30])
def test_factor_and_alpha_are_finite_and_above_zero(value: object) -> None:
    """Neither factor nor alpha may be 0, negative, infinite, no number or beyond the cap."""
    for convert in (nats_from_factor, nats_from_alpha):
        with pytest.raises(StrengthError):
            convert(value)  # type: ignore[arg-type]


def test_resolve_takes_exactly_one_spelling() -> None:
    """Each spelling alone gives nats, none gives None, two are refused by name."""
    assert resolve_strength() is None
    assert resolve_strength(strength=2) == 2.0
    assert resolve_strength(factor=10) == pytest.approx(math.log(10))
    assert resolve_strength(alpha=0.1) == pytest.approx(math.log(10))
    with pytest.raises(StrengthError, match="alpha and strength"):
        resolve_strength(alpha=0.1, strength=2)


@pytest.mark.parametrize("flag", [True, False])
def test_a_flag_is_no_strength(flag: bool) -> None:
    """True is refused, because whoever writes it means the default and not one nat."""
    with pytest.raises(StrengthError):
        check_strength(flag)


@pytest.mark.parametrize("spelling", ["alpha", "factor", "strength"])
def test_numbers_beyond_any_float_are_refused(spelling: str) -> None:
    """A whole number of hundreds of digits is out of range in every spelling."""
    with pytest.raises(StrengthError):
        resolve_strength(**{spelling: 10**400})
