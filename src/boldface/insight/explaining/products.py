"""Products with float32 weights by oneDNN, for who reads many rows with the same weights.

Torch's builds for x86 multiply float32 matrices by Intel's MKL, which on AMD's processors reaches less than half of
what oneDNN does. The same builds have oneDNN, for 16-bit types. Both round as float32 does, and sum in other orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

MOST_BYTES = 2**29
"""Of weights that are kept once more, as oneDNN lays them out, which spares it laying them out for every product."""


class OneDnn(TorchFunctionMode):
    """Has oneDNN multiply by float32 weights on the CPU, without gradients, in this thread; all else stays as it is.

    It can be entered many times, and keeps weights from one to the next: use it for one model that does not change.

    Args:
        most: Bytes of weights that may be kept.
    """

    def __init__(self, most: int = MOST_BYTES) -> None:
        super().__init__()
        self._is_there, self._left = _is_there(), most
        self._kept: dict[Tensor, Tensor] = {}

    def __torch_function__(self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self._is_there and func is linear and not kwargs and _fits(*args):
            return self._product(*args)
        return func(*args, **(kwargs or {}))

    def _product(self, rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        if weight not in self._kept and weight.nbytes <= self._left:
            self._left -= weight.nbytes
            self._kept[weight] = torch.ops.mkldnn._reorder_linear_weight(weight, rows.shape[:-1].numel())
        laid_out = self._kept.get(weight, weight)
        product: Tensor = torch.ops.mkldnn._linear_pointwise(rows, laid_out, bias, "none", [], "")
        return product


def _fits(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> bool:
    return (
        type(weight) in (Tensor, Parameter)
        and rows.dtype == weight.dtype == torch.float32
        and rows.device.type == weight.device.type == "cpu"
        and not torch.is_grad_enabled()
    )


def _is_there() -> bool:
    """Whether this build has both libraries, and so something to choose."""
    return (
        torch.backends.mkl.is_available()  # type: ignore[no-untyped-call]
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )
