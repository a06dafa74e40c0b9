"""Release: once the emphasis is obeyed nothing is lifted any more, until it would be forgotten.

What decides is the mass that a row's emphasis has by itself, before anything is lifted: its share of the attention of
the query that reads a generated token, mean over the heads of positive gain in a few layers (:func:`looked`). Two marks
keep a row from going to and fro at every token (hysteresis)::

    lifting    and mass >= upper for `tokens` tokens in a row  ->  released: level 0
    released   and mass <  lower                               ->  lifting:  level 1
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from boldface.errors import StrengthError
from boldface.steering.phases import check_level


@dataclass(frozen=True)
class Release:
    """When a row is released, and when it is lifted again.

    Attributes:
        upper: Mass from which the emphasis counts as obeyed.
        lower: Mass below which it counts as forgotten.
        tokens: Generated tokens for which it has to be obeyed in a row.

    Raises:
        StrengthError: When the marks are no shares, the lower one is the higher, or there are no tokens.
    """

    upper: float
    lower: float
    tokens: int = 4

    def __post_init__(self) -> None:
        check_level(self.upper, "The upper mark of the release")
        check_level(self.lower, "The lower mark of the release")
        if self.lower > self.upper:
            raise StrengthError(
                f"The lower mark of the release, {self.lower:g}, lies above the upper one, {self.upper:g}.",
                "Write the upper mark first, as in release=(0.2, 0.1).",
            )
        if type(self.tokens) is not int or self.tokens < 1:
            raise StrengthError(
                f"A release after {self.tokens!r} tokens is none.", "Give a whole number of tokens, at least 1."
            )


LOOKED = 6
"""Most layers in which masses are looked at: each costs two further kernel calls a token."""


def looked(layers: Sequence[int]) -> tuple[int, ...]:
    """Return the layers in which masses are looked at: the last of each of six equal runs, or all where there are few.

    Args:
        layers: Those with a head of positive gain, in order.
    """
    count = min(LOOKED, len(layers))
    return tuple(layers[len(layers) * (place + 1) // count - 1] for place in range(count))


class Released:
    """The state of one row.

    Args:
        release: Its marks.

    Attributes:
        level: 0 while it is released, else 1.
    """

    def __init__(self, release: Release) -> None:
        self.release = release
        self.level = 1.0
        self._obeyed = 0

    def take(self, mass: float) -> float:
        """Take the mass of the token that was read last, and return the level of the next one."""
        if self.level:
            self._obeyed = self._obeyed + 1 if mass >= self.release.upper else 0
            if self._obeyed >= self.release.tokens:
                self.level = 0.0
        elif mass < self.release.lower:
            self.level, self._obeyed = 1.0, 0
        return self.level


def as_release(said: object) -> Release | None:
    """Return the marks that somebody wrote: a Release, or (upper, lower) or (upper, lower, tokens).

    Raises:
        StrengthError: They are none.
    """
    if said is None or isinstance(said, Release):
        return said
    if isinstance(said, tuple | list) and len(said) in (2, 3):
        return Release(*said)
    raise StrengthError(f"{said!r} is no release.", "Write the upper and the lower mark, as in release=(0.2, 0.1).")
