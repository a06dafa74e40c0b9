"""Where a loaded model came from, and how its weights were quantised, in words that tell nothing about this machine."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from boldface.engine.catalogue import EMBEDDED, Embedded

_TYPE = re.compile(r"(?<![A-Za-z0-9])(I?Q[1-8](_[0-9A-Z]+)*|TQ[12]_0|MXFP4|BF16|F16|F32)(?![A-Za-z0-9])", re.IGNORECASE)
"""A type of tensors, as names of GGUF files say it: Q4_1, q4_k_m, IQ2_XXS, BF16."""


@dataclass(frozen=True)
class Origin:
    """Where a loaded model came from.

    Attributes:
        name: What was asked for.
        kind: An embedded model, a folder, a GGUF file or a repository of the hub.
        place: The folder or hub id that was read.
        revision: The commit that was read, where one is known.
        chat: Whether prompts belong into the chat template (an instruct model).
        quantization: How the weights were quantised before they were unpacked, in words; empty for not at all.
    """

    name: str
    kind: Literal["embedded", "folder", "gguf", "hub"]
    place: str
    revision: str | None
    chat: bool
    quantization: str = ""


def origin_in_words(origin: Origin | None) -> str:
    """Say where a model came from: a file of a package, a file, a folder, or a repository and its commit."""
    if origin is None:
        return "given as an object"
    if origin.kind == "embedded":
        model = EMBEDDED[origin.name]
        first, *more = model.lean
        return f"{file_name(model)} of {first.replace('==', ' ')}" + (f" and {len(more)} more packages" if more else "")
    if origin.kind == "hub":
        return f"{origin.place} at {origin.revision}" if origin.revision else origin.place
    return Path(origin.name).expanduser().resolve().name


def title(origin: Origin | None, otherwise: str) -> str:
    """Return a model's name for people: an embedded model's own, a repository's id, the name of a folder or a file.

    Args:
        origin: Where it was loaded from.
        otherwise: Its name when it was given as an object.
    """
    if origin is None:
        return otherwise
    if origin.kind == "embedded":
        return EMBEDDED[origin.name].title
    if origin.kind == "hub":
        return origin.place
    return Path(origin.name).expanduser().resolve().name.removesuffix(".gguf")


def gguf_quantization(name: str, file: Path | None = None) -> str:
    """Say how the weights of a GGUF file are quantised: as its name has it, else as most of its values are."""
    if found := _TYPE.search(name):
        return f"{found[0].upper()} GGUF"
    return "" if file is None else f"{_most_common_type(file)} GGUF"


def config_quantization(config: Any) -> str:
    """Say how the weights of a loaded model are quantised, as its config has it; empty for not at all, or unknown."""
    chosen = getattr(config, "quantization_config", None)
    said = chosen if isinstance(chosen, dict) or chosen is None else chosen.to_dict()
    if not said:
        return ""
    method = str(getattr(said.get("quant_method"), "value", said.get("quant_method") or "quantised"))
    bits = said.get("bits") or (4 if said.get("load_in_4bit") else 8 if said.get("load_in_8bit") else None)
    return f"{method} {bits} bit" if bits else method


def file_name(model: Embedded) -> str:
    """The name of the GGUF file, without the number of a part."""
    return re.sub(r"\.part\d+$", "", Path(model.parts[0][1]).name)


def _most_common_type(file: Path) -> str:
    """The type of most values of a GGUF file."""
    from gguf import GGUFReader

    counts: Counter[str] = Counter()
    for tensor in GGUFReader(file).tensors:
        counts[tensor.tensor_type.name] += int(tensor.n_elements)
    return counts.most_common(1)[0][0]
