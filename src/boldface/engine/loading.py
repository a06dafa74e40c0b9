"""From a name, a folder, a GGUF file or a hub id to a model and its tokenizer."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from boldface.engine.catalogue import EMBEDDED
from boldface.engine.gguf import GgufSource, convert
from boldface.engine.hub import absent, check_there, snapshot
from boldface.engine.origin import Origin, file_name, gguf_quantization
from boldface.engine.progress import Progress, bar, quiet
from boldface.engine.settings import settings
from boldface.errors import MissingError, UnsupportedModelError

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_SHARED = ("cache_dir", "force_download", "proxies", "subfolder", "token", "trust_remote_code")
"""What tells where files come from, and so goes to config, tokenizer and weights alike."""


def load_pretrained(
    name: str | os.PathLike[str],
    *,
    revision: str | None = None,
    dtype: torch.dtype | str | None = None,
    device_map: Any = None,
    attn_implementation: str | None = None,
    offline: bool | None = None,
    cache: str | os.PathLike[str] | None = None,
    progress: bool | Progress = False,
    **kwargs: Any,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, Origin]:
    """Load a causal language model, in ``eval`` mode, and its tokenizer.

    The model is judged by its config, before any weights are read.

    Args:
        name: An embedded model's name, a folder, a ``.gguf`` file or a hub id; a folder of that name comes first
            only when it is written as a path (``./smollm2``).
        revision: Branch, tag or commit of a hub repository.
        dtype: Of the weights; when None, float32 for converted models and the checkpoint's own for others.
        device_map: As transformers takes it.
        attn_implementation: As transformers takes it; its own choice when None.
        offline: Never ask the network; when None, ``BOLDFACE_OFFLINE`` or ``HF_HUB_OFFLINE`` decides.
        cache: Folder of converted models; when None, ``BOLDFACE_CACHE`` or the platform's decides.
        progress: Draw a bar, or report to a function; silent when False.
        **kwargs: More of ``from_pretrained``'s arguments.

    Returns:
        The model, its tokenizer (a missing pad token is set to the end token) and where both came from.

    Raises:
        MissingError: The weights, the folder, the repository or a package needed to read them is not here.
        UnsupportedModelError: An encoder, an encoder–decoder, a model with vision or audio, or incomplete weights.
    """
    chosen = settings(cache=cache, offline=offline)
    if device_map is not None and find_spec("accelerate") is None:
        raise MissingError("device_map needs the accelerate package.", "Run: pip install accelerate")
    with bar(progress) as report, quiet():
        place, kind, chat = _locate(name, chosen.cache, report)
        where = {key: kwargs.pop(key) for key in _SHARED if key in kwargs}
        if kind == "hub" and revision is not None:
            where["revision"] = revision
        if kind != "hub" or chosen.offline:
            where["local_files_only"] = True
        folder = snapshot(place, where) if kind == "hub" and chosen.offline else place
        if kind == "hub" and not chosen.offline:
            report("asking the hub", 0.0)
            check_there(place, where)
        report("loading the model", 0.75)
        model, tokenizer, commit = _read(
            folder,
            where,
            dtype=dtype or (None if kind in ("folder", "hub") else "float32"),
            device_map=device_map,
            attn_implementation=attn_implementation,
            **kwargs,
        )
        report("loaded", 1.0)
    origin = Origin(
        name=str(name),
        kind=kind,
        place=place,
        revision=commit if folder == place else Path(folder).name,
        chat=bool(tokenizer.chat_template) if chat is None else chat,
        quantization=_quantization(name, kind),
    )
    return model, tokenizer, origin


def refuse_unfit(config: PretrainedConfig) -> None:
    """Refuse a model that is no decoder of text, by its config alone.

    Raises:
        UnsupportedModelError: It is an encoder, an encoder–decoder, or it has vision or audio.
    """
    from transformers.models.auto import modeling_auto as known

    kind = config.model_type
    for sense in ("vision", "audio"):
        if getattr(config, f"{sense}_config", None) is not None:
            raise UnsupportedModelError(
                f"{kind} is a model with {sense}; boldface steers text-only decoders.",
                "Load its text model alone, or a text-only model of the family.",
            )
    hint = f"Use a decoder-only model, for example {' or '.join(EMBEDDED)}."
    if config.is_encoder_decoder:
        raise UnsupportedModelError(f"{kind} is an encoder–decoder model; boldface steers decoders.", hint)
    masked = kind in known.MODEL_FOR_MASKED_LM_MAPPING_NAMES and not getattr(config, "is_decoder", False)
    custom = "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    if masked or (kind not in known.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES and not custom):
        raise UnsupportedModelError(f"{kind} is not a causal language model.", hint)


def _locate(
    name: str | os.PathLike[str], cache: Path, report: Progress
) -> tuple[str, Literal["embedded", "folder", "gguf", "hub"], bool | None]:
    """What to read, what kind it is, and whether it chats (None: as its tokenizer has it)."""
    if isinstance(name, str) and (model := EMBEDDED.get(name)):
        return str(convert(GgufSource(model.name, model.files(), model.sha256), cache, report)), "embedded", model.chat
    path = Path(name).expanduser()
    if path.suffix == ".gguf" and path.is_file():
        return str(convert(GgufSource.of(path), cache, report)), "gguf", None
    if str(name) and path.is_dir():
        if (path / "adapter_config.json").is_file() and not (path / "config.json").is_file():
            raise UnsupportedModelError(
                f"{path} holds an adapter, not a model.", "Load the base model, wrap it with peft, and pass the object."
            )
        return str(path), "folder", None
    if isinstance(name, str) and _HUB_ID.fullmatch(name) and not name.startswith(".") and path.suffix != ".gguf":
        return name, "hub", None
    raise MissingError(
        f"There is no model at {str(name)!r}.",
        f"Name an existing folder, a .gguf file, a hub id or an embedded model ({', '.join(EMBEDDED)}).",
    )


def _quantization(name: str | os.PathLike[str], kind: str) -> str:
    """How the weights of a GGUF file are quantised, which the unpacked ones no longer say."""
    if kind == "embedded":
        return gguf_quantization(file_name(EMBEDDED[str(name)]))
    if kind == "gguf":
        file = Path(name).expanduser()
        return gguf_quantization(file.name, file)
    return ""


def _read(place: str, where: dict[str, Any], **how: Any) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str | None]:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(place, **where)
    except ValueError as error:
        folder = Path(place, where.get("subfolder", ""))
        if folder.is_dir() and not (folder / "config.json").is_file():
            raise absent(place, "a model", where) from error
        raise UnsupportedModelError(
            f"transformers does not know the model at {place}: {error}", "A newer transformers may know it."
        ) from error
    except OSError as error:
        raise absent(place, "a model", where) from error
    refuse_unfit(config)
    try:
        tokenizer = AutoTokenizer.from_pretrained(place, **where)
    except (OSError, ValueError) as error:
        raise absent(place, "a tokenizer", where) from error
    given = {key: value for key, value in how.items() if value is not None}
    try:
        model, found = AutoModelForCausalLM.from_pretrained(place, output_loading_info=True, **given, **where)
    except OSError as error:
        raise absent(place, "weights", where) from error
    if lacking := sorted(found["missing_keys"]):
        raise UnsupportedModelError(
            f"The weights at {place} lack {len(lacking)} tensors of {type(model).__name__}, such as {lacking[0]}.",
            "Use a complete causal-language-model checkpoint; what is missing would be random.",
        )
    _set_padding(model, tokenizer)
    return model.eval(), tokenizer, getattr(config, "_commit_hash", None)


def _set_padding(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """A batch needs some pad token; which one does not matter, as padding is masked."""
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    settings = model.generation_config
    if settings is not None and settings.pad_token_id is None:
        settings.pad_token_id = tokenizer.pad_token_id
