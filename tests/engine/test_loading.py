"""From a name to a model and a tokenizer, or to one clear error."""

import dataclasses
import json
import shutil
import socket
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, LlamaConfig, LlamaModel

from boldface.engine.catalogue import EMBEDDED
from boldface.engine.loading import load_pretrained, refuse_unfit
from boldface.errors import MissingError, UnsupportedModelError


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test of loading may ask the network."""

    def connect(self: socket.socket | None, address: object) -> None:
        raise AssertionError(f"the network was asked for {address}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: connect(None, host))


def test_a_folder_is_loaded(tiny_folder: Path):
    """A local folder gives a model in eval mode with the checkpoint's dtype, and says where it came from."""
    model, tokenizer, origin = load_pretrained(tiny_folder)
    assert not model.training
    assert model.dtype == torch.float32
    assert model(**tokenizer("hello", return_tensors="pt")).logits.shape == (1, 3, len(tokenizer))
    assert dataclasses.astuple(origin) == (str(tiny_folder), "folder", str(tiny_folder), None, True, "")


def test_arguments_reach_transformers(tiny_folder: Path):
    """The dtype, the attention implementation and any other argument are transformers' own."""
    model, _, _ = load_pretrained(
        tiny_folder, dtype=torch.bfloat16, attn_implementation="eager", device_map="cpu", rms_norm_eps=0.5
    )
    assert model.dtype == torch.bfloat16
    assert model.config._attn_implementation == "eager"
    assert model.config.rms_norm_eps == 0.5


def test_a_device_map_needs_accelerate(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Without accelerate the error says what to install."""
    monkeypatch.setattr("boldface.engine.loading.find_spec", lambda package: None)
    with pytest.raises(MissingError, match="pip install accelerate"):
        load_pretrained(tiny_folder, device_map="auto")


def test_a_gguf_file_is_converted_and_loaded(tiny_gguf: Path, tiny_folder: Path, tmp_path: Path):
    """A path to a GGUF file gives the model that its conversion gives."""
    model, tokenizer, origin = load_pretrained(tiny_gguf, cache=tmp_path)
    other, _, _ = load_pretrained(tiny_folder)
    ids = tokenizer("hello", return_tensors="pt").input_ids
    assert torch.equal(model(ids).logits, other(ids).logits)
    assert origin.kind == "gguf"
    assert Path(origin.place).parent == tmp_path / "models"


def test_embedded_models_load_by_name(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An embedded model is found without importing the package that holds it, and is float32."""
    package = tmp_path / "weights_of_tiny"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    shutil.copy(tiny_gguf, package / "tiny.gguf")
    monkeypatch.syspath_prepend(tmp_path)
    from boldface.engine.gguf import GgufSource

    fake = dataclasses.replace(
        EMBEDDED["smollm2"],
        name="tiny",
        parts=(("weights_of_tiny", "tiny.gguf"),),
        sha256=GgufSource.of(tiny_gguf).sha256,
        chat=False,
    )
    monkeypatch.setattr("boldface.engine.loading.EMBEDDED", {"tiny": fake})
    assert fake.installed
    model, _, origin = load_pretrained("tiny", cache=tmp_path / "cache")
    assert model.dtype == torch.float32
    assert (origin.name, origin.kind, origin.chat) == ("tiny", "embedded", False)


@pytest.mark.parametrize("name", EMBEDDED)
def test_missing_weights_name_their_extra(name: str, monkeypatch: pytest.MonkeyPatch):
    """Without its packages an embedded model is an error that says what to install, and under which licence."""
    monkeypatch.setattr("boldface.engine.catalogue.find_spec", lambda package: None)
    with pytest.raises(MissingError, match=rf"{EMBEDDED[name].licence}.*pip install 'boldface\[{name}\]'"):
        load_pretrained(name)
    assert not EMBEDDED[name].installed


def test_a_hub_id_is_read_from_the_hubs_cache(tiny_folder: Path, tmp_path: Path):
    """Offline, a repository that was downloaded before loads from the hub's cache and tells its commit."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--acme--tiny"
    shutil.copytree(tiny_folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    for branch in ("main", "v2"):
        (repository / "refs" / branch).write_text(commit)
    _, _, origin = load_pretrained("acme/tiny", offline=True, cache_dir=tmp_path)
    assert dataclasses.astuple(origin) == ("acme/tiny", "hub", "acme/tiny", commit, True, "")
    assert load_pretrained("acme/tiny", offline=True, cache_dir=tmp_path, revision="v2")[2].revision == commit
    with pytest.raises(MissingError, match=r"network is switched off.*BOLDFACE_OFFLINE"):
        load_pretrained("acme/tiny", offline=True, cache_dir=tmp_path, revision="v3")


def test_a_hub_id_that_is_not_cached_is_missing_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The variable switches the network off as the argument does."""
    monkeypatch.setenv("BOLDFACE_OFFLINE", "1")
    with pytest.raises(MissingError, match=r"acme/none is not in the hub's cache"):
        load_pretrained("acme/none", cache_dir=tmp_path)


@pytest.mark.parametrize("name", ["./none", "/none/at/all", "a/b/c", "none.gguf", Path("none"), "", "a b"])
def test_a_path_that_is_not_there_is_missing(name: str | Path):
    """What can only be a path, and is not there, is never looked for on the hub."""
    with pytest.raises(MissingError, match=r"no model at .*smollm2, gemma"):
        load_pretrained(name)


def test_a_folder_without_a_model_is_missing(tmp_path: Path):
    """An empty folder is named."""
    with pytest.raises(MissingError, match="does not hold a model"):
        load_pretrained(tmp_path)


def test_a_folder_without_weights_or_tokenizer_is_missing(tiny_folder: Path, tmp_path: Path):
    """What is lacking is named."""
    folder = tmp_path / "copy"
    shutil.copytree(tiny_folder, folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(MissingError, match="does not hold weights"):
        load_pretrained(folder)
    for file in folder.glob("tokenizer*"):
        file.unlink()
    with pytest.raises(MissingError, match="does not hold a tokenizer"):
        load_pretrained(folder)


def test_an_adapter_is_no_model(tmp_path: Path):
    """A folder of adapter weights says how to load it."""
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(UnsupportedModelError, match="wrap it with peft"):
        load_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("t5", "encoder–decoder"),
        ("bart", "encoder–decoder"),
        ("whisper", "encoder–decoder"),
        ("bert", "not a causal language model"),
        ("roberta", "not a causal language model"),
        ("vit", "not a causal language model"),
        ("gemma3", "model with vision"),
        ("llava", "model with vision"),
        ("qwen2_vl", "model with vision"),
        ("qwen2_audio", "model with audio"),
    ],
)
def test_unfit_models_are_refused_by_their_config(kind: str, why: str, tmp_path: Path):
    """Encoders, encoder–decoders and models that see or hear are refused although no weights are there."""
    AutoConfig.for_model(kind).save_pretrained(tmp_path)
    with pytest.raises(UnsupportedModelError, match=why):
        load_pretrained(tmp_path)


