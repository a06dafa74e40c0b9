"""A GGUF file is converted once, wholly or not at all."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from boldface.engine.gguf import STAMP, GgufSource, convert, is_sound
from boldface.errors import BoldfaceError, MissingError, UnsupportedModelError


def entries(cache: Path) -> list[str]:
    """What lies in the cache, except locks."""
    return sorted(path.name for path in (cache / "models").iterdir() if path.suffix != ".lock")


def test_weights_are_the_files_own(tiny_gguf: Path, tiny_folder: Path):
    """Every converted tensor is the dequantised one; query and key rows come in transformers' order."""
    import gguf
    from safetensors.numpy import load_file

    made = load_file(tiny_folder / "model.safetensors")
    read = {t.name: gguf.quants.dequantize(t.data, t.tensor_type) for t in gguf.GGUFReader(tiny_gguf).tensors}
    pairs = {"blk.1.ffn_down": "layers.1.mlp.down_proj", "token_embd": "embed_tokens", "output_norm": "norm"}
    for theirs, ours in pairs.items():
        assert (made[f"model.{ours}.weight"] == read[f"{theirs}.weight"]).all()
    query, theirs = made["model.layers.0.self_attn.q_proj.weight"], read["blk.0.attn_q.weight"]
    assert (query.reshape(4, 2, 8, 64).swapaxes(1, 2).reshape(64, 64) == theirs).all()


def test_config_and_tokenizer_are_complete(tiny_folder: Path):
    """The folder is an ordinary one: not quantised, with a tokenizer that round-trips and the chat template."""
    from transformers import AutoConfig, AutoTokenizer

    assert not hasattr(AutoConfig.from_pretrained(tiny_folder), "quantization_config")
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    text = "hello, Größe 世界 \n\n  x"
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids) == text
    assert tokenizer.convert_ids_to_tokens(ids)[:3] == ["he", "ll", "o"]
    assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False) == "hi"


def test_second_call_converts_nothing(tiny_gguf: Path, tmp_path: Path):
    """The first call reports its progress up to 1; the second finds the folder and reports nothing."""
    source, steps = GgufSource.of(tiny_gguf), []
    folder = convert(source, tmp_path, lambda step, done: steps.append(done))
    assert steps == sorted(steps)
    assert steps[-1] == 1.0
    assert len(steps) > 5
    steps.clear()
    assert convert(source, tmp_path, lambda step, done: steps.append(done)) == folder
    assert steps == []
    assert entries(tmp_path) == [folder.name]


