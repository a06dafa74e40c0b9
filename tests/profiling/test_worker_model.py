"""What workers are told of the model: enough to load it anywhere, and to notice when they have not."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import boldface
from boldface.engine.origin import Origin
from boldface.errors import ProfilingError
from boldface.profiling.worker_model import VERSIONS, WorkerModel, identity_of


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the tiny model's folder that a test may change."""
    return shutil.copytree(tiny_folder, tmp_path / "copy")


def described(model, **options):
    """The model as workers are told of it."""
    return WorkerModel.of(model, device="cpu", options=options)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_copy_is_the_model(folder, dtype):
    """Loaded in the way that the model was, after a travel; it gives the same logits."""
    model = boldface.load(str(folder), dtype=dtype, attn_implementation="eager")
    copy = pickle.loads(pickle.dumps(described(model))).load()
    ids = torch.tensor([[5, 6, 7]])
    with torch.no_grad():
        assert torch.equal(copy.model(ids).logits, model.model(ids).logits)
    assert copy.model.config._attn_implementation == "eager"
    assert identity_of(copy) == identity_of(model)
    assert copy.chat == model.chat


def test_a_relative_folder_is_found_from_anywhere(folder, monkeypatch, tmp_path):
    """Workers stand in another folder."""
    monkeypatch.chdir(folder.parent)
    told = described(boldface.load(f"./{folder.name}", chat=False))
    monkeypatch.chdir(tmp_path.parent)
    assert told.name == str(folder)
    assert told.load().chat is False


@pytest.mark.parametrize(
    ("origin", "name", "revision"),
    [
        (Origin("smollm2", "embedded", "/cache/smollm2", None, True), "smollm2", None),
        (Origin("org/name", "hub", "org/name", "c0ffee", True), "org/name", "c0ffee"),
        (Origin("/models/a.gguf", "gguf", "/cache/a", None, False), "/models/a.gguf", None),
    ],
)
def test_workers_load_what_was_asked_for(tiny, origin, name, revision):
    """By the name that any machine knows, at the commit that is loaded here; a GGUF file and not its conversion."""
    model = boldface.Model(tiny.model, tiny.tokenizer, origin=origin)
    told = described(model, cache="/elsewhere")
    assert told.name == name
    assert told.options.get("revision") == revision
    assert told.options["cache"] == "/elsewhere"


def test_an_object_is_had_from_the_folder_that_it_was_read_from(folder):
    """Transformers remembers the folder."""
    parts = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    told = described(boldface.Model(*parts))
    assert told.name == str(folder)
    told.load()


def test_an_object_from_nowhere_is_refused(tiny):
    """With what to do about it."""
    with pytest.raises(ProfilingError, match="given as an object") as refused:
        described(tiny)
    assert "save_pretrained" in refused.value.hint


def test_a_model_that_was_changed_since_is_refused(folder):
    """What lies in the folder is no longer what is loaded here."""
    model = boldface.load(str(folder))
    told = described(model)
    with torch.no_grad():
        model.model.model.layers[1].mlp.up_proj.weight.mul_(1.5)
    with pytest.raises(ProfilingError, match="fingerprint"):
        described(model).load()
    told.load()


def test_another_chat_template_is_refused(folder):
    """Prompts of chats would be others."""
    model = boldface.load(str(folder))
    model.tokenizer.chat_template = "{{ messages[0].content }}"
    with pytest.raises(ProfilingError, match="chat template"):
        described(model).load()


@pytest.mark.parametrize("package", VERSIONS)
def test_other_packages_are_refused(folder, package):
    """Another version of what runs the model may give other readings."""
    told = described(boldface.load(str(folder)))
    older = replace(told, identity={**told.identity, package: "0.0.1"})
    with pytest.raises(ProfilingError, match=f"{package} .*, not 0.0.1"):
        older.load()
