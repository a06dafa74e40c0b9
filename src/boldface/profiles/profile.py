"""Profile: a model's head gains, default strength and scope, and how they were found, as a JSON file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from boldface.emphasis.strength import DEFAULT_STRENGTH, check_strength
from boldface.errors import HeadError
from boldface.profiles.canary import Canary
from boldface.profiles.catalogue import read_shipped
from boldface.profiles.heads import HeadGains
from boldface.profiles.identity import Identity
from boldface.profiles.migrations import LATEST
from boldface.profiles.provenance import Cost, TaskUse
from boldface.profiles.reading import HINT, read

Scope = Literal["all", "answer"]
Lift = Literal["pasta", "flat"]


@dataclass(frozen=True)
class Profile:
    """Which heads of one model are steered, how far, and how strongly by default.

    Attributes:
        name: Short name.
        model: The model it was made for, in words.
        gains: Gain of every steered head.
        strength: Default strength in nats.
        scope: Default scope: ``all`` queries, or only from the last prompt token on (``answer``).
        rule: Default rule: ``pasta`` lifts the model's own words with the emphasis, ``flat`` the emphasis alone.
        target: Default target share, beyond which nothing is lifted; None is an open loop.
        layers: Decoder layers of the model; None when unknown.
        heads: Query heads of each of its layers, the most there are; None when unknown.
        identity: What tells the model from others; None when unknown.
        method: How the gains were found.
        settings: How the method was set.
        tasks: What it was learned from.
        seed: Seed of the search; None when there was none.
        scores: What was measured, with standard errors.
        canaries: Prompts that show whether the profile still does what it did.
        cost: What the search cost; None when unknown.
        boldface: Version of this package that made it; empty when unknown.
        note: Anything else a person should know.
        version: Version of this profile, counted from 1.

    Raises:
        HeadError: A gain names a layer or head that a model of this shape does not have, the shape is not that of the
            identity, or there is no such scope or rule.
        StrengthError: The strength is out of range.
    """

    name: str
    model: str
    gains: HeadGains
    strength: float = DEFAULT_STRENGTH
    scope: Scope = "all"
    rule: Lift = "pasta"
    target: float | None = None
    layers: int | None = None
    heads: int | None = None
    identity: Identity | None = None
    method: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    tasks: tuple[TaskUse, ...] = ()
    seed: int | None = None
    scores: Mapping[str, Any] = field(default_factory=dict)
    canaries: tuple[Canary, ...] = ()
    cost: Cost | None = None
    boldface: str = ""
    note: str = ""
    version: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.gains, HeadGains):
            raise HeadError(
                f"gains is {type(self.gains).__name__}.", "Pass HeadGains, e.g. HeadGains.from_layers(...)."
            )
        object.__setattr__(self, "strength", check_strength(self.strength))
        if self.scope not in get_args(Scope):
            raise HeadError(f"There is no scope {self.scope!r}.", f"Choose among {', '.join(get_args(Scope))}.")
        if self.rule not in get_args(Lift):
            raise HeadError(f"There is no rule {self.rule!r}.", f"Choose among {', '.join(get_args(Lift))}.")
        if self.target is not None and not 0 < self.target < 1:
            raise HeadError(f"A target share lies between 0 and 1, not {self.target!r}.", "Write for example 0.5.")
        for name in ("layers", "heads") if self.identity is not None else ():
            known, given = getattr(self.identity, name), getattr(self, name)
            if given not in (None, known):
                raise HeadError(
                    f"Profile {self.name!r} is for {given} {name}, but its model has {known}.",
                    f"Leave {name} out, and it is taken from the identity.",
                )
            object.__setattr__(self, name, known)
        for head in self.gains:
            if (self.layers is not None and head.layer >= self.layers) or (
                self.heads is not None and head.head >= self.heads
            ):
                raise HeadError(
                    f"Profile {self.name!r} steers {head}, but is for {self.layers} layers of {self.heads} heads.",
                    "Layers and heads count from 0.",
                )

    def matches(self, layers: int, heads: int) -> bool:
        """Tell whether the profile fits a model of that many layers and query heads; unknown counts fit any."""
        return self.layers in (None, layers) and self.heads in (None, heads)

    def unbound(self) -> Profile:
        """Return the profile without what it was made for, so that any model that has its heads takes it."""
        return replace(self, identity=None, layers=None, heads=None)

    @classmethod
    def load(cls, source: str | os.PathLike[str]) -> Profile:
        """Read a profile by file, or by the name of a shipped one.

        A path, or anything that ends in ``.json``, is a file. A bare ``{layer: [heads]}`` file, the reference
        implementation's, becomes a profile of gain 1, default strength and unknown model.

        Raises:
            HeadError: There is no such profile, or the file is not one.
            StrengthError: The file's strength is out of range.
        """
        text = os.fspath(source)
        path = Path(text).expanduser()
        is_file = isinstance(source, os.PathLike) or path.suffix == ".json" or path.name != text
        if not is_file:
            return cls.from_json(read_shipped(text), origin=text)
        try:
            content = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:  # not there, not UTF-8, or no path at all
            raise HeadError(f"The profile {path} cannot be read: {error}.", HINT) from error
        return cls.from_json(content, origin=str(path))

    @classmethod
    def from_json(cls, text: str, *, origin: str = "profile") -> Profile:
        """Read the content of a profile file of this or an older version; ``origin`` names it in errors.

        Raises:
            HeadError: The text is no profile.
            StrengthError: Its strength is out of range.
        """
        content = read(text, origin)
        try:
            return cls(**content)
        except ValueError as error:  # HeadError or StrengthError, both with a hint
            raise type(error)(f"{origin}: {getattr(error, 'message', error)}", getattr(error, "hint", "")) from error

    def to_json(self) -> str:
        """Return the content of a profile file; :meth:`from_json` reads it back.

        Raises:
            HeadError: Settings or scores hold what JSON cannot.
        """
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        content |= {
            "gains": self.gains.to_layers(),
            "identity": self.identity and asdict(self.identity),
            "tasks": [asdict(task) for task in self.tasks],
            "canaries": [asdict(canary) for canary in self.canaries],
            "cost": self.cost and asdict(self.cost),
        }
        try:
            written = json.dumps({"schema_version": LATEST, **content}, indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError) as error:
            message = f"Profile {self.name!r} cannot be written: {error}."
            raise HeadError(message, "Use text and finite numbers.") from error
        return written + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the profile, whole or not at all.

        Raises:
            HeadError: The file cannot be written.
        """
        place = Path(path).expanduser()
        text = self.to_json()
        draft = None
        try:
            with tempfile.NamedTemporaryFile(
                "w", encoding="utf-8", dir=place.parent, prefix=f".{place.name}.", delete=False
            ) as file:
                draft = Path(file.name)
                file.write(text)
            draft.chmod(0o644)
            draft.replace(place)
        except OSError as error:
            if draft is not None:
                draft.unlink(missing_ok=True)
            raise HeadError(f"The profile {place} cannot be written: {error}.", "Name a writable file.") from error
