"""The kernel that takes the causal flag and a bias."""

import pytest
import torch

from boldface.errors import RouteError
from boldface.steering import attend as kernels
from boldface.steering import reference


def draw(queries, keys, value_dim=8, dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    shapes = [(2, 6, queries, 8), (2, 2, keys, 8), (2, 2, keys, value_dim)]
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("value_dim", [8, 6])
@pytest.mark.parametrize(
    ("queries", "keys", "causal", "lines"),
    [
        (1, 9, False, 1),
        (1, 70, False, 1),
        (2, 70, False, 1),
        (2, 70, False, 2),
        (9, 9, True, 1),
        (4, 9, False, 1),
        (70, 70, True, 1),
    ],
)
def test_output_and_log_sum_exp_equal_the_oracle(queries, keys, causal, lines, value_dim, dtype):
    """Grouped queries, a bias of all or of each and the causal flag at once, with values narrower than keys."""
    query, key, value = draw(queries, keys, value_dim, dtype)
    bias = 3 * torch.randn(2, 6, lines, keys, generator=torch.Generator().manual_seed(1))
    visible = torch.ones(1, 1, queries, keys, dtype=torch.bool)
    visible = visible.tril() if causal else visible
    expected, _ = reference.attend(query, key, value, visible, bias.expand(-1, -1, queries, -1).double(), scale=0.35)
    unbiased, _ = reference.attend(query, key, value, visible, torch.zeros(2, 6, queries, keys).double(), scale=0.35)
    output, lse = kernels.attend(query, key, value, scale=0.35, causal=causal, bias=bias)
    scores = query.double() @ key.double().repeat_interleave(3, dim=1).transpose(-1, -2) * 0.35 + bias
    whole = torch.logsumexp(scores.masked_fill(~visible, -torch.inf), -1)
    tolerance = max(1e-5, 3 * torch.finfo(dtype).eps)
    assert output.shape == (2, 6, queries, value_dim)
    assert (output - expected).abs().max() <= tolerance
    assert (lse - whole).abs().max() <= tolerance
    assert (expected - unbiased).abs().max() >= 20 * tolerance


def test_bias_of_minus_infinity_hides_a_key():
    """A key with bias -inf is as good as absent."""
    query, key, value = draw(3, 9)
    bias = torch.zeros(2, 6, 1, 9).index_fill(-1, torch.tensor([4]), -torch.inf)
    kept = [index for index in range(9) if index != 4]
    hidden, _ = kernels.attend(query, key, value, scale=0.3, bias=bias)
    absent, _ = kernels.attend(query, key[:, :, kept], value[:, :, kept], scale=0.3)
    torch.testing.assert_close(hidden, absent)


def test_values_wider_than_keys_are_refused():
    """There is no kernel for values wider than keys: refused by name."""
    query, key, value = draw(3, 9, value_dim=12)
    with pytest.raises(RouteError, match="Values wider than keys"):
        kernels.attend(query, key, value, scale=0.3)


def test_kernel_that_ignores_its_bias_is_noticed(monkeypatch):
    """The operators are not public: before the first use they are examined, and a broken one is refused."""
    monkeypatch.setattr(kernels, "_EXAMINED", {})
    honest = kernels.kernel("cpu")

    def deaf(query, key, value, scale, causal, bias):
        return honest(query, key, value, scale, causal, None)

    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        assert kernels.examine("cpu", dtype) is None
    monkeypatch.setattr(kernels, "_EXAMINED", {})
    monkeypatch.setattr(kernels, "kernel", lambda device: deaf)
    assert "ignores its bias" in kernels.examine("cpu", torch.float32)
    assert "No kernel" in kernels.examine("mps", torch.float32)
