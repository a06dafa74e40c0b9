"""Steering inside what people do to models: adapters, quantised weights, several devices, other ways to decode."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from boldface import HeadGains, Steering, TokenSpan
from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.steering.plan import build_plan
from boldface.testing import tiny

TOLERANCE = 5e-5  # logits reach 20 here


def random_llama() -> PreTrainedModel:
    """A copy of the laws' llama: three layers of nine heads, the same weights at every call."""
    return copy.deepcopy(tiny("llama"))


def with_lora(_: Path) -> nn.Module:
    """Random, unmerged adapters on queries and values."""
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    return peft.get_peft_model(random_llama(), config).eval()


def quantised(_: Path) -> nn.Module:
    """All linear layers in 8 bits."""
    return torch.ao.quantization.quantize_dynamic(random_llama(), {nn.Linear}, dtype=torch.qint8)


def on_several_devices(folder: Path) -> nn.Module:
    """Two layers on the CPU, the one between them offloaded to disk."""
    pytest.importorskip("accelerate")
    random_llama().save_pretrained(folder)
    parts = ("model.embed_tokens", "model.layers.0", "model.layers.2", "model.norm", "lm_head", "model.rotary_emb")
    device_map = dict.fromkeys(parts, "cpu") | {"model.layers.1": "disk"}
    return AutoModelForCausalLM.from_pretrained(folder, device_map=device_map, offload_folder=folder / "offload")


def logits(model: nn.Module, route: str, gains: HeadGains, **options: Any) -> torch.Tensor:
    """Greedy decoding of six tokens with one emphasis: (6, vocabulary)."""
    ids = torch.randint(0, 64, (1, 12), generator=torch.Generator().manual_seed(1))
    plan = build_plan([Steering((TokenSpan(3, 6, 4.6),), gains)], [12], geometry(model).heads)
    with Attachment(model, plan, prompt=ids, route=route):
        output = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=6,
            do_sample=False,
            output_logits=True,
            return_dict_in_generate=True,
            **options,
        )
    return torch.cat(output.logits)


HEADS = HeadGains([(0, 1), (1, 2)])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("wrap", [with_lora, quantised, on_several_devices])
def test_wrapped_models_are_steered_exactly(wrap: Callable[[Path], nn.Module], tmp_path: Path) -> None:
    """Adapters, quantised weights and offloaded layers: auto equals the oracle, and steering moved the logits."""
    model = wrap(tmp_path)
    oracle = logits(model, "reference", HEADS)

    assert (logits(model, "auto", HEADS) - oracle).abs().max() < TOLERANCE
    assert (logits(model, "auto", HeadGains()) - oracle).abs().max() > 100 * TOLERANCE
    assert (logits(model, "auto", HeadGains([(0, 2), (1, 3)])) - oracle).abs().max() > 100 * TOLERANCE


@pytest.mark.parametrize(
    "options",
    [
        {"cache_implementation": "static"},
        {"prompt_lookup_num_tokens": 3},
        {"prefill_chunk_size": 5},
        {"use_cache": False},
    ],
    ids=lambda options: next(iter(options)),
)
def test_other_ways_to_decode_change_nothing(options: dict[str, Any]) -> None:
    """Static caches, drafted tokens, chunked prefill and no cache at all give the logits of plain decoding."""
    model = random_llama()
    oracle = logits(model, "reference", HEADS)

    assert (logits(model, "auto", HEADS, **options) - oracle).abs().max() < TOLERANCE
    assert (logits(model, "auto", HeadGains(), **options) - oracle).abs().max() > 100 * TOLERANCE


def test_an_assistant_model_drafts_unsteered() -> None:
    """The steered model checks every drafted token, so that the answer is its own."""
    model, assistant = random_llama(), random_llama()

    drafted = logits(model, "auto", HEADS, assistant_model=assistant)

    assert (drafted - logits(model, "reference", HEADS)).abs().max() < TOLERANCE
    assert "_boldface_attachment" not in assistant.__dict__
