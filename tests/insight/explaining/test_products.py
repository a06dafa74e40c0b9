"""Products by oneDNN: the same numbers, only where they are meant, and no more kept than may be."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import linear
from torch.utils._python_dispatch import TorchDispatchMode

from boldface.insight.explaining.products import OneDnn

needs_both = pytest.mark.skipif(
    not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()),
    reason="this build of torch has not both libraries",
)


class Operations(TorchDispatchMode):
    """Names of the operations that are run inside."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.name())
        return func(*args, **(kwargs or {}))


def product(mode, *tensors, grad=False):
    """A product inside the mode, and the operations that it took."""
    with torch.set_grad_enabled(grad), Operations() as seen, mode:
        result = linear(*tensors)
    return result, seen.names


@needs_both
@given(
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=2),
    inner=st.integers(1, 70),
    outer=st.integers(1, 70),
    biased=st.booleans(),
    most=st.sampled_from([0, 2**20]),
)
def test_products_are_the_same(shape, inner, outer, biased, most):
    """With and without bias, laid out anew or as they are, again and again: what float64 gives, to rounding."""
    generator = torch.Generator().manual_seed(inner)
    rows, weight = torch.randn(*shape, inner, generator=generator), torch.randn(outer, inner, generator=generator)
    tensors = [rows, weight, torch.randn(outer, generator=generator)][: 2 + biased]
    mode, expected = OneDnn(most), linear(*(one.double() for one in tensors))
    for _ in range(2):
        result, names = product(mode, *tensors)
        assert (result.double() - expected).abs().max() < 1e-4
        assert "mkldnn::_linear_pointwise" in names
    more, _ = product(mode, torch.cat((rows, -rows)), *tensors[1:])
    twice = linear(torch.cat((rows, -rows)).double(), *(one.double() for one in tensors[1:]))
    assert (more.double() - twice).abs().max() < 1e-4


@needs_both
@pytest.mark.parametrize("how", [{"dtype": torch.float64}, {"dtype": torch.bfloat16}, {"requires_grad": True}], ids=str)
def test_others_are_left_alone(how):
    """Other types, and what somebody differentiates through, are what torch makes of them, bit by bit."""
    rows, weight = torch.randn(5, 8).to(how.get("dtype")), torch.randn(3, 8).to(how.get("dtype"))
    grad = how.get("requires_grad", False)
    result, names = product(OneDnn(), rows, weight.requires_grad_(grad), grad=grad)
    assert torch.equal(result, linear(rows, weight))
    assert result.requires_grad == grad
    assert not any(name.startswith("mkldnn") for name in names)


@needs_both
def test_no_more_is_kept_than_may_be():
    """Weights are laid out once while there is room for them, and multiplied by as they are where there is none."""
    rows, weights = torch.randn(5, 8), [torch.randn(3, 8) for _ in range(4)]
    mode = OneDnn(most=2 * weights[0].nbytes)
    laid_out = ["mkldnn::_reorder_linear_weight" in product(mode, rows, weight)[1] for weight in weights * 2]
    assert laid_out == [True, True, *[False] * 6]
