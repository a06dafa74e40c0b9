"""Seams: a function of ours in the place of one module's own."""

import copy

import pytest
import torch
from torch import nn
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from boldface.attention import seams
from boldface.testing import tiny


def attention(model):
    return next(module for module in model.modules() if isinstance(getattr(module, "layer_idx", None), int))


@pytest.mark.parametrize("architecture", ["llama", "gptj", "gemma2"])
def test_base_function_is_the_modules_own(architecture):
    """A module answered by its own attention function gives bit-identical logits."""
    model = tiny(architecture)
    ids = torch.arange(2, 12)[None]
    module = attention(model)
    base = seams.base_function(module)
    calls = []

    def own(module, query, key, value, attention_mask, **options):
        calls.append(query.shape)
        return base(module, query, key, value, attention_mask, **options)

    with torch.no_grad():
        plain = model(ids).logits
        with seams.replaced(module, own):
            assert torch.equal(model(ids).logits, plain)
    assert len(calls) == 1


def test_only_the_module_gets_another_config():
    """The model's config, other layers and other models keep theirs; the mask is still the implementation's."""
    model, other = tiny("llama"), copy.deepcopy(tiny("llama"))
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    config = model.config
    with seams.replaced(first, seams.base_function(first)):
        assert first.config is not config
        assert first.config._attn_implementation == seams.NAME
        assert second.config is config and model.config is config and model.model.config is config
        assert config._attn_implementation == "sdpa" == other.config._attn_implementation
    assert first.config is config


def test_seam_is_removed_after_an_error():
    """An error inside the block takes the function away again."""
    module = tiny("gptj").transformer.h[0].attn
    with pytest.raises(InterruptedError), seams.replaced(module, seams.base_function(module)):
        assert "_attn" in module.__dict__
        raise InterruptedError
    assert "_attn" not in module.__dict__


def test_eager_models_run_wide_heads_on_sdpa():
    """Only a model whose own function is eager gets torch's SDPA for widened heads."""
    sdpa = ALL_ATTENTION_FUNCTIONS["sdpa"]
    assert seams.kernel_function(attention(tiny("llama", "eager"))) is sdpa
    assert seams.base_function(attention(tiny("llama", "eager"))) is not sdpa
    assert seams.kernel_function(attention(tiny("llama"))) is sdpa


def test_module_without_a_seam_is_told_why():
    """A module with neither a config nor an attention method has no seam."""
    assert seams.why_not(nn.Linear(2, 2)) == "Linear has neither a config nor an attention method"
    assert seams.why_not(attention(tiny("gptj"))) is None
