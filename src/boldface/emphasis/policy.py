"""Policies: which sources of text may emphasise, how strongly, and which are protected against which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from boldface.emphasis.strength import MAX_STRENGTH
from boldface.errors import ChatError, PolicyError

Source = Literal["system", "user", "assistant", "tool", "retrieved"]
"""Where a text came from, in the order of trust; tool and retrieved text are trusted alike."""

SOURCES: tuple[Source, ...] = get_args(Source)

_ROLES: Mapping[Any, Source] = MappingProxyType(
    {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
)
_TRUST: Mapping[Source, int] = MappingProxyType({"system": 3, "user": 2, "assistant": 1, "tool": 0, "retrieved": 0})
_ROUNDING = 1e-3
"""Nats by which a limit may be exceeded, so that one written as 4.605 allows log(100)."""

_PROTECTS: Mapping[Source, tuple[Source, ...]] = MappingProxyType(
    {"system": ("user", "assistant", "tool", "retrieved"), "user": ("assistant", "tool", "retrieved")}
)


@dataclass(frozen=True)
class Policy:
    """What the text of every source may do. Whatever is not said is denied, and protection is on.

    Attributes:
        may: The most nats that text of a source may be lifted or suppressed by; a source that is not there may not
            emphasise.
        protects: A source to those that it is protected against: when text of one of these is lifted, all text of the
            protected source is lifted at least as much.

    Raises:
        PolicyError: A source that does not exist, a limit that is no strength, or a source protected against itself.
    """

    may: Mapping[Source, float] = field(default_factory=dict)
    protects: Mapping[Source, tuple[Source, ...]] = field(default_factory=lambda: _PROTECTS)

    def __post_init__(self) -> None:
        may = {_known(source): _limit(source, nats) for source, nats in _items(self.may, "may")}
        protects = {
            _known(source): tuple(_known(other) for other in _listed(source, against))
            for source, against in _items(self.protects, "protects")
        }
        for source, against in protects.items():
            if source in against:
                raise PolicyError(f"{source} text is protected against itself.", "Name the sources of lesser trust.")
        object.__setattr__(self, "may", MappingProxyType(may))
        object.__setattr__(self, "protects", MappingProxyType(protects))

    @classmethod
    def read(cls, told: Mapping[str, Any]) -> Policy:
        """Read a policy from JSON values, such as ``{"may": {"system": 30, "user": 4.6}}``.

        Raises:
            PolicyError: It is no such thing.
        """
        if unknown := sorted(str(name) for name, _ in _items(told, "The policy") if name not in ("may", "protects")):
            raise PolicyError(f"A policy has no {unknown[0]!r}.", "It has may and protects.")
        return cls(**told)

    def limit(self, source: Source) -> float:
        """Return the most nats that text of ``source`` may be lifted or suppressed by; 0 when it may not."""
        return self.may.get(source, 0.0)

    def why_not(self, source: Source, nats: float) -> str | None:
        """Return why text of ``source`` may not be emphasised by ``nats``, or None when it may."""
        limit = self.limit(source)
        if nats == 0 or 0 < abs(nats) <= limit + (_ROUNDING if limit else 0.0):
            return None
        if limit == 0:
            return f"{source} text may not be emphasised"
        return f"{source} text may be emphasised by at most {limit:g} nats, not {nats:g}"


def source_of(role: Any) -> Source:
    """Return where text of a role comes from; unknown roles are trusted as little as tools."""
    return _ROLES.get(role, "tool") if isinstance(role, str) else "tool"


def narrowed(source: Source, said: Any, where: str) -> Source:
    """Return the source that a text claims, which may be one of no more trust than it has already.

    Args:
        source: Where the text comes from as far as is known.
        said: What is said beside the text; None when nothing is.
        where: Its name in errors.

    Raises:
        ChatError: A source that does not exist, or one of more trust.
    """
    if said is None:
        return source
    if said not in SOURCES:
        raise ChatError(f"{where}.source is {said!r}.", f"Choose among {', '.join(SOURCES)}.")
    claimed: Source = said
    if _TRUST[claimed] > _TRUST[source]:
        raise ChatError(
            f"{where}: {source} text cannot be made {claimed} text.",
            "A source may say that text is trusted less than its role, never more; put it into a message of that role.",
        )
    return claimed


def _known(source: Any) -> Source:
    if source not in SOURCES:
        raise PolicyError(f"There is no source {source!r}.", f"Choose among {', '.join(SOURCES)}.")
    known: Source = source
    return known


def _items(told: Any, what: str) -> Iterable[tuple[Any, Any]]:
    if not isinstance(told, Mapping):
        raise PolicyError(f"{what} is {type(told).__name__}, not a mapping.", 'Write {"may": {"user": 4.6}}.')
    return told.items()


def _listed(source: Any, against: Any) -> Iterable[Any]:
    if isinstance(against, str) or not isinstance(against, Iterable):
        raise PolicyError(f"{source} is protected against {against!r}.", 'Write a list: {"system": ["user"]}.')
    return against


def _limit(source: Any, nats: Any) -> float:
    if isinstance(nats, bool) or not isinstance(nats, int | float) or not 0 <= nats <= MAX_STRENGTH:
        raise PolicyError(
            f"The limit of {source} text is {nats!r}.",
            f"Give nats from 0 to {MAX_STRENGTH:g}; 0 denies, 4.605 is ×100.",
        )
    return float(nats)


DEFAULT_POLICY = Policy({"system": MAX_STRENGTH, "user": MAX_STRENGTH})
"""System and user text may emphasise. What models, tools and searches wrote may not: it can carry words of anybody."""
