"""The check of vLLM's places: what does not look as it did is refused by name, and wrapping is done once."""

from __future__ import annotations

import sys
import types

import pytest

from boldface.errors import RouteError
from boldface.vllm.seams import Seam


@pytest.fixture
def place(monkeypatch):
    """A module with a function that another one calls, in place of vLLM."""
    module = types.ModuleType("other_place")
    exec(
        "def inner(a, b): return a + b\n"
        "def outer(a):\n    def later():\n        return inner(a, 1)\n    return later()\n"
        "class Thing:\n    def method(self, a, b=2): return a * b\n    @staticmethod\n    def fixed(a): return a\n",
        module.__dict__,
    )
    monkeypatch.setitem(sys.modules, "other_place", module)
    monkeypatch.setitem(sys.modules, "vllm", types.SimpleNamespace(__version__="9.9"))
    return module


@pytest.mark.parametrize(
    ("seam", "says"),
    [
        (Seam("no_such_place", "inner"), "not there"),
        (Seam("other_place", "gone"), "not there"),
        (Seam("other_place", "Thing.gone"), "not there"),
        (Seam("other_place", "Thing.fixed"), "staticmethod"),
        (Seam("other_place", "inner", ("a", "c")), "takes a, b"),
        (Seam("other_place", "outer", ("a",), ("missing",)), "does not use missing"),
    ],
)
def test_what_does_not_fit_is_refused(place, seam, says):
    """With the version and the reason."""
    with pytest.raises(RouteError, match=says) as caught:
        seam.find()
    assert "9.9" in str(caught.value)


def test_a_wrapper_is_put_in_place_once(place):
    """Called again, nothing is wrapped twice; what looks the name up finds the wrapper."""
    for seam in (Seam("other_place", "inner", ("a", "b")), Seam("other_place", "Thing.method", ("self", "a"))):
        for _ in range(3):
            seam.wrap(lambda original, *args, **kwargs: 10 * original(*args, **kwargs))
    assert place.outer(2) == 30
    assert place.Thing().method(3) == 60
    Seam("other_place", "outer", ("a",), ("inner",)).find()
