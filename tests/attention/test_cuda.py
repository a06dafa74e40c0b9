"""Routes on a CUDA device."""

import copy

import pytest
import torch

from boldface.attention.routes import ROUTES
from boldface.errors import RouteError
from boldface.steering import attend as kernels
from boldface.steering import reference
from boldface.testing import sample, tiny
from boldface.testing.laws import distance, forward

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize(("queries", "keys", "causal"), [(1, 37, False), (37, 37, True), (5, 300, False)])
def test_kernel_takes_causal_flag_and_bias(dtype, queries, keys, causal):
    """The CUDA kernel with a row bias equals the oracle, also for lengths that are no multiple of its blocks."""
    torch.manual_seed(0)
    query, key, value = torch.randn(2, 6, queries, 64), torch.randn(2, 2, keys, 64), torch.randn(2, 2, keys, 64)
    bias = 3 * torch.randn(2, 6, 1, keys)
    visible = torch.ones(1, 1, queries, keys, dtype=torch.bool)
    visible = visible.tril() if causal else visible
    expected, _ = reference.attend(query, key, value, visible, bias.expand(-1, -1, queries, -1).double(), scale=0.125)
    given = (tensor.to("cuda", dtype) for tensor in (query, key, value))
    output, lse = kernels.attend(*given, scale=0.125, causal=causal, bias=bias.cuda())
    tolerance = 1e-5 if dtype == torch.float32 else 5e-2
    assert distance(output.cpu(), expected) <= tolerance
    assert lse.shape == (2, 6, queries)


@pytest.mark.parametrize("architecture", ["llama", "mistral", "gemma3", "gpt_oss", "deepseek_v3"])
def test_routes_equal_the_oracle(architecture):
    """Every route that does not refuse equals the oracle on the device; flex is compiled there."""
    torch.backends.cuda.matmul.allow_tf32 = False
    model = copy.deepcopy(tiny(architecture)).cuda()
    batch = sample(model).to("cuda")
    expected, plain = forward(model, batch, "reference"), forward(model, batch, None)
    assert distance(expected, plain) >= 2e-3
    ran = []
    for route in ROUTES:
        try:
            steered = forward(model, batch, route)
        except RouteError:
            continue
        ran.append(route)
        assert distance(steered, expected) <= 2e-5, route
    assert {"reference", "sdpa", "flex"} <= set(ran)
