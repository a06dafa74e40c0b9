"""What a live model is: the identity that profiles are compared with, taken from its weights and its tokenizer.

Adapters that are in force count: a model with an unmerged adapter has other weights than its base, and so has one into
which an adapter was merged. The two differ in the digest too, because they are other numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from boldface.attention.geometry import Geometry, geometry, transformer
from boldface.engine.origin import Origin, config_quantization, origin_in_words
from boldface.profiles.identity import SKETCHED, Identity, pack_sketch

_SAMPLED = 64
"""Values read of every tensor for the digest."""

# Not on the model: it would travel into copies and pickles.
_KNOWN: WeakKeyDictionary[PreTrainedModel, tuple[Any, Identity]] = WeakKeyDictionary()
_VOCABULARIES: WeakKeyDictionary[Any, tuple[int, str]] = WeakKeyDictionary()


def identity(model: nn.Module, tokenizer: Any = None, origin: Origin | None = None) -> Identity:
    """Return what tells ``model`` from others.

    The weights are read once (a sample of every tensor) and the result is remembered until a weight is replaced or
    changed in place, or an adapter is put in or out of force; changes through ``.data`` go unseen.

    Args:
        model: A causal language model of transformers, wrapped or not.
        tokenizer: Its tokenizer; None leaves that unknown.
        origin: Where it was loaded from; None for a model that was given as an object.

    Raises:
        UnsupportedModelError: No layer of the model can be steered.
    """
    inner = transformer(model)
    now = state(inner)
    known = _KNOWN.get(inner)
    if known is None or known[0] != now:
        known = _KNOWN[inner] = (now, _read(inner, geometry(model)))
    found = known[1]
    return replace(
        found,
        tokenizer="" if tokenizer is None else _vocabulary(tokenizer),
        origin=origin_in_words(origin),
        quantization=(origin and origin.quantization) or found.quantization,
    )


def _read(inner: PreTrainedModel, shape: Geometry) -> Identity:
    layers = shape.layers.values()
    return Identity(
        architecture=type(inner).__name__,
        layers=shape.depth,
        heads=max(layer.heads for layer in layers),
        kv_heads=max(layer.kv_heads for layer in layers),
        head_dim=max(layer.head_dim for layer in layers),
        hidden_size=inner.config.get_text_config().hidden_size,
        vocabulary=inner.get_input_embeddings().num_embeddings,
        weights=_digest(inner),
        sketch=_sketch(shape),
        dtype=str(inner.dtype).removeprefix("torch."),
        quantization=config_quantization(inner.config),
    )


def state(inner: PreTrainedModel) -> tuple[Any, ...]:
    """What changes when the weights do: objects, their versions, and the adapters in force."""
    seen: list[Any] = []
    for module in inner.modules():
        for tensor in (*module._parameters.values(), *module._buffers.values()):
            if tensor is not None:
                seen.append((id(tensor), 0 if tensor.is_inference() else tensor._version))
        if _is_adapted(module):
            seen.append((_in_force(module), repr(getattr(module, "scaling", None))))
    return tuple(seen)


def _digest(inner: PreTrainedModel) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(_tensors(inner)):
        if not isinstance(tensor, Tensor) or tensor.is_meta:
            return ""
        digest.update(f"{name} {tuple(tensor.shape)}".encode())
        values = _values(tensor, min(_SAMPLED, tensor.numel()))
        if values.is_floating_point():
            values = values.to(torch.bfloat16)
        digest.update(values.double().cpu().numpy().astype("<f8").tobytes())
    return digest.hexdigest()[:16]


def _sketch(shape: Geometry) -> str:
    values: list[float] = []
    for layer in shape.layers.values():
        weights = [
            tensor
            for name, tensor in sorted(_tensors(layer.module, adapters=False))
            if name.endswith("weight") and isinstance(tensor, Tensor) and tensor.ndim > 1
        ]
        if not weights or any(weight.is_meta or not weight.is_floating_point() for weight in weights):
            return ""
        total = sum(weight.numel() for weight in weights)
        counts = [round(SKETCHED * weight.numel() / total) for weight in weights]
        counts[-1] = SKETCHED - sum(counts[:-1])
        for weight, count in zip(weights, counts, strict=True):
            values += _values(weight, count).double().tolist()
    return pack_sketch(values)


def _tensors(module: nn.Module, *, adapters: bool = True) -> Iterator[tuple[str, Any]]:
    """Everything that is saved with a module, named as without adapters; of adapters, those in force."""
    adapted = {name: part for name, part in module.named_modules() if _is_adapted(part)}
    for name, tensor in module.state_dict().items():
        owner = next((prefix for prefix in adapted if name.startswith(f"{prefix}.")), None)
        if owner is None:
            yield name, tensor
            continue
        inside = name.removeprefix(f"{owner}.")
        if inside.startswith("base_layer."):
            yield f"{owner}.{inside.removeprefix('base_layer.')}", tensor
        elif adapters and set(inside.split(".")) & set(_in_force(adapted[owner])):
            yield name, tensor


def _is_adapted(module: nn.Module) -> bool:
    """Whether this is peft's wrapping of a layer."""
    return hasattr(module, "base_layer") and hasattr(module, "active_adapters")


def _in_force(module: Any) -> tuple[str, ...]:
    """The adapters that a wrapped layer adds to what its base says; those merged into the base are in the base."""
    if module.disable_adapters:
        return ()
    return tuple(name for name in module.active_adapters if name not in module.merged_adapters)


def _values(tensor: Tensor, count: int) -> Tensor:
    """``count`` values spread evenly, in steps of the golden ratio, so that no row, column or head is left out."""
    size, step = tensor.numel(), 0x9E3779B97F4A7C15
    places = [(index * step % 2**64) * size >> 64 for index in range(count)]
    flat = tensor.detach().reshape(-1)
    return flat[torch.tensor(places, dtype=torch.long, device=flat.device)]


def _vocabulary(tokenizer: Any) -> str:
    known = _VOCABULARIES.get(tokenizer)
    if known is None or known[0] != len(tokenizer):
        digest = hashlib.sha256()
        for piece, index in sorted(tokenizer.get_vocab().items()):
            digest.update(f"{index} {piece}\n".encode())
        known = _VOCABULARIES[tokenizer] = (len(tokenizer), digest.hexdigest()[:16])
    return known[1]
