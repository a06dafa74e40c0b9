"""The model as workers load it: from where, in what way, and what it must be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from boldface.attention.geometry import transformer
from boldface.engine.fingerprint import fingerprint
from boldface.engine.model import Model, load
from boldface.errors import ProfilingError
from boldface.records.store import differing, key_of

VERSIONS = ("boldface", "torch", "transformers")


@dataclass(frozen=True)
class WorkerModel:
    """What a worker needs to load the model. Plain data: it travels to other processes and machines.

    Attributes:
        name: An embedded model, a folder, a GGUF file or a hub id.
        options: How it is loaded, see :func:`boldface.engine.loading.load_pretrained`.
        chat: Whether it is a model for chats.
        device: Where it is put, as torch names it.
        identity: What every copy must agree in, see :func:`identity_of`.
    """

    name: str
    options: Mapping[str, Any]
    chat: bool
    device: str
    identity: Mapping[str, str]

    @classmethod
    def of(cls, model: Model, *, device: str, options: Mapping[str, Any]) -> WorkerModel:
        """Describe a model that is loaded here.

        Args:
            model: The model.
            device: Where copies are put.
            options: More of the options that it was loaded with, such as ``cache``.

        Raises:
            ProfilingError: It was given as an object, and transformers did not read it from a folder.
        """
        inner = transformer(model.model)
        how = {
            "dtype": str(inner.dtype).removeprefix("torch."),
            "attn_implementation": inner.config._attn_implementation,
        }
        name, revision = _source(model)
        if revision is not None:
            how["revision"] = revision
        return cls(name, {**how, **options}, model.chat, device, identity_of(model))

    def load(self) -> Model:
        """Load a copy.

        Raises:
            BoldfaceError: It cannot be loaded here.
            ProfilingError: It is another model, or the packages that run it are others.
        """
        model = load(self.name, chat=self.chat, **self.options)
        found = identity_of(model)
        if names := differing(self.identity, found):
            said = ", ".join(f"{name} {found[name]}, not {self.identity[name]}" for name in names)
            raise ProfilingError(
                f"What a worker loads as {self.name} is not the model that is loaded here: {said}.",
                "Have the same files and the same packages on every machine, and no change to the model since it was "
                "loaded.",
            )
        model.model.to(self.device)
        return model


def _source(model: Model) -> tuple[str, str | None]:
    """Return what a copy is loaded from, and at which commit."""
    origin, inner = model.origin, transformer(model.model)
    if origin is None:
        if not inner.name_or_path or not Path(inner.name_or_path).is_dir():
            raise ProfilingError(
                f"Workers cannot load {model.name or type(inner).__name__}: it was given as an object.",
                "Write it and its tokenizer to a folder (save_pretrained), and load that folder by its name.",
            )
        return str(Path(inner.name_or_path).resolve()), None
    if origin.kind in ("folder", "gguf"):
        return str(Path(origin.name).expanduser().resolve()), None
    return origin.name, origin.revision if origin.kind == "hub" else None


def identity_of(model: Model) -> dict[str, str]:
    """Return what must be alike for two copies of a model to give the same readings."""
    template = getattr(model.tokenizer, "chat_template", None)
    return {
        "fingerprint": fingerprint(model.model, model.tokenizer),
        "chat template": key_of(template=template),
        "attention": str(transformer(model.model).config._attn_implementation),
        **{name: version(name) for name in VERSIONS},
    }
