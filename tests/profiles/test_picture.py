"""The map as a picture: well-formed, whole, and in bounds."""

from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.profiles.heads import HeadGains
from boldface.profiles.picture import EMPTY, head_picture
from boldface.profiles.profile import Profile

SVG = "{http://www.w3.org/2000/svg}"
GAINS = st.dictionaries(st.tuples(st.integers(0, 29), st.integers(0, 8)), st.floats(-2, 2).filter(bool), max_size=30)


def marks(picture: str) -> dict[str, tuple[str, float]]:
    """Head to the shape and the area of its mark."""
    found = {}
    for shape in ElementTree.fromstring(picture):
        title = shape.find(f"{SVG}title")
        if title is not None and title.text:
            is_disc = shape.tag == f"{SVG}circle"
            area = math.pi * float(shape.attrib["r"]) ** 2 if is_disc else float(shape.attrib["width"]) ** 2
            found[title.text] = ("disc" if is_disc else "square", area)
    return found


@settings(max_examples=30)
@given(GAINS)
def test_every_steered_head_has_its_mark(gains: dict[tuple[int, int], float]) -> None:
    """A square for a head turned to the emphasis, a disc for one turned away, its gain in its title."""
    picture = head_picture(Profile("a", "", HeadGains(gains), layers=30, heads=9))
    expected = {f"L{layer}H{head}: {gain:+.2f}".replace("-", "−"): gain > 0 for (layer, head), gain in gains.items()}
    assert {title: shape == "square" for title, (shape, _) in marks(picture).items()} == expected
    fields = [one for one in ElementTree.fromstring(picture) if one.attrib.get("fill") == EMPTY]
    assert len(fields) == 30 * 9 + (6 if gains else 0)


def test_areas_are_the_gains() -> None:
    """Half the gain has half the area, to either side."""
    found = marks(head_picture(Profile("a", "", HeadGains({(0, 0): 1.0, (0, 1): 0.5, (1, 0): -1.0, (1, 1): -0.5}))))
    whole = found["L0H0: +1.00"][1]
    assert found["L0H1: +0.50"][1] == pytest.approx(whole / 2, rel=0.05)
    assert found["L1H0: −1.00"][1] == pytest.approx(whole, rel=0.05)
    assert found["L1H1: −0.50"][1] == pytest.approx(whole / 2, rel=0.05)


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (18, 4), (30, 9), (32, 32), (80, 64), (126, 128)])
@pytest.mark.parametrize("name", ["a", "x" * 300, "<&>\"'\x1b[31m"])
def test_all_of_it_is_inside(layers: int, heads: int, name: str) -> None:
    """Nothing is drawn outside the picture, labels do not touch, and any name is text."""
    gains = HeadGains({(layers - 1, heads - 1): -1.0})
    root = ElementTree.fromstring(head_picture(Profile(name, name, gains, layers=layers, heads=heads)))
    width, height = (float(root.attrib[side]) for side in ("width", "height"))
    labels: list[tuple[float, float]] = []
    for one in root.iter():
        x, y = (float(one.attrib.get(axis, one.attrib.get(f"c{axis}", 0))) for axis in "xy")
        assert 0 <= x <= width
        assert 0 <= y <= height
        if one.tag == f"{SVG}text" and (one.text or "").isdigit() and one.attrib.get("text-anchor") == "middle":
            labels.append((x, 7 * len(one.text or "")))
    for (left, size), (right, other) in pairwise(labels):
        assert right - left > (size + other) / 2
