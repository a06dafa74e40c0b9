"""Profile: a model's head gains and default strength, as a JSON file."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from boldface.emphasis.strength import DEFAULT_STRENGTH, check_strength
from boldface.errors import HeadError, StrengthError
from boldface.profiles.catalogue import read_shipped
from boldface.profiles.heads import HeadGains

SCHEMA_VERSION = 1
_HINT = "Name a shipped profile, a profile file, or a JSON file {layer: [heads]}."


@dataclass(frozen=True)
class Profile:
    """Which heads of one model are steered, how far, and how strongly by default.

    Attributes:
        name: Short name.
        model: The model it was made for, in words.
        gains: Gain of every steered head.
        strength: Default strength in nats.
        layers: Decoder layers of the model; None when unknown.
        heads: Query heads of each of its layers; None when unknown.
        method: How the gains were found.
        note: Anything else a person should know.
        seed: Seed of the search; None when there was none.
        trained_on: Data set or task to what of it was used.
        version: Version of this profile, counted from 1.
        scores: What was measured, with standard errors.

    Raises:
        HeadError: A gain names a layer or head that a model of this shape does not have.
        StrengthError: The strength is out of range.
    """

    name: str
    model: str
    gains: HeadGains
    strength: float = DEFAULT_STRENGTH
    layers: int | None = None
    heads: int | None = None
    method: str = ""
    note: str = ""
    seed: int | None = None
    trained_on: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    scores: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.gains, HeadGains):
            raise HeadError(
                f"gains is {type(self.gains).__name__}.", "Pass HeadGains, e.g. HeadGains.from_layers(...)."
            )
        object.__setattr__(self, "strength", check_strength(self.strength))
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
            raise HeadError(f"The profile {path} cannot be read: {error}.", _HINT) from error
        return cls.from_json(content, origin=str(path))

    @classmethod
    def from_json(cls, text: str, *, origin: str = "profile") -> Profile:
        """Read the content of a profile file; ``origin`` names it in errors.

        Raises:
            HeadError: The text is no profile.
            StrengthError: Its strength is out of range.
        """
        try:
            content = json.loads(text, object_pairs_hook=_unique)
        except (ValueError, RecursionError) as error:
            raise HeadError(f"{origin} is not JSON: {error}.", _HINT) from error
        if not isinstance(content, dict):
            raise HeadError(f"{origin} holds {type(content).__name__}, not a profile.", _HINT)
        if "schema_version" not in content:
            return cls(name=Path(origin).stem, model="", gains=_read_gains(content, origin))
        version = content.pop("schema_version")
        if version != SCHEMA_VERSION:
            raise HeadError(
                f"{origin} has schema_version {version!r}; this boldface reads {SCHEMA_VERSION}.",
                "Update boldface, or make the profile again.",
            )
        known = {one.name for one in fields(cls)}
        if wrong := content.keys() - known:
            raise HeadError(f"{origin} has unknown fields: {', '.join(sorted(wrong))}.", "Remove them.")
        if missing := {"name", "model", "gains"} - content.keys():
            raise HeadError(f"{origin} lacks {', '.join(sorted(missing))}.", "A profile needs name, model and gains.")
        for name, kinds in _KINDS.items():
            if name in content and (isinstance(content[name], bool) or not isinstance(content[name], kinds)):
                raise HeadError(f"{origin}: {name} is {content[name]!r}.", "Compare with a shipped profile.")
        content["gains"] = _read_gains(content["gains"], origin)
        try:
            return cls(**content)
        except (HeadError, StrengthError) as error:
            raise type(error)(f"{origin}: {error.message}", error.hint) from error

    def to_json(self) -> str:
        """Return the content of a profile file; :meth:`from_json` reads it back."""
        content = {one.name: getattr(self, one.name) for one in fields(self)}
        content["gains"] = self.gains.to_layers()
        return json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=1, ensure_ascii=False) + "\n"

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


_KINDS: Mapping[str, type | tuple[type, ...]] = {
    "name": str,
    "model": str,
    "gains": dict,
    "strength": (int, float),
    "layers": (int, type(None)),
    "heads": (int, type(None)),
    "method": str,
    "note": str,
    "seed": (int, type(None)),
    "trained_on": dict,
    "version": int,
    "scores": dict,
}


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        raise ValueError("a key stands there twice")
    return content


def _read_gains(layers: dict[Any, Any], origin: str) -> HeadGains:
    try:
        return HeadGains.from_layers(layers)
    except (HeadError, TypeError) as error:
        message = error.message if isinstance(error, HeadError) else str(error)
        raise HeadError(f"{origin} holds no readable head gains: {message}", _HINT) from error
