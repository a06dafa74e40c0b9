"""Tiny random models by architecture name: seconds for all of them, and attention far from uniform."""

from __future__ import annotations

import functools
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, PreTrainedModel

VOCABULARY = 64
WINDOW = 8
"""Tokens of the sliding windows: fewer than the sample prompts have."""

_SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
_SHAPE_GPT: dict[str, Any] = {"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 256}
_EXPERTS: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_MIXED: dict[str, Any] = {
    "sliding_window": WINDOW,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
}

ARCHITECTURES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {"hidden_size": 72, "num_attention_heads": 9, "num_key_value_heads": 3}),
    "mistral": ("mistral", {"sliding_window": WINDOW}),
    "mixtral": ("mixtral", {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "qwen2": ("qwen2", {}),
    "qwen3": ("qwen3", {"head_dim": 16}),
    "qwen3_moe": ("qwen3_moe", _EXPERTS | {"head_dim": 8}),
    "gemma2": ("gemma2", {"head_dim": 16, "sliding_window": WINDOW, "attn_logit_softcapping": 2.0}),
    "gemma3": ("gemma3_text", _MIXED | {"head_dim": 16, "num_key_value_heads": 1}),
    "phi3": ("phi3", {}),
    "gptj": ("gptj", {"rotary_dim": 4}),
    "gpt2": ("gpt2", {}),
    "gpt_neox": ("gpt_neox", {}),
    "olmo2": ("olmo2", {}),
    "granite": ("granite", {"attention_multiplier": 0.2}),
    "llama4": (
        "llama4_text",
        {
            "num_hidden_layers": 4,
            "head_dim": 8,
            "attention_chunk_size": WINDOW,
            "num_local_experts": 4,
            "intermediate_size_mlp": 32,
        },
    ),
    "doge": ("doge", {"num_key_value_heads": 4}),
    "cohere2": ("cohere2", _MIXED | {"logit_scale": 1.0}),
    "gpt_oss": ("gpt_oss", _MIXED | {"head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2}),
    "deepseek_v3": (
        "deepseek_v3",
        {
            "num_key_value_heads": 4,
            "q_lora_rank": 16,
            "kv_lora_rank": 16,
            "qk_nope_head_dim": 8,
            "qk_rope_head_dim": 4,
            "v_head_dim": 6,
            "n_routed_experts": 4,
            "n_group": 1,
            "topk_group": 1,
            "num_experts_per_tok": 2,
            "moe_intermediate_size": 16,
            "first_k_dense_replace": 1,
        },
    ),
    "qwen3_next": (
        "qwen3_next",
        _EXPERTS
        | {
            "num_hidden_layers": 4,
            "layer_types": ["linear_attention", "full_attention"] * 2,
            "head_dim": 8,
            "shared_expert_intermediate_size": 16,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
        },
    ),
}
"""Name to model type of transformers and what its config has beyond the tiny shape."""

REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "t5": ("t5", {"d_model": 32, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 4}),
    "bloom": ("bloom", {"n_layer": 2, "n_head": 4}),
    "mamba": ("mamba", {"num_hidden_layers": 2}),
}
"""Architectures that cannot be steered: name to model type and config."""


@functools.cache
def tiny(architecture: str, implementation: str | None = None) -> PreTrainedModel:
    """Return the tiny random model of an architecture, in float32; the same object for the same arguments.

    Args:
        architecture: A name in ``ARCHITECTURES`` or ``REFUSED``.
        implementation: Attention implementation; the architecture's own choice when None.
    """
    model_type, options = (ARCHITECTURES | REFUSED)[architecture]
    build = AutoModelForSeq2SeqLM if model_type == "t5" else AutoModelForCausalLM
    shape = _SHAPE_GPT if model_type in ("gptj", "gpt2") else _SHAPE
    if "attn_logit_softcapping" in options:
        implementation = implementation or "eager"  # older transformers choose SDPA here, which has no cap
    special = {"bos_token_id": None, "eos_token_id": None, "pad_token_id": 0}
    config = AutoConfig.for_model(model_type, **shape | special | options)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = build.from_config(config, attn_implementation=implementation)
    return randomise(model.eval())


def randomise(model: PreTrainedModel, seed: int = 0) -> PreTrainedModel:
    """Draw weights so large that heads attend to few tokens and steering moves the logits; return the model."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            noise = torch.randn(weight.shape, generator=generator)
            if "linear_attn" in name:
                continue  # not steered, and large weights there amplify rounding beyond the tolerance of the laws
            if weight.ndim < 2:
                weight += 0.2 * noise
            else:
                sharp = any(part in name for part in ("q_", "k_", "qkv", "query", "c_attn"))
                size = 0.3 if "experts" in name else 1.3 if sharp else 0.8
                weight.copy_(noise * size * min(weight.shape[-2:]) ** -0.5)
    return model
