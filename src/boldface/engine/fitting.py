"""Whether a profile fits the model at hand: the same model, a variant, or a foreign one."""

from __future__ import annotations

import sys
import warnings
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn
from transformers import PreTrainedModel

from boldface.attention.geometry import geometry, transformer
from boldface.engine.identity import identity
from boldface.errors import HeadError, ProfileWarning
from boldface.profiles.identity import relation
from boldface.profiles.profile import Profile

_FORCE = "To use it all the same, pass profile.unbound() (its gains, strength and scope), or --force-profile."

# What has been warned of already; not on the model: it would travel into copies and pickles.
_TOLD: WeakKeyDictionary[PreTrainedModel, set[Any]] = WeakKeyDictionary()


def check_profile(profile: Profile, model: nn.Module, tokenizer: Any = None) -> None:
    """Refuse a profile that was made for another model; warn once a model of one that was made for a variant of it.

    A profile that does not know its model is compared by the number of layers and heads alone.

    Raises:
        HeadError: The profile does not fit the model.
    """
    shape = geometry(model)
    most, named = max(shape.heads.values()), f"Profile {profile.name!r}"
    if not profile.matches(shape.depth, most):
        raise HeadError(
            f"{named} was made for {profile.layers} layers of {profile.heads} heads ({_name(profile)}).",
            f"This model has {shape.depth} layers of {most} heads; pass heads= of its own.",
        )
    if profile.identity is None:
        return
    kind, differences = relation(profile.identity, identity(model, tokenizer))
    differing = "; ".join(differences)
    if kind == "foreign":
        raise HeadError(f"{named} was made for another model ({_name(profile)}): {differing}.", _FORCE)
    told = _TOLD.setdefault(transformer(model), set())
    key = (profile.name, profile.version, profile.identity)
    if kind == "close" and key not in told:
        told.add(key)
        warnings.warn(
            f"{named} was made for a variant of this model ({_name(profile)}): {differing}. "
            "To see whether it still works, run boldface profiles check.",
            ProfileWarning,
            stacklevel=_outside(),
        )


def _outside() -> int:
    """Return the stack level, as its caller counts, of the code that called this package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "boldface":
        frame, level = frame.f_back, level + 1
    return level


def _name(profile: Profile) -> str:
    origin = profile.identity.origin if profile.identity else ""
    return ", ".join(filter(None, (profile.model, origin))) or "unnamed"
