"""Whose keys and values these are: everything about a model and its tokenizer that they depend on."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import transformers

from boldface.attention.geometry import transformer
from boldface.engine.fingerprint import fingerprint
from boldface.engine.identity import state
from boldface.errors import CacheError

if TYPE_CHECKING:
    from boldface.engine.model import Model


def owner(model: Model) -> bytes:
    """Return what tells a live model from others and from itself after its weights or adapters have changed."""
    return hashlib.sha256(_facts(model) + repr(state(transformer(model.model))).encode()).digest()


def _facts(model: Model) -> bytes:
    known, inner = model.identity, transformer(model.model)
    weights = known.weights or f"unreadable {id(inner)}"
    config: dict[str, Any] = inner.config.get_text_config().to_dict()
    said = {
        name: value for name, value in config.items() if not name.startswith("_") and name != "transformers_version"
    }
    facts = [known.architecture, weights, known.tokenizer, known.dtype, known.quantization, said]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).digest()


def lasting_owner(model: Model) -> str:
    """Return the same as hex digits that hold in other processes, for files; more of the weights is read for it.

    A file written with another version of transformers is of another owner: models are rewritten between versions.

    Raises:
        CacheError: When the weights cannot be read.
    """
    if not model.identity.weights:
        raise CacheError(
            "The weights of this model cannot be read, so files of it could not be told from another's.",
            "Load it onto this machine as a whole.",
        )
    whole = f"{_facts(model).hex()} {fingerprint(model.model, model.tokenizer)} {transformers.__version__}"
    return hashlib.sha256(whole.encode()).hexdigest()[:32]
