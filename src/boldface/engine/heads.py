"""Which heads: everything a person may write for ``heads=``, and the profile that a model comes with."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

from boldface.attention.geometry import geometry, transformer
from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.engine.fitting import check_profile
from boldface.errors import HeadError
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.steering.plan import Scope, check_heads
from boldface.steering.rules import Rule

Heads = HeadGains | Profile | str | os.PathLike[str] | Mapping[Any, Any] | Sequence[tuple[int, int]]
"""A profile or its name or file, HeadGains, ``{layer: [heads]}``, ``"L12H7, L3H0=0.5"`` or (layer, head) pairs."""

STAMP = "boldface_model"
"""Attribute of a model that says which embedded one it is; set when boldface loads it, never saved with it."""


class Selected(NamedTuple):
    """Which heads are steered, and what whoever chose them meant them to be steered with.

    Attributes:
        gains: Gain of every steered head.
        strength: Default strength in nats.
        scope: Default scope.
        rule: Default rule.
        target: Default target share; None is an open loop.
    """

    gains: HeadGains
    strength: float = DEFAULT_STRENGTH
    scope: Scope = "all"
    rule: Rule = "pasta"
    target: float | None = None


def select_heads(model: nn.Module, heads: Heads | None, tokenizer: Any = None) -> Selected:
    """Return the gains to steer ``model`` with, and the strength, scope, rule and target share they were made for.

    A profile that knows what model it was made for is compared with this one: the same is taken, a variant too, with a
    warning (once a profile and model), and any other is refused.

    Args:
        model: The model.
        heads: See :data:`Heads`; None is the profile shipped for this model.
        tokenizer: The model's tokenizer, compared too where it is given.

    Raises:
        HeadError: When nothing is shipped for the model, or heads or profile do not fit it.
    """
    shape = geometry(model).heads
    if heads is None:
        heads = shipped_with(model)
        if heads is None:
            raise HeadError(
                "No profile comes with this model, so its heads must be named.",
                "Write heads as 'L12H7, L3H0=0.5', as {layer: [heads]}, or name a profile.",
            )
    heads = read_heads(heads)
    if isinstance(heads, Profile):
        check_profile(heads, model, tokenizer)
        selected = Selected(heads.gains, heads.strength, heads.scope, heads.rule, heads.target)
    else:
        selected = Selected(heads)
    check_heads(selected.gains, shape)
    return selected


def shipped_with(model: nn.Module) -> Profile | None:
    """Return the profile that comes with an embedded model; None for any other model."""
    name = getattr(transformer(model), STAMP, None)
    return None if name is None else Profile.load(name)


def read_heads(heads: Heads) -> HeadGains | Profile:
    """Return the gains or the profile that somebody wrote, in any spelling.

    Raises:
        HeadError: It cannot be read.
    """
    if isinstance(heads, str):
        return HeadGains.parse(heads) if _looks_like_heads(heads) else Profile.load(heads)
    if isinstance(heads, os.PathLike):
        return Profile.load(heads)
    return heads if isinstance(heads, Profile) else as_gains(heads)


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
