"""Head gains: the algebra, the text form and the reference's JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.errors import HeadError
from boldface.profiles.heads import Head, HeadGains

HEADS = st.tuples(st.integers(0, 5), st.integers(0, 5))
GAINS = st.dictionaries(HEADS, st.sampled_from([-2.0, -1.0, 0.5, 1.0]) | st.floats(-4, 4), max_size=8).map(HeadGains)
SETS = st.lists(HEADS, max_size=8, unique=True).map(HeadGains)


@settings(deadline=None)
@given(GAINS)
def test_text_reads_back(gains: HeadGains) -> None:
    """The text form and the layered form read back as the same gains, to the last bit."""
    assert HeadGains.parse(str(gains)) == gains
    assert HeadGains.from_layers(gains.to_layers()) == gains
    assert HeadGains.from_layers(json.loads(json.dumps(gains.to_layers()))) == gains
    assert eval(repr(gains), {"HeadGains": HeadGains}) == gains


@settings(deadline=None)
@given(SETS, SETS, SETS)
def test_head_sets_obey_the_laws_of_sets(a: HeadGains, b: HeadGains, c: HeadGains) -> None:
    """For gains of 1, ``| & -`` are union, intersection and difference of sets."""
    assert set(a | b) == set(a) | set(b)
    assert set(a & b) == set(a) & set(b)
    assert set(a - b) == set(a) - set(b)
    assert a | (b & c) == (a | b) & (a | c)
    assert a - (b | c) == (a - b) & (a - c)


@settings(deadline=None)
@given(GAINS, GAINS, GAINS)
def test_gains_obey_their_algebra(a: HeadGains, b: HeadGains, c: HeadGains) -> None:
    """Union is associative and idempotent, the empty gains are its zero, and every head falls on one side of ``b``."""
    assert a | a == a
    try:
        assert a | (b | c) == (a | b) | c
    except HeadError:
        assert any(x[head] == -y[head] for x, y in ((a, b), (b, c), (a, c)) for head in x & y)
    assert a | HeadGains() == a == HeadGains() | a
    assert (a & b) | (a - b) == a
    assert a - a == HeadGains() == a * 0
    assert -a * -1 == a


@settings(deadline=None)
@given(SETS, GAINS.map(lambda gains: gains * 0.2))
def test_union_takes_the_gain_of_larger_size(a: HeadGains, b: HeadGains) -> None:
    """Where both have a head, the union has the gain that is larger in size."""
    union = a | b
    assert all(abs(union[head]) == max(abs(a.get(head, 0.0)), abs(b.get(head, 0.0))) for head in union)
    assert set(union) == set(a) | set(b)


@settings(deadline=None)
@given(GAINS, GAINS)
def test_union_does_not_depend_on_order(a: HeadGains, b: HeadGains) -> None:
    """``a | b`` equals ``b | a``, unless gains of opposite signs and equal size meet, which is refused."""
    clash = any(a[head] == -b[head] for head in a & b)
    if clash:
        with pytest.raises(HeadError):
            _ = a | b
    else:
        assert a | b == b | a


@settings(deadline=None)
@given(GAINS, st.integers(0, 10))
def test_top_keeps_the_largest(gains: HeadGains, count: int) -> None:
    """The top heads are no smaller in size than any head left out, and are as many as asked for."""
    top = gains.top(count)
    assert len(top) == min(count, len(gains))
    left = gains - top
    assert not top or not left or min(map(abs, top.values())) >= max(map(abs, left.values()))


def test_reference_json_is_read() -> None:
    """``{"12": [3, 7]}`` means heads 3 and 7 of layer 12 with gain 1."""
    gains = HeadGains.from_layers(json.loads('{"12": [3, 7]}'))
    assert gains == HeadGains([(12, 3), (12, 7)])
    assert str(gains) == "L12H3, L12H7"
    assert gains.layers == (12,)


def test_heads_are_looked_up_by_pair() -> None:
    """A head and a bare pair are the same key; heads that are absent or have gain 0 are not there."""
    gains = HeadGains({(1, 2): 0.5, (1, 3): 0.0})
    assert gains[Head(1, 2)] == gains[1, 2] == 0.5
    assert (1, 2) in gains
    assert (1, 3) not in gains
    assert gains.get((9, 9)) is None
    assert len(gains) == 1
    assert hash(gains) == hash(HeadGains({(1, 2): 0.5}))


def test_absent_keys_of_any_kind_are_absent() -> None:
    """What is no head is not in the gains, and asking for it is a KeyError."""
    gains = HeadGains([(1, 2)])
    assert "L1H2" not in gains
    assert 5 not in gains
    with pytest.raises(KeyError):
        gains[3, 4]


def test_every_head_of_a_model() -> None:
    """All heads are layers times heads, each with gain 1."""
    gains = HeadGains.every(3, 4)
    assert len(gains) == 12
    assert set(gains.values()) == {1.0}


@pytest.mark.parametrize(
    "text",
    [
        "12",
        "L1",
        "H1",
        "L1H2=",
        "L1H2=x",
        "L1H2=1e",
        "L-1H2",
        "L1H2 L1H2",
        "L1H2=inf",
        "l1h2",
        "L1H2=1=2",
        "L1H2=1e999",
    ],
)
def test_unreadable_text_is_refused(text: str) -> None:
    """What is not a list of heads, each named once with a finite gain, is one error with the right form."""
    with pytest.raises(HeadError) as caught:
        HeadGains.parse(text)
    assert caught.value.hint


NO_HEADS = [{12: "3"}, {12: 3}, {"a": [1]}, {12: ["x"]}, {12: [[1]]}, [[12, 3]]]
NO_INDEX = [{-1: [0]}, {1: [-2]}, {12: [1.5]}, {1.5: [1]}, {12: [True]}]
NO_GAIN = [{1: {2: float("nan")}}, {1: {2: "x"}}, {1: {2: None}}]
TWICE = [{12: [3, 3]}, {"1": [0], 1: [0]}]


@pytest.mark.parametrize("layers", [*NO_HEADS, *NO_INDEX, *NO_GAIN, *TWICE])
def test_unreadable_layers_are_refused(layers: object) -> None:
    """What is not ``{layer: [heads]}`` with whole numbers, each head once, is a HeadError and nothing else."""
    with pytest.raises(HeadError) as caught:
        HeadGains.from_layers(layers)  # type: ignore[arg-type]
    assert caught.value.hint


@pytest.mark.parametrize(
    "gains",
    [[(0, -1)], [(0.5, 1)], [(True, 1)], {(0, 1): float("inf")}, {(0, 1): True}, {(0, 1): "2"}, [("a", 1)], [3]],
)
def test_unusable_gains_are_refused(gains: object) -> None:
    """Indices are whole numbers from 0, gains finite numbers."""
    with pytest.raises(HeadError):
        HeadGains(gains)  # type: ignore[arg-type]


def test_pairs_are_named_once_and_gains_are_finite() -> None:
    """A pair given twice, a layer of thousands of digits and a gain beyond any float are refused."""
    with pytest.raises(HeadError, match="L0H1 is named twice"):
        HeadGains([(0, 1), (0, 1)])
    with pytest.raises(HeadError, match="is not a head"):
        HeadGains.parse(f"L{'9' * 5000}H1")
    with pytest.raises(HeadError, match="not a finite number"):
        HeadGains({(0, 1): 10**400})
