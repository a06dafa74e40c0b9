"""The identity of live models: what changes it, what does not, and how variants relate."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, LlamaForCausalLM

from boldface.engine.identity import identity
from boldface.engine.model import Model, load
from boldface.profiles.identity import SKETCHED, relation, unpack_sketch
from boldface.testing import tiny


@pytest.fixture
def llama(byte_llama: tuple[Any, Any]) -> LlamaForCausalLM:
    """A copy that may be changed."""
    return copy.deepcopy(byte_llama[0])


def swapped(model: LlamaForCausalLM, layer: int) -> LlamaForCausalLM:
    """Exchange the two query heads of a key-value group: the model computes what it did."""
    attention, size = model.model.layers[layer].self_attn, model.config.head_dim
    order = torch.cat([torch.arange(head * size, head * size + size) for head in (1, 0, 2, 3)])
    with torch.no_grad():
        attention.q_proj.weight.copy_(attention.q_proj.weight[order])
        attention.o_proj.weight.copy_(attention.o_proj.weight[:, order])
    return model


def adapted(model: LlamaForCausalLM) -> Any:
    """Random, unmerged adapters on queries and values."""
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    return peft.get_peft_model(model, config).eval()


def test_it_says_what_the_model_is(byte_llama: tuple[Any, Any]) -> None:
    """Class, shape and type of the model; a sketch of every layer; nothing about the machine."""
    model, tokenizer = byte_llama
    found = identity(model, tokenizer)
    assert found.architecture == "LlamaForCausalLM"
    assert (found.layers, found.heads, found.kv_heads, found.head_dim, found.hidden_size) == (2, 4, 2, 16, 64)
    assert (found.vocabulary, found.dtype, found.origin) == (len(tokenizer), "float32", "given as an object")
    assert len(unpack_sketch(found.sketch)) == 2 * SKETCHED
    assert identity(model).tokenizer == ""
    assert identity(model).weights == found.weights


def test_copies_are_the_same(byte_llama: tuple[Any, Any], llama: LlamaForCausalLM) -> None:
    """A copy, a copy in bfloat16, a compiled one and one read from a file are the same model."""
    model, tokenizer = byte_llama
    ours = identity(model, tokenizer)
    assert identity(llama, copy.deepcopy(tokenizer)) == ours
    assert identity(torch.compile(model, backend="eager"), tokenizer) == ours
    assert identity(pickle.loads(pickle.dumps(llama)), tokenizer) == ours
    assert relation(ours, identity(llama.to(torch.bfloat16), tokenizer)).kind == "same"


def test_a_change_in_place_is_seen(llama: LlamaForCausalLM) -> None:
    """What is remembered of a model is forgotten when a weight changes or is replaced."""
    first = identity(llama)
    with torch.no_grad():
        llama.model.layers[1].mlp.up_proj.weight.mul_(1.05)
    second = identity(llama)
    llama.lm_head = nn.Linear(64, llama.config.vocab_size, bias=False)
    assert len({first.weights, second.weights, identity(llama).weights}) == 3
    assert relation(first, second).kind == "close"


def test_a_longer_vocabulary_is_seen(byte_llama: tuple[Any, Any]) -> None:
    """A tokenizer to which a word was added is another one, though it is the same object."""
    model, tokenizer = byte_llama[0], copy.deepcopy(byte_llama[1])
    before = identity(model, tokenizer)
    tokenizer.add_tokens(["more"])
    after = identity(model, tokenizer)
    assert relation(before, after) == ("close", ("the tokenizer's vocabulary differs",))


def test_heads_in_another_order_are_never_the_same(llama: LlamaForCausalLM) -> None:
    """The model answers as before, to the last few bits, and yet the profile is wrong: the digest shows it."""
    before, ids = identity(llama), torch.arange(3, 40)[None]
    with torch.no_grad():
        plain = llama(ids).logits
        changed = swapped(llama, 0)(ids).logits
    assert (plain - changed).abs().max() < 1e-3
    assert relation(before, identity(llama)).kind != "same"


def test_another_random_start_is_foreign(llama: LlamaForCausalLM) -> None:
    """The same config is not the same model."""
    torch.manual_seed(99)
    assert relation(identity(llama), identity(LlamaForCausalLM(llama.config))).kind == "foreign"


@pytest.mark.parametrize("change", ["noise", "eight bits"])
def test_small_changes_of_all_weights_are_close(llama: LlamaForCausalLM, change: str) -> None:
    """What fine-tuning and quantisation do to weights leaves the model a variant of itself."""
    before = identity(llama)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in (one for one in llama.parameters() if one.ndim == 2):
            if change == "noise":
                weight.add_(0.05 * weight.std() * torch.randn(weight.shape, generator=generator))
            else:
                step = weight.abs().amax(1, keepdim=True) / 127
                weight.copy_((weight / step).round() * step)
    assert relation(before, identity(llama)).kind == "close"


def test_adapters_in_force_count(llama: LlamaForCausalLM) -> None:
    """An adapter makes a variant, merged or not; switched off, or thrown away, it leaves the base."""
    base = identity(llama)
    wrapped = adapted(llama)
    unmerged = identity(wrapped)
    assert relation(base, unmerged).kind == "close"
    with wrapped.disable_adapter():
        assert identity(wrapped) == base
    assert identity(wrapped) == unmerged
    merged = identity(wrapped.merge_and_unload())
    assert relation(base, merged).kind == "close"
    assert merged.weights not in (base.weights, unmerged.weights)


def test_an_adapter_merged_in_place_is_in_the_base(llama: LlamaForCausalLM) -> None:
    """Merged but still wrapped is the same as merged and unwrapped."""
    wrapped = adapted(llama)
    wrapped.merge_adapter()
    inside = identity(wrapped)
    assert identity(wrapped.merge_and_unload()).weights == inside.weights


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_packed_weights_cannot_be_compared() -> None:
    """Weights that nobody can read give neither digest nor sketch, and shape decides."""
    before = identity(tiny("llama"))
    packed = torch.ao.quantization.quantize_dynamic(copy.deepcopy(tiny("llama")), {nn.Linear}, dtype=torch.qint8)
    found = identity(packed)
    assert (found.weights, found.sketch) == ("", "")
    assert relation(before, found).kind == "close"
    assert any("packed" in difference for difference in relation(before, found).differences)
    assert relation(before, identity(tiny("mistral"))).kind == "foreign"


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_offloaded_weights_cannot_be_compared(tmp_path: Path) -> None:
    """A layer on disk is not read for this."""
    pytest.importorskip("accelerate")
    tiny("llama").save_pretrained(tmp_path)
    parts = ("model.embed_tokens", "model.layers.0", "model.layers.2", "model.norm", "lm_head", "model.rotary_emb")
    device_map = dict.fromkeys(parts, "cpu") | {"model.layers.1": "disk"}
    model = AutoModelForCausalLM.from_pretrained(tmp_path, device_map=device_map, offload_folder=tmp_path / "offload")
    assert identity(model).weights == identity(model).sketch == ""


@pytest.mark.parametrize("name", ["gpt2", "gptj", "gpt_neox", "phi3", "gemma3", "gpt_oss", "qwen3_moe"])
def test_every_architecture_has_a_sketch(name: str) -> None:
    """Fused projections, transposed ones, experts and sinks: every steered layer has its values."""
    model = tiny(name)
    found = identity(model)
    assert len(found.weights) == 16
    assert any(unpack_sketch(found.sketch))
    assert relation(found, identity(copy.deepcopy(model))) == ("same", ())


def test_layers_that_cannot_be_steered_count() -> None:
    """A profile is for all decoder layers of a model, so that a head of the last one is in range."""
    model = tiny("qwen3_next")
    assert identity(model).layers == model.config.num_hidden_layers


def test_a_loaded_model_knows_where_it_is_from(tiny_gguf: Path, tiny_folder: Path) -> None:
    """A GGUF file tells its name and its type of tensors, a folder its name; neither tells its place."""
    of_file, of_folder = load(str(tiny_gguf)).identity, load(tiny_folder).identity
    assert (of_file.origin, of_file.quantization) == ("tiny.gguf", "Q8_0 GGUF")
    assert (of_folder.origin, of_folder.quantization) == (tiny_folder.name, "")
    assert relation(of_file, of_folder).kind == "same"


def test_the_embedded_model_is_what_its_profile_was_made_for(smollm2: tuple[Any, Any]) -> None:
    """The shipped profile's identity is that of the model as it loads, but for words."""
    from boldface.profiles.profile import Profile

    made_for = Profile.load("smollm2").identity
    assert made_for is not None
    assert made_for.quantization == "Q4_1 GGUF"
    assert relation(made_for, Model(*smollm2).identity).kind == "same"