def test_conversion_is_silent(tiny_gguf: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Nothing is drawn or printed unless it was asked for."""
    convert(GgufSource.of(tiny_gguf), tmp_path)
    assert capfd.readouterr() == ("", "")


def test_parts_are_joined(tiny_gguf: Path, tiny_folder: Path, tmp_path: Path):
    """A file that comes in parts gives the same weights as the whole one."""
    data, parts = tiny_gguf.read_bytes(), []
    for n, (start, end) in enumerate([(0, 1000), (1000, 50_000), (50_000, len(data))]):
        parts.append(tmp_path / f"part{n}")
        parts[-1].write_bytes(data[start:end])
    folder = convert(GgufSource("parted", tuple(parts), GgufSource.of(tiny_gguf).sha256), tmp_path)
    assert (folder / "model.safetensors").read_bytes() == (tiny_folder / "model.safetensors").read_bytes()
    assert entries(tmp_path) == [folder.name]


def flip(path: Path) -> None:
    """Change one byte, and let the time stamp tell."""
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: os.truncate(folder / "model.safetensors", 100),
        lambda folder: flip(folder / "model.safetensors"),
        lambda folder: (folder / "tokenizer.json").unlink(),
        lambda folder: (folder / STAMP).unlink(),
        lambda folder: (folder / STAMP).write_text('{"files": {}}'),
        lambda folder: (folder / STAMP).write_text("[1"),
    ],
    ids=["truncated", "flipped", "file-lost", "stamp-lost", "stamp-empty", "stamp-garbled"],
)
def test_damage_is_seen_and_repaired(damage, tiny_gguf: Path, tiny_folder: Path, tmp_path: Path):
    """A damaged conversion is not sound, and the next call makes it anew."""
    source = GgufSource.of(tiny_gguf)
    folder = tmp_path / "models" / tiny_folder.name
    shutil.copytree(tiny_folder, folder)
    assert is_sound(folder)
    damage(folder)
    assert not is_sound(folder)
    assert convert(source, tmp_path) == folder
    assert is_sound(folder)
    assert (folder / "model.safetensors").read_bytes() == (tiny_folder / "model.safetensors").read_bytes()
    assert entries(tmp_path) == [folder.name]


def test_a_copied_cache_is_sound(tiny_folder: Path, tmp_path: Path):
    """Other time stamps alone are no damage."""
    copy = tmp_path / "copy"
    shutil.copytree(tiny_folder, copy, copy_function=shutil.copyfile)
    written = json.loads((copy / STAMP).read_text())["files"]["model.safetensors"]["mtime_ns"]
    assert (copy / "model.safetensors").stat().st_mtime_ns != written
    assert is_sound(copy)


CONVERT = """
import os, pathlib, signal, sys, time
import torch, transformers
from boldface.engine.gguf import GgufSource, convert
gguf, cache, go, die = sys.argv[1:]
steps = []
def report(step, done):
    steps.append(step)
    if step == die:
        os.kill(os.getpid(), signal.SIGKILL)
print("ready", flush=True)
while go and not pathlib.Path(go).exists():
    time.sleep(0.005)
print(len(steps), convert(GgufSource.of(pathlib.Path(gguf)), pathlib.Path(cache), report), len(steps))
"""


def start(*arguments: object) -> "subprocess.Popen[str]":
    """Convert in a process of its own."""
    command = [sys.executable, "-c", CONVERT, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_convert_once(tiny_gguf: Path, tmp_path: Path):
    """Two processes that start at once both get the folder, and one of them has converted."""
    go = tmp_path / "go"
    both = [start(tiny_gguf, tmp_path, go, "") for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    go.touch()
    said = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    folders = {out.split()[1] for out, _ in said}
    assert len(folders) == 1
    assert is_sound(Path(*folders))
    assert sorted(int(out.split()[2]) > 0 for out, _ in said) == [False, True]


@pytest.mark.parametrize("step", ["unpacking the weights", "writing the weights", "converting the tokenizer"])
def test_a_killed_conversion_leaves_nothing_that_counts(step: str, tiny_gguf: Path, tmp_path: Path):
    """After a kill midway there is no folder in place; the next call converts and clears the remains."""
    process = start(tiny_gguf, tmp_path, "", step)
    process.communicate(timeout=120)
    assert process.returncode == -9
    assert [".partial-" in name for name in entries(tmp_path)] == [True]
    folder = convert(GgufSource.of(tiny_gguf), tmp_path)
    assert is_sound(folder)
    assert entries(tmp_path) == [folder.name]


def test_a_damaged_source_is_refused(tiny_gguf: Path, tmp_path: Path):
    """A file that is not the one expected is refused before it is read, and nothing is left behind."""
    with pytest.raises(BoldfaceError, match=r"has SHA-256 .* expected 0000000000000000.*Install its package anew"):
        convert(GgufSource("tiny", (tiny_gguf,), "0" * 64), tmp_path)
    assert entries(tmp_path) == []


def test_what_is_no_gguf_is_refused(tmp_path: Path):
    """A file of something else is refused by name, and nothing is left behind."""
    (tmp_path / "x.gguf").write_bytes(b"no model at all")
    with pytest.raises(UnsupportedModelError, match=r"cannot read x\.gguf"):
        convert(GgufSource.of(tmp_path / "x.gguf"), tmp_path)
    assert entries(tmp_path) == []


def test_a_cache_that_cannot_be_written_is_named(tiny_gguf: Path, tmp_path: Path):
    """The error says where it could not write, and what to do."""
    (tmp_path / "models").touch()
    with pytest.raises(BoldfaceError, match=r"cannot be converted into .*models.*BOLDFACE_CACHE"):
        convert(GgufSource.of(tiny_gguf), tmp_path)


def test_a_missing_reader_is_named(tiny_gguf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without the package that reads GGUF files the error says what to install."""
    monkeypatch.setattr("boldface.engine.gguf.find_spec", lambda name: None)
    with pytest.raises(MissingError, match=r"pip install 'boldface\[gguf\]'"):
        convert(GgufSource.of(tiny_gguf), tmp_path)
