"""Which heads: everything a person may write for ``heads=``, and the profile that a model comes with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from boldface.attention.geometry import geometry, transformer
from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.errors import HeadError
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.steering.plan import check_heads

Heads = HeadGains | Profile | str | os.PathLike[str] | Mapping[Any, Any] | Sequence[tuple[int, int]]
"""A profile or its name or file, HeadGains, ``{layer: [heads]}``, ``"L12H7, L3H0=0.5"`` or (layer, head) pairs."""

STAMP = "boldface_model"
"""Attribute of a model that says which embedded one it is; set when boldface loads it, never saved with it."""


def select_heads(model: nn.Module, heads: Heads | None) -> tuple[HeadGains, float]:
    """Return the gains to steer ``model`` with, and the strength they were made for in nats.

    Args:
        model: The model.
        heads: See :data:`Heads`; None is the profile shipped for this model.

    Raises:
        HeadError: When nothing is shipped for the model, or heads or profile do not fit it.
    """
    shape = geometry(model).heads
    if heads is None:
        name = getattr(transformer(model), STAMP, None)
        if name is None:
            raise HeadError(
                "No profile comes with this model, so its heads must be named.",
                "Write heads as 'L12H7, L3H0=0.5', as {layer: [heads]}, or name a profile.",
            )
        heads = Profile.load(name)
    if isinstance(heads, str):
        heads = HeadGains.parse(heads) if _looks_like_heads(heads) else Profile.load(heads)
    if isinstance(heads, os.PathLike):
        heads = Profile.load(heads)
    if isinstance(heads, Profile):
        if not heads.matches(len(shape), max(shape.values())):
            raise HeadError(
                f"Profile {heads.name!r} was made for {heads.model}: {heads.layers} layers of {heads.heads} heads.",
                f"This model has {len(shape)} steerable layers of {max(shape.values())} heads; pass heads= of its own.",
            )
        gains, strength = heads.gains, heads.strength
    else:
        gains, strength = as_gains(heads), DEFAULT_STRENGTH
    check_heads(gains, shape)
    return gains, strength


def all_heads(heads: Mapping[int, int]) -> HeadGains:
    """Return every head with gain 1, given the query heads of every layer that can be steered."""
    return HeadGains((layer, head) for layer, count in heads.items() for head in range(count))


def as_gains(heads: HeadGains | Mapping[Any, Any] | Sequence[tuple[int, int]]) -> HeadGains:
    """Return HeadGains from any of its spellings but text and profiles."""
    if isinstance(heads, HeadGains):
        return heads
    if not isinstance(heads, Mapping | Sequence):
        raise HeadError(
            f"{heads!r} names no heads.", "Pass {layer: [heads]}, 'L12H7, L3H0=0.5', HeadGains or a profile."
        )
    layered: Any = heads
    by_layer = isinstance(heads, Mapping) and not any(isinstance(key, tuple) for key in heads)
    return HeadGains.from_layers(layered) if by_layer else HeadGains(heads)


def _looks_like_heads(text: str) -> bool:
    first = text.replace(",", " ").split()
    return bool(first) and first[0][:1] == "L" and first[0][1:2].isdigit()
