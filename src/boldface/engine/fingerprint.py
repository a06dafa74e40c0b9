"""A fingerprint of a loaded model and its tokenizer: what results and profiles belong to."""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import nn

from boldface.attention.geometry import transformer

_SAMPLE = 256
"""Values read of every tensor."""


def fingerprint(model: nn.Module, tokenizer: Any) -> str:
    """Return 16 hex digits that change with architecture, weights, dtype or vocabulary.

    Of every tensor its name, shape, type and 256 evenly spaced values are read: seconds for the largest models, and
    any retraining, merging or quantisation shows. It is no proof against somebody who wants to deceive.
    """
    digest = hashlib.sha256()
    for name, tensor in sorted(transformer(model).state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        if tensor.numel() and not tensor.is_meta:
            flat = tensor.reshape(-1)
            places = torch.linspace(0, flat.numel() - 1, min(_SAMPLE, flat.numel()), dtype=torch.float64).long()
            digest.update(flat[places.to(flat.device)].double().cpu().numpy().tobytes())
    for piece, index in sorted(tokenizer.get_vocab().items()):
        digest.update(f"{index} {piece}".encode())
    return digest.hexdigest()[:16]
