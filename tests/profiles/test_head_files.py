"""Head lists of others: read, written, and refused where they may mean something else."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import HeadError
from boldface.profiles.head_files import Format, check_range, head_set, read_head_file, write_head_file
from boldface.profiles.heads import HeadGains

HEADS = st.tuples(st.integers(0, 40), st.integers(0, 40))
GAINS = st.dictionaries(HEADS, st.floats(-4, 4).filter(bool), min_size=1, max_size=8).map(HeadGains)
SETS = st.lists(HEADS, min_size=1, max_size=8, unique=True).map(HeadGains)
THREE = HeadGains([(0, 1), (12, 3), (12, 7)])


@given(GAINS, st.sampled_from(["list", "csv"]))
def test_gains_read_back(gains: HeadGains, format: Format) -> None:
    """Formats with a place for gains give them back, to the last bit."""
    assert read_head_file(write_head_file(gains, format), "x") == gains


@given(SETS, st.sampled_from(get_args(Format)))
def test_head_sets_read_back(gains: HeadGains, format: Format) -> None:
    """Every format gives a head set back."""
    assert read_head_file(write_head_file(gains, format), "x") == gains


@given(SETS)
def test_pairs_read_the_same(gains: HeadGains) -> None:
    """A JSON list of pairs is the same head set."""
    assert read_head_file(json.dumps([list(head) for head in gains]), "x") == gains


@pytest.mark.parametrize(
    "text",
    [
        '{"12": [3, 7], "0": [1]}',
        '\ufeff{"12": [3, 7], "0": [1]}\r\n',
        '{"12": {"3": 1, "7": 1.0}, "0": {"1": 1}}',
        "[[12, 3], [12, 7], [0, 1]]",
        "L0H1\nL12H3\nL12H7\n",
        "L0H1, L12H3 L12H7",
        "0,1\n12,3\n12,7",
        "layer,head\n0,1\n12,3\n\n12,7\n",
        "Layer, Head, Gain\r\n0, 1, 1\r\n12, 3, 1.0\r\n12, 7,\r\n",
        "head,layer\n1,0\n3,12\n7,12\n",
        "gain,head,layer\n1,1,0\n1,3,12\n1,7,12\n",
    ],
)
def test_every_spelling_is_read(text: str) -> None:
    """The same three heads, as different people write them."""
    assert read_head_file(text, "heads.txt") == THREE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "names no head"),
        ("{}", "names no head"),
        ("[]", "names no head"),
        ("layer,head\n", "names no head"),
        ("L0H1=0", "names no head"),
        ('{"0": [1], "0": [2]}', "a key stands there twice"),
        ('{"0": [1, 1]}', "L0H1 is named twice"),
        ("[[0, 1], [0, 1]]", "L0H1 is named twice"),
        ("0,1\n0,1", "L0H1 is named twice"),
        ("L0H1\nL0H1", "L0H1 is named twice"),
        ("[12, 13]", "whole layers"),
        ("[[12, 3, 1]]", "is not a head"),
        ("[[12.0, 3]]", "whole number"),
        ("[[true, 3]]", "whole number"),
        ('["L1H2"]', "is not a head"),
        ("[[[1, 2]]]", "is not a head"),
        ("12 3", "no line of layer,head"),
        ("12,3,1,9", "no line of layer,head"),
        ("12", "no line of layer,head"),
        ("a,b\n1,2", "columns are a, b"),
        ("layer,gain\n1,2", "columns are layer, gain"),
        ("-1,2", "whole number from 0"),
        ("0,1,inf", "not a finite number"),
        ("L12", "'L12' is not a head"),
        ('{"a": [1]}', "not a layer number"),
        ('{"schema_version": 2}', "is a profile already"),
        ("[1", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_what_is_no_list_of_heads_is_refused(text: str, says: str) -> None:
    """The error names the file, says what is wrong, and how to write it."""
    with pytest.raises(HeadError, match=says) as caught:
        read_head_file(text, "heads.txt")
    assert "heads.txt" in str(caught.value)
    assert caught.value.hint


def test_the_reference_has_no_gains() -> None:
    """A gain other than 1 is never dropped in silence; the hint says how to make a head set."""
    with pytest.raises(HeadError, match=r"L0H2 has a gain of 0\.5") as caught:
        write_head_file(HeadGains.parse("L0H1, L0H2=0.5"), "reference")
    assert "--least 0.5" in caught.value.hint
    assert json.loads(write_head_file(THREE, "reference")) == {"0": [1], "12": [3, 7]}


@given(GAINS, st.floats(0.01, 3))
def test_a_head_set_has_the_large_gains(gains: HeadGains, least: float) -> None:
    """Every head of that gain or more, with gain 1, and never one that turns away."""
    large = {head for head, gain in gains.items() if gain >= least}
    if large:
        assert dict(head_set(gains, least)) == dict.fromkeys(large, 1.0)
    else:
        with pytest.raises(HeadError, match="No head has a gain of"):
            head_set(gains, least)


@pytest.mark.parametrize("least", [0.0, -1.0, float("nan")])
def test_a_least_gain_is_above_0(least: float) -> None:
    """Else heads that turn away from the emphasis would be turned to it."""
    with pytest.raises(HeadError, match="least gain"):
        head_set(THREE, least)


@pytest.mark.parametrize(
    ("heads", "hint"),
    [
        ([(1, 29), (8, 3)], "heads before layers"),
        ([(1, 9), (30, 1), (30, 9)], "count from 1"),
        ([(0, 9), (5, 40)], "Layer 0 has 9 query heads"),
        ([(40, 40)], "Name the model"),
    ],
)
def test_heads_out_of_range_are_explained(heads: list[tuple[int, int]], hint: str) -> None:
    """For SmolLM2, 30 layers of 9 heads: what the file seems to mean instead."""
    with pytest.raises(HeadError, match=r"heads\.json names L\d+H\d+, which the model does not have") as caught:
        check_range(HeadGains(heads), dict.fromkeys(range(30), 9), "heads.json")
    assert hint in caught.value.hint


@given(SETS)
def test_heads_in_range_pass(gains: HeadGains) -> None:
    """What the model has is not refused."""
    shape: dict[int, Any] = dict.fromkeys(range(41), 41)
    check_range(gains, shape, "x")


def test_an_unknown_format_is_refused() -> None:
    """There are three to write."""
    with pytest.raises(HeadError, match="no format 'yaml'"):
        write_head_file(THREE, "yaml")  # type: ignore[arg-type]
