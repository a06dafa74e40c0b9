"""Geometry is asked from the model itself."""

import copy
import gc
import pickle
import weakref

import pytest
import torch
from torch import nn

from boldface.attention.geometry import geometry
from boldface.errors import UnsupportedModelError
from boldface.testing import ARCHITECTURES, tiny

SHAPES = {
    "llama": (9, 3, 8, 8),
    "gemma3": (4, 1, 16, 16),
    "gptj": (4, 4, 8, 8),
    "gpt2": (4, 4, 8, 8),
    "deepseek_v3": (4, 4, 12, 6),
}


@pytest.mark.parametrize("architecture", SHAPES)
def test_shapes_are_those_of_the_calls(architecture):
    """Query heads, kv heads, key size and value size are read from what the layers pass to attention."""
    layers = geometry(tiny(architecture)).layers
    assert list(layers) == [0, 1, 2]
    for layer in layers.values():
        assert (layer.heads, layer.kv_heads, layer.head_dim, layer.value_dim) == SHAPES[architecture]


def test_windows_caps_and_sinks_are_seen():
    """Sliding windows, soft caps and sinks are read layer by layer."""
    assert [layer.window for layer in geometry(tiny("gemma3")).layers.values()] == [8, None, 8]
    assert [layer.softcap for layer in geometry(tiny("gemma2")).layers.values()] == [2.0, 2.0, 2.0]
    assert all(layer.sinks for layer in geometry(tiny("gpt_oss")).layers.values())
    assert not any(layer.sinks or layer.softcap for layer in geometry(tiny("llama")).layers.values())


def test_linear_layers_are_refused_by_type():
    """A hybrid model is steered on its full layers; its linear ones are refused with their type."""
    found = geometry(tiny("qwen3_next"))
    assert list(found.layers) == [1, 3]
    assert set(found.refused) == {0, 2}
    assert "'linear_attention' has no softmax attention" in found.refused[0]


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ("t5", "encoder-decoder"),
        ("bloom", "BloomAttention never calls transformers' attention interface"),
        ("mamba", "no softmax attention|no attention layers"),
    ],
)
def test_models_that_cannot_be_steered_are_refused(architecture, reason):
    """Encoder-decoder models, models with a seam that is not known and models without attention are refused."""
    with pytest.raises(UnsupportedModelError, match=reason):
        geometry(tiny(architecture))


def test_other_modules_are_refused():
    """A module that holds no transformers model is refused."""
    with pytest.raises(UnsupportedModelError, match="Linear holds no transformers model"):
        geometry(nn.Linear(2, 2))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_asking_leaves_no_trace(architecture):
    """Asking changes neither attributes, configs nor hooks, and restores training mode."""
    model = copy.deepcopy(tiny(architecture)).train()
    before = {module: (dict(module.__dict__), module.training) for module in model.modules()}
    geometry(model)
    for module, (attributes, training) in before.items():
        assert module.training is training
        assert module.__dict__.keys() == attributes.keys()
        assert module.__dict__.get("config") is attributes.get("config")


def test_asked_model_can_be_copied_pickled_and_freed():
    """What is remembered of a model is no part of it: it copies, pickles and dies as before."""
    model = tiny.__wrapped__("llama")
    asked = geometry(model)
    assert geometry(model) is asked
    twin = copy.deepcopy(model)
    assert geometry(twin).layers[0].module is twin.model.layers[0].self_attn
    assert geometry(pickle.loads(pickle.dumps(model))).heads == asked.heads
    ghost = weakref.ref(model)
    del model
    gc.collect()
    assert ghost() is None


def test_modules_that_pass_their_mask_by_name_are_understood():
    """Doge calls the attention interface with `attention_mask=`: its layers are found."""
    from transformers import DogeConfig, DogeForCausalLM

    torch.manual_seed(0)
    config = DogeConfig(vocab_size=64, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=4)
    assert geometry(DogeForCausalLM(config).eval()).heads == {0: 4, 1: 4}
