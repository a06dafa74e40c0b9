"""The places of vLLM that the part for GPUs takes hold of."""

from __future__ import annotations

import pytest

from boldface.errors import RouteError

pytestmark = pytest.mark.vllm


def test_this_vllm_fits():
    """Every place is as the code expects it."""
    from boldface.vllm.gpu import install

    install.check()


@pytest.mark.parametrize(
    ("place", "name", "says"),
    [
        ("vllm.v1.attention.backends.triton_attn", "TritonAttentionMetadata", "has no block_table"),
        ("vllm.v1.worker.gpu.input_batch", "InputBatch", "has no idx_mapping"),
    ],
)
def test_a_field_that_is_gone_is_refused(place, name, says, monkeypatch):
    """With its name, before anything is touched."""
    from boldface.vllm.gpu import install

    monkeypatch.setattr(f"{place}.{name}", type(name, (), {}))
    with pytest.raises(RouteError, match=says):
        install.check()


def test_another_layout_of_the_cache_is_refused(monkeypatch):
    """The kernel reads pages as vLLM's own does; where that changes, nothing starts."""
    from vllm.v1.attention.backends.triton_attn import TritonAttentionImpl

    from boldface.vllm.gpu import install

    def forward(self, layer, query, key, value, kv_cache, attn_metadata, output):
        return kv_cache.unbind(1)

    monkeypatch.setattr(TritonAttentionImpl, "forward", forward)
    with pytest.raises(RouteError, match="laid out otherwise"):
        install.check()
