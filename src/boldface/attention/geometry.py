"""Find what can be steered in a model: ask its own attention layers, with one forward of two tokens.

No table of model families: every attention layer of transformers knows its ``layer_idx`` and calls the function that
its config names. For the length of one tiny forward that function is ours, and takes down who calls.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from boldface.attention import seams
from boldface.errors import UnsupportedModelError

# Not on the model: it would travel into copies and pickles.
_KNOWN: WeakKeyDictionary[PreTrainedModel, Geometry] = WeakKeyDictionary()


@dataclass(frozen=True)
class LayerGeometry:
    """One attention layer that can be steered.

    Attributes:
        layer: Index of the layer.
        module: Its attention module.
        heads: Query heads.
        kv_heads: Key-value heads; fewer than ``heads`` under grouped queries.
        head_dim: Size of a query or key.
        value_dim: Size of a value.
        softcap: Cap of the scores, if any.
        sinks: True when every head has a learned sink.
        window: Tokens of its sliding window, if any.
    """

    layer: int
    module: nn.Module
    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    softcap: float | None
    sinks: bool
    window: int | None


@dataclass(frozen=True)
class Geometry:
    """What can be steered in a model, and what cannot and why.

    Attributes:
        layers: Layer index to its geometry.
        refused: Layer index to the reason why it cannot be steered.
    """

    layers: Mapping[int, LayerGeometry]
    refused: Mapping[int, str]

    @property
    def heads(self) -> dict[int, int]:
        """Query heads of every steerable layer."""
        return {index: layer.heads for index, layer in self.layers.items()}

    @property
    def depth(self) -> int:
        """Decoder layers, those that cannot be steered included."""
        return max((*self.layers, *self.refused)) + 1


def transformer(model: nn.Module) -> PreTrainedModel:
    """Return the transformers model inside ``model`` (itself, or what peft and others wrap).

    Raises:
        UnsupportedModelError: When there is none, or it is not a decoder-only language model.
    """
    inner = next((module for module in model.modules() if isinstance(module, PreTrainedModel)), None)
    if inner is None:
        raise UnsupportedModelError(
            f"{type(model).__name__} holds no transformers model.", "Pass a transformers causal language model."
        )
    if inner.config.is_encoder_decoder:
        raise UnsupportedModelError(
            f"{type(inner).__name__} is an encoder-decoder model.", "boldface steers decoder-only language models."
        )
    return inner


def geometry(model: nn.Module) -> Geometry:
    """Return what can be steered in ``model``; asked once, then remembered as long as the model lives.

    Raises:
        UnsupportedModelError: When no layer can be steered.
    """
    inner = transformer(model)
    known = _KNOWN.get(inner)
    if known is None or not {layer.module for layer in known.layers.values()} <= set(inner.modules()):
        known = _KNOWN[inner] = _ask(inner)  # for the first time, or again because layers were replaced since
    return known


def _ask(inner: PreTrainedModel) -> Geometry:
    modules = [module for module in inner.modules() if isinstance(getattr(module, "layer_idx", None), int)]
    candidates = [module for module in modules if seams.why_not(module) is None]
    layers: dict[int, LayerGeometry] = {}
    refused: dict[int, str] = {}
    with ExitStack() as stack:
        for module in candidates:
            stack.enter_context(seams.replaced(module, _recorder(module, layers, refused)))
        training = inner.training
        inner.eval()
        stack.callback(inner.train, training)
        ids = torch.zeros(1, 2, dtype=torch.long, device=inner.get_input_embeddings().weight.device)
        with torch.no_grad():
            inner(input_ids=ids, use_cache=False)
    layer_types = getattr(inner.config.get_text_config(), "layer_types", None) or []
    for module in modules:
        if module.layer_idx not in layers and module.layer_idx not in refused:
            kind = layer_types[module.layer_idx] if module.layer_idx < len(layer_types) else "unknown"
            refused[module.layer_idx] = (
                f"layer type {kind!r} has no softmax attention to steer"
                if "linear" in kind or "recurrent" in kind or "mamba" in kind or "conv" in kind
                else f"{type(module).__name__} never calls transformers' attention interface"
            )
    if not layers:
        reason = next(iter(refused.values()), "it has no attention layers")
        raise UnsupportedModelError(
            f"No layer of {type(inner).__name__} can be steered: {reason}.",
            "boldface needs layers that call transformers' attention interface.",
        )
    return Geometry(MappingProxyType(dict(sorted(layers.items()))), MappingProxyType(dict(sorted(refused.items()))))


def _recorder(module: Any, layers: dict[int, LayerGeometry], refused: dict[int, str]) -> Any:
    base = seams.base_function(module)

    def record(
        module: Any, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **options: Any
    ) -> tuple[Tensor, Tensor | None]:
        index = module.layer_idx
        causal = options.get("is_causal")
        if not (getattr(module, "is_causal", True) if causal is None else causal):
            refused[index] = f"{type(module).__name__} is not causal"
        elif index in layers:
            refused[index] = f"layer {index} has two attention modules"
        else:
            layers[index] = LayerGeometry(
                layer=index,
                module=module,
                heads=query.shape[1],
                kv_heads=key.shape[1],
                head_dim=query.shape[-1],
                value_dim=value.shape[-1],
                softcap=options.get("softcap"),
                sinks=options.get("s_aux") is not None,
                window=options.get("sliding_window"),
            )
        for name in refused.keys() & layers.keys():
            del layers[name]
        return base(module, query, key, value, attention_mask, **options)

    return record
