"""A tiny llama with a byte-level tokenizer and a chat template, in a folder; and the command line to run on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

HEADS = "L0H1, L1H0, L1H3=0.5"
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama of two layers of four heads, random and sharp, that knows bytes and three control tokens."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    control = ["<|end|>", "<|user|>", "<|assistant|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: index for index, word in enumerate([*control, *alphabet])}
    tokenizer = Tokenizer(models.BPE(words, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|end|>", extra_special_tokens=control[1:], chat_template=TEMPLATE
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
    folder = tmp_path_factory.mktemp("models") / "tiny"
    model.save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture
def boldface(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the command line in this process: ``boldface("generate", "…", input="…")``."""
    from boldface.cli.app import app

    for name in ("BOLDFACE_DEBUG", "BOLDFACE_CACHE", "BOLDFACE_DATA", "BOLDFACE_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: object, input: str | None = None) -> Any:
        return CliRunner().invoke(app, [str(word) for word in words], input=input, prog_name="boldface")

    return run


@pytest.fixture
def generate(boldface: Callable[..., Any], tiny: Path) -> Callable[..., Any]:
    """Run ``boldface generate`` on the tiny model with its heads named."""

    def run(*words: object, heads: str | None = HEADS, input: str | None = None) -> Any:
        named = () if heads is None else ("--heads", heads)
        return boldface("generate", "--model", tiny, "--max-new-tokens", 8, *named, *words, input=input)

    return run
