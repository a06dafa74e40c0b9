"""Engines that are configured for what steering does not know."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from boldface.errors import UnsupportedModelError

pytestmark = pytest.mark.vllm


@pytest.fixture
def plain_config():
    """What an engine without anything unusual is configured for, by the classes of this vLLM."""
    from vllm.config import CacheConfig, ModelConfig, ParallelConfig, VllmConfig

    assert {"speculative_config", "kv_transfer_config"} <= set(VllmConfig.__dataclass_fields__)
    assert hasattr(ModelConfig, "is_mm_prefix_lm") and hasattr(ModelConfig, "is_diffusion")
    assert "enable_sleep_mode" in ModelConfig.__dataclass_fields__
    return SimpleNamespace(
        parallel_config=ParallelConfig(),
        cache_config=CacheConfig(),
        model_config=SimpleNamespace(is_mm_prefix_lm=False, is_diffusion=False, enable_sleep_mode=False),
        speculative_config=None,
        kv_transfer_config=None,
    )


def test_what_cannot_be_steered_is_refused(plain_config):
    """A plain engine starts; each unusual one is refused by name, and so is a config that does not tell."""
    from boldface.vllm.refusals import REFUSED, refuse

    refuse(plain_config)
    for name, path, _ in REFUSED:
        whole = SimpleNamespace()
        for _, other, no in REFUSED:
            part, _, field = other.rpartition(".")
            if part and not hasattr(whole, part):
                setattr(whole, part, SimpleNamespace())
            setattr(getattr(whole, part) if part else whole, field, no)
        refuse(whole)
        part, _, field = path.rpartition(".")
        holder = getattr(whole, part) if part else whole
        setattr(holder, field, 2)
        with pytest.raises(UnsupportedModelError, match=name):
            refuse(whole)
        delattr(holder, field)
        with pytest.raises(UnsupportedModelError, match="may be on"):
            refuse(whole)
