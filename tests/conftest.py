"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os
from importlib.metadata import version

import pytest
from hypothesis import settings

EMBEDDED = ("smollm2", "gemma")
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

settings.register_profile("boldface", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("boldface")


def pytest_report_header() -> str:
    """Say what the tests run with."""
    return ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "tokenizers"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the weights of an embedded model."""
    for item in items:
        if set(EMBEDDED) & set(getattr(item, "fixturenames", ())):
            item.add_marker("models")


@pytest.fixture(scope="session")
def data():
    """The data folder; what needs it is skipped where none is named."""
    from boldface.engine.settings import settings
    from boldface.tasks.data import Data

    folder = settings().data
    if folder is None:
        pytest.skip("BOLDFACE_DATA is not set")
    return Data(folder)


@pytest.fixture(scope="session")
def byte_llama():
    """A random, sharp llama (2 layers, 4 heads) of bytes, and its tokenizer; shared, so leave them as they were."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    control = ["<|end|>", "<|user|>", "<|assistant|>"]
    words = {word: index for index, word in enumerate([*control, *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    backend = Tokenizer(models.BPE(words, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|end|>", extra_special_tokens=control[1:], chat_template=TEMPLATE
    )
    torch.manual_seed(3)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=64,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=8192,
            initializer_range=0.25,
            bos_token_id=None,
            eos_token_id=0,
            pad_token_id=0,
        )
    )
    with torch.no_grad():
        model.lm_head.weight[0] = 0  # some other token is always likelier, so that answers do not end by chance
    return model.eval(), tokenizer


@pytest.fixture(scope="session")
def smollm2():
    """SmolLM2-135M-Instruct and its tokenizer, in float32; shared, so leave them as they were."""
    return _load("smollm2")


@pytest.fixture(scope="session")
def gemma():
    """Gemma 3 270M (base) and its tokenizer, in float32; shared, so leave them as they were."""
    return _load("gemma")


def _load(name: str):
    from boldface.engine.loading import load_pretrained

    model, tokenizer, _ = load_pretrained(name)
    return model, tokenizer