DECODERS = """
llama mistral mixtral qwen2 qwen3 qwen3_moe gemma2 gemma3_text phi3 gptj gpt2 gpt_neox olmo2 granite cohere2 gpt_oss
deepseek_v3 qwen3_next
"""


@pytest.mark.parametrize("kind", DECODERS.split())
def test_decoders_are_not_refused(kind: str):
    """No decoder of the architectures that boldface knows is taken for something else."""
    refuse_unfit(AutoConfig.for_model(kind))


def test_an_unknown_kind_of_model_is_refused(tmp_path: Path):
    """A model type that transformers does not know is named."""
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "zzz"}))
    with pytest.raises(UnsupportedModelError, match="does not know"):
        load_pretrained(tmp_path)


def test_incomplete_weights_are_refused(tiny_folder: Path, tmp_path: Path):
    """A checkpoint without its output layer is refused; transformers alone would fill it at random."""
    small = LlamaConfig(
        vocab_size=259,
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=2,
        bos_token_id=0,
        eos_token_id=0,
    )
    LlamaModel(small).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(tiny_folder).save_pretrained(tmp_path)
    assert AutoModel.from_pretrained(tmp_path).config.tie_word_embeddings is False
    with pytest.raises(UnsupportedModelError, match=r"lack 1 tensors.*lm_head\.weight"):
        load_pretrained(tmp_path)


def test_a_missing_pad_token_is_the_end_token(tiny_folder: Path, tmp_path: Path):
    """A tokenizer without a pad token pads with its end token; one with a pad token keeps it."""
    folder = tmp_path / "copy"
    shutil.copytree(tiny_folder, folder)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config.pop("pad_token", None)
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert AutoTokenizer.from_pretrained(folder).pad_token is None
    _, tokenizer, _ = load_pretrained(folder)
    assert tokenizer.pad_token == "<|endoftext|>"
    config["pad_token"] = "ll"
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    assert load_pretrained(folder)[1].pad_token == "ll"


def test_loading_is_silent_or_reports(tiny_folder: Path, capfd: pytest.CaptureFixture[str]):
    """Nothing is drawn by default; a function is told, and a bar is drawn, on request."""
    load_pretrained(tiny_folder)
    assert capfd.readouterr() == ("", "")
    steps: list[float] = []
    load_pretrained(tiny_folder, progress=lambda step, done: steps.append(done))
    assert steps == [0.75, 1.0]
    load_pretrained(tiny_folder, progress=True)
    drawn = capfd.readouterr()
    assert drawn.out == ""
    assert drawn.err != ""


def say(loaded: tuple, prompt: str, tokens: int) -> str:
    """What the model says next, greedily."""
    model, tokenizer = loaded
    inputs = tokenizer(prompt, return_tensors="pt")
    with torch.no_grad():
        said = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    return tokenizer.decode(said[0, inputs.input_ids.shape[1] :])


CAPITALS = "The capital of France is Paris. The capital of Germany is"


def test_smollm2_makes_sense(smollm2):
    """The converted SmolLM2 knows its capitals, and so does its chat form."""
    assert say(smollm2, "The capital of France is", 2).strip(" .\n") == "Paris"
    chat = [{"role": "user", "content": "What is the capital of France?"}]
    prompt = smollm2[1].apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
    assert "Paris" in say(smollm2, prompt, 12)


def test_gemma_makes_sense(gemma):
    """The converted Gemma knows its capitals, and has no chat template."""
    assert "Berlin" in say(gemma, CAPITALS, 3)
    assert gemma[1].chat_template is None


TEXTS = [
    "plain words",
    "  two\n\n\nthree\tnew 12345 3.14",
    "héllo 世界 🤖👩‍👧 — “q” don't I'LL",
    "def f(x):\n    return x**2\n",
]


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("text", TEXTS)
def test_tokenizers_of_embedded_models_round_trip(name: str, text: str, request: pytest.FixtureRequest):
    """The converted tokenizers give back every text they are given."""
    _, tokenizer = request.getfixturevalue(name)
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False).input_ids) == text


@pytest.mark.parametrize("name", EMBEDDED)
def test_the_catalogue_tells_the_truth(name: str, request: pytest.FixtureRequest):
    """Context and chat are what the model's own files say."""
    model, tokenizer = request.getfixturevalue(name)
    assert EMBEDDED[name].context == model.config.max_position_embeddings
    assert EMBEDDED[name].chat == bool(tokenizer.chat_template)
