"""GGUF files become ordinary model folders, once: the cache of conversions.

A conversion is built beside its place and renamed into it, under a lock, so that two processes convert once and
an interrupted one leaves nothing that looks finished. A stamp in the folder lists every file with size and hash.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import filelock

from boldface.engine.progress import Progress, quiet, silent
from boldface.errors import BoldfaceError, MissingError, UnsupportedModelError

VERSION = 1
"""Of the converter: raised when what is written changes, so that older conversions are made anew."""

STAMP = "boldface.json"


@dataclass(frozen=True)
class GgufSource:
    """A GGUF file, whole or in parts.

    Attributes:
        name: Names the conversion's folder, for people.
        parts: The files that make up the GGUF file when joined in this order.
        sha256: Of the joined file.
    """

    name: str
    parts: tuple[Path, ...]
    sha256: str

    @classmethod
    def of(cls, path: Path) -> GgufSource:
        """Describe a single GGUF file (reads it once, for its hash)."""
        return cls(re.sub(r"[^\w.-]+", "-", path.stem), (path,), _sha256(path))


def convert(source: GgufSource, cache: Path, progress: Progress | None = None) -> Path:
    """The folder of the converted model, made if it is not there yet or no longer sound.

    The folder holds config, float32 weights (safetensors) and tokenizer, as ``from_pretrained`` reads them. Safe
    to call from several processes and threads at once: one converts, the others wait for it.

    Args:
        source: What to convert.
        cache: The cache folder; conversions lie in its ``models``.
        progress: Told about every step of a conversion; not called when nothing is converted.

    Raises:
        MissingError: A package that reads GGUF files is not installed.
        UnsupportedModelError: transformers cannot read this GGUF file.
        BoldfaceError: The source is damaged, or the cache cannot be written.
    """
    target = cache / "models" / f"{source.name}-{source.sha256[:16]}-v{VERSION}"
    if is_sound(target):
        return target
    for package in ("gguf", "accelerate"):
        if find_spec(package) is None:
            raise MissingError(f"Reading GGUF files needs {package}.", "Run: pip install 'boldface[gguf]'")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(target.with_name(f"{target.name}.lock")):
            if not is_sound(target):
                _build(source, target, progress or silent)
    except OSError as error:
        raise BoldfaceError(
            f"The model cannot be converted into {target.parent}: {error}.",
            "Free some space there or name another cache folder (cache=… or BOLDFACE_CACHE).",
        ) from error
    return target


def is_sound(folder: Path) -> bool:
    """Whether the folder holds a finished conversion whose files are as they were written.

    A file is compared by size, and by hash unless its time stamp shows that nobody has written to it since.
    """
    try:
        files = json.loads((folder / STAMP).read_text("utf-8"))["files"]
        return bool(files) and all(_unchanged(folder / name, file) for name, file in files.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def _unchanged(path: Path, written: dict[str, object]) -> bool:
    now = path.stat()
    if now.st_size != written["size"]:
        return False
    return now.st_mtime_ns == written["mtime_ns"] or _sha256(path) == written["sha256"]


def _build(source: GgufSource, target: Path, progress: Progress) -> None:
    prefix = f"{target.name}.partial-"
    for leftover in target.parent.glob(f"{prefix}*"):
        shutil.rmtree(leftover)  # of a crash: we hold the lock, so nobody is writing it
    work = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        made = work / "model"
        file = _whole(source, work, progress)
        _write_model(file, made, progress)
        _stamp(source, made)
        if target.exists():
            target.rename(work / "unsound")
        made.rename(target)
        _sync(target.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    progress("ready", 1.0)


def _whole(source: GgufSource, work: Path, progress: Progress) -> Path:
    """The one file to read: the source itself, or its parts joined; checked against the source's hash."""
    progress("checking the file", 0.0)
    file = source.parts[0]
    if len(source.parts) > 1:
        file = work / "source.gguf"
        with file.open("wb") as joined:
            for part in source.parts:
                with part.open("rb") as piece:
                    shutil.copyfileobj(piece, joined, 1 << 20)
    if (found := _sha256(file)) != source.sha256:
        raise BoldfaceError(
            f"The GGUF file of {source.name} has SHA-256 {found[:16]}…, expected {source.sha256[:16]}….",
            "Install its package anew, or fetch the file again.",
        )
    return file


def _write_model(file: Path, out: Path, progress: Progress) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    progress("reading the file", 0.05)
    place = {"gguf_file": file.name, "local_files_only": True}
    try:
        with quiet(), _unpacking(lambda done: progress("unpacking the weights", 0.3 + 0.3 * done)):
            read = AutoModelForCausalLM.from_pretrained(
                file.parent, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True), **place
            )
            progress("writing the weights", 0.6)
            if hasattr(read.config, "quantization_config"):
                del read.config.quantization_config
            # transformers takes what it has read for quantised and would not save it; a fresh model of the class
            # is not, and on the meta device costs neither time nor memory before it is given the weights
            with torch.device("meta"):
                plain = type(read)(read.config)
            plain.load_state_dict(read.state_dict(), assign=True)
            plain.tie_weights()
            plain.save_pretrained(out)
            progress("converting the tokenizer", 0.7)
            AutoTokenizer.from_pretrained(file.parent, **place).save_pretrained(out)
    except (ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        raise UnsupportedModelError(
            f"transformers cannot read {file.name}: {error}", "Use the model's safetensors files instead."
        ) from error


def _stamp(source: GgufSource, folder: Path) -> None:
    import transformers

    files = {}
    for path in sorted(folder.iterdir()):
        _sync(path)
        stat = path.stat()
        files[path.name] = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": _sha256(path)}
    made_with = {"converter": VERSION, "transformers": transformers.__version__}
    content = {"name": source.name, "source": source.sha256, "made_with": made_with, "files": files}
    (folder / STAMP).write_text(json.dumps(content, indent=2) + "\n", "utf-8")
    _sync(folder / STAMP)
    _sync(folder)


@contextlib.contextmanager
def _unpacking(unpacked: Callable[[float], None]) -> Iterator[None]:
    """Have transformers' loop over the tensors of a GGUF file, which draws a bar of its own, report instead."""
    from transformers import modeling_gguf_pytorch_utils as reading

    def loop(tensors: list[object], **_: object) -> Iterator[object]:
        for done, tensor in enumerate(tensors):
            unpacked(done / len(tensors))
            yield tensor

    drawn = getattr(reading, "tqdm", None)
    if drawn is None:  # only the looks depend on it
        yield
        return
    reading.tqdm = loop
    try:
        yield
    finally:
        reading.tqdm = drawn


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    """Have the file or folder on disk before anything that relies on it."""
    if path.is_dir() and os.name == "nt":
        return  # a folder cannot be opened there
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
