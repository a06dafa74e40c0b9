"""The models that are served: each with its scheduler and the profiles that a request may name."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

from boldface.attention.geometry import transformer
from boldface.engine.batching import Scheduler
from boldface.engine.heads import Selected, select_heads, shipped_with
from boldface.engine.model import Model
from boldface.engine.vllm_engine import VllmEngine
from boldface.engine.vllm_model import VllmModel
from boldface.errors import BoldfaceError, HeadError, RequestError, UnknownModelError
from boldface.profiles.catalogue import names
from boldface.profiles.profile import Profile

Engine = Scheduler | VllmEngine
"""What runs a model for many requests at once."""


class Offer(NamedTuple):
    """A profile that a request may name.

    Attributes:
        profile: As it is on file.
        selected: Its heads, checked against the model.
    """

    profile: Profile
    selected: Selected


@dataclass(frozen=True)
class Offered:
    """A model as its requests are read: nothing here runs it.

    Attributes:
        id: What requests call it.
        model: The model.
        offers: Profiles by name.
        default: The profile of requests that name none; None when they must name one to emphasise.
        most: Most tokens of prompt and answer that whatever runs it takes; None for as many as the model does.
        in_use: Held by whoever uses its tokenizer or chat template: not all of them can be used by two threads at once.
    """

    id: str
    model: Model
    offers: Mapping[str, Offer]
    default: str | None
    most: int | None = None
    in_use: AbstractContextManager[Any] = field(default_factory=RLock, repr=False, compare=False)

    @property
    def context(self) -> int:
        """Most tokens of prompt and answer."""
        config = transformer(self.model.model).config.get_text_config()
        limits = [getattr(config, "max_position_embeddings", None), self.most]
        return min((one for one in limits if isinstance(one, int)), default=sys.maxsize)

    @property
    def vocabulary(self) -> int:
        """How many tokens the model knows."""
        return int(transformer(self.model.model).get_input_embeddings().weight.shape[0])

    def offer(self, name: str | None) -> Offer | None:
        """Return the profile of that name, or the default one; None when there is none and none was named.

        Raises:
            RequestError: It is not offered.
        """
        if name is None:
            return None if self.default is None else self.offers[self.default]
        if name not in self.offers:
            offered = ", ".join(self.offers) or "none"
            raise RequestError(
                f"The profile {name[:100]!r} is not offered with this model.",
                f"Offered are: {offered}.",
                param="boldface.profile",
                code="profile_not_found",
            )
        return self.offers[name]


@dataclass(frozen=True, kw_only=True)
class Hosted(Offered):
    """One model that is served.

    Attributes:
        scheduler: Runs it.
        created: When it was loaded, seconds since 1970.
    """

    scheduler: Engine
    created: int = field(default_factory=lambda: int(time.time()))


class Hosts:
    """All models that are served; the first is the one for requests that name none.

    Raises:
        BoldfaceError: There is none, or two have the same name.
    """

    def __init__(self, hosted: Sequence[Hosted]) -> None:
        self.by_id = {one.id: one for one in hosted}
        if not hosted or len(self.by_id) != len(hosted):
            raise BoldfaceError("Every served model needs a name of its own.", "Name each model once.")

    def find(self, name: str | None) -> Hosted:
        """Return the model that a request names.

        Raises:
            UnknownModelError: It is not served. Nothing is ever loaded because a request names it.
        """
        if name is None:
            return next(iter(self.by_id.values()))
        if name not in self.by_id:
            raise UnknownModelError(
                f"The model {name[:100]!r} is not served.", f"Served are: {', '.join(self.by_id)}.", param="model"
            )
        return self.by_id[name]


def engine_of(model: Model, scheduling: Mapping[str, Any]) -> Engine:
    """Return what runs a model, not yet started.

    Args:
        model: The model.
        scheduling: How: ``slots``, ``queue``, and for our own scheduler all that it takes.
    """
    if isinstance(model, VllmModel):
        return VllmEngine(model, options=model.options, **scheduling)
    return Scheduler(model, **scheduling)


def served_name(model: Model) -> str:
    """Return what requests call a model: as it was asked for, but never a place on this machine."""
    origin = model.origin
    if origin is None or origin.kind in ("embedded", "hub"):
        return model.name
    return Path(origin.name).expanduser().resolve().name


def find_offers(model: Model, profiles: Sequence[Profile] = ()) -> tuple[dict[str, Offer], str | None]:
    """Return the profiles that go with a model, and the name of the default one.

    Args:
        model: The model.
        profiles: Named when the server was started; the first is the default. Without any, the default is the one that
            is shipped with the model.

    Raises:
        HeadError: A profile named at the start does not fit the model.
    """
    offers = {}
    for profile in profiles:
        if profile.name in offers:
            raise HeadError(f"Two profiles are called {profile.name!r}.", "Rename one of them.")
        offers[profile.name] = _offer(model, profile)
    shipped = shipped_with(model.model)
    for name in names():
        profile = Profile.load(name)
        if name not in offers:
            try:
                offers[name] = _offer(model, profile)
            except HeadError:
                continue
    default = profiles[0].name if profiles else None if shipped is None else shipped.name
    return offers, default


def _offer(model: Model, profile: Profile) -> Offer:
    return Offer(profile, select_heads(model.model, profile, model.tokenizer))
