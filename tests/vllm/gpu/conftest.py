"""The kernels run on a GPU where there is one, and in Triton's interpreter everywhere else."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

import pytest
import torch

if find_spec("triton") and "triton" not in sys.modules and not torch.cuda.is_available():
    os.environ["TRITON_INTERPRET"] = "1"  # read when Triton is imported


@pytest.fixture(scope="session")
def device():
    """Where the kernels of these tests run."""
    triton = pytest.importorskip("triton", reason="Triton is not in this environment: make vllm-test")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if not triton.knobs.runtime.interpret:
        pytest.skip("Triton was imported before it was told to interpret")
    teach_bfloat16()
    return torch.device("cpu")


def teach_bfloat16():
    """Have the interpreter multiply bfloat16 as numbers and not as their bits, and round to it as GPUs do."""
    import triton.language as tl
    from triton.runtime.interpreter import InterpreterBuilder, TensorHandle

    dot, cast = InterpreterBuilder.create_dot, InterpreterBuilder.cast_impl
    if hasattr(dot, "knows_bfloat16"):
        return

    def cast_impl(self, src, dst_type):
        if (src.dtype.scalar, dst_type.scalar) != (tl.float32, tl.bfloat16):
            return cast(self, src, dst_type)
        rounded = torch.from_numpy(src.data.copy()).bfloat16().view(torch.uint16)
        return TensorHandle(rounded.numpy(), tl.bfloat16)

    def create_dot(self, a, b, *rest):
        wide = (self.cast_impl(x, tl.float32) if x.dtype.scalar == tl.bfloat16 else x for x in (a, b))
        return dot(self, *wide, *rest)

    create_dot.knows_bfloat16 = True
    InterpreterBuilder.create_dot, InterpreterBuilder.cast_impl = create_dot, cast_impl
