"""Heads and how far each is steered: an immutable mapping with an algebra.

``L12H7`` is query head 7 of decoder layer 12, both counted from 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import NamedTuple

from boldface.errors import HeadError

_HEAD = re.compile(r"L(\d{1,6})H(\d{1,6})(?:=([-+0-9.eE]+))?")


class Head(NamedTuple):
    """One query head: ``Head(12, 7)`` prints as ``L12H7``."""

    layer: int
    head: int

    def __str__(self) -> str:
        return f"L{self.layer}H{self.head}"


class HeadGains(Mapping[Head, float]):
    """Gain of every steered head; heads that are absent have gain 0.

    A gain of 1 steers by the full strength, 0 not at all, a negative one turns the head away from
    the emphasis. The applied bias is gain x strength.

    Algebra: ``a | b`` union (the gain of larger size wins; +x and -x on one head is an error), ``a & b`` heads in
    both (gains of ``a``), ``a - b`` heads of ``a`` that are not in ``b``, ``a * x`` and ``-a`` scale.
    ``HeadGains()`` steers nothing.

    Raises:
        HeadError: On indices that are not whole numbers from 0, gains that are not finite, and a head named twice.
    """

    __slots__ = ("_gains",)

    def __init__(self, gains: Mapping[tuple[int, int], float] | Iterable[tuple[int, int]] = ()) -> None:
        pairs = gains.items() if isinstance(gains, Mapping) else [(head, 1.0) for head in gains]
        clean: dict[Head, float] = {}
        for pair, gain in pairs:
            if (head := _head(pair)) in clean:
                raise HeadError(f"{head} is named twice.", "Name each head once.")
            clean[head] = _gain(gain, pair)
        self._gains = {head: gain for head, gain in sorted(clean.items()) if gain != 0}

    @classmethod
    def from_layers(cls, layers: Mapping[int | str, Sequence[int] | Mapping[int | str, float]]) -> HeadGains:
        """Read ``{layer: [heads]}`` (the reference implementation's JSON) or ``{layer: {head: gain}}``."""
        if not isinstance(layers, Mapping):
            raise HeadError(f"{type(layers).__name__} is not a mapping of layers.", _LAYERS_HINT)
        gains: dict[tuple[int, int], float] = {}
        for layer, heads in layers.items():
            if isinstance(heads, (str, bytes)) or not isinstance(heads, (Mapping, Sequence)):
                raise HeadError(f"Layer {layer} names {heads!r}.", _LAYERS_HINT)
            for head, gain in heads.items() if isinstance(heads, Mapping) else [(head, 1.0) for head in heads]:
                key = Head(_index(layer, "layer"), _index(head, "head"))
                if key in gains:
                    raise HeadError(f"{key} is named twice.", "Name each head once.")
                gains[key] = gain
        return cls(gains)

    @classmethod
    def parse(cls, text: str) -> HeadGains:
        """Read ``"L12H7, L3H0=0.5"``: heads separated by commas or spaces, gain 1 unless given."""
        gains: dict[tuple[int, int], float] = {}
        for word in text.replace(",", " ").split():
            match = _HEAD.fullmatch(word)
            if match is None:
                raise HeadError(f"{word!r} is not a head.", "Write L12H7 or L12H7=0.5 (layer 12, head 7, from 0).")
            head = Head(int(match[1]), int(match[2]))
            if head in gains:
                raise HeadError(f"{head} is named twice.", "Name each head once.")
            try:
                gains[head] = float(match[3] or 1.0)
            except ValueError:
                raise HeadError(f"{word!r} has no readable gain.", "Write for example L12H7=0.5.") from None
        return cls(gains)

    @classmethod
    def every(cls, layers: int, heads: int) -> HeadGains:
        """All ``heads`` of all ``layers`` with gain 1: the paper's ablation that hurts."""
        return cls((layer, head) for layer in range(layers) for head in range(heads))

    def to_layers(self) -> dict[int, dict[int, float]]:
        """Return ``{layer: {head: gain}}``; :meth:`from_layers` reads it back."""
        layers: dict[int, dict[int, float]] = {}
        for (layer, head), gain in self._gains.items():
            layers.setdefault(layer, {})[head] = gain
        return layers

    @property
    def layers(self) -> tuple[int, ...]:
        """Layers with at least one steered head, ascending."""
        return tuple(dict.fromkeys(layer for layer, _ in self._gains))

    def select(self, keep: Callable[[Head, float], bool]) -> HeadGains:
        """Return the heads for which ``keep(head, gain)`` is true."""
        return HeadGains({head: gain for head, gain in self._gains.items() if keep(head, gain)})

    def top(self, count: int) -> HeadGains:
        """Return the ``count`` heads of largest gain in size; ties go to the earlier head."""
        ranked = sorted(self._gains, key=lambda head: (-abs(self._gains[head]), head))
        return HeadGains({head: self._gains[head] for head in ranked[:count]})

    def __getitem__(self, head: tuple[int, int]) -> float:
        return self._gains[head]  # type: ignore[index]  # a pair equals the Head of the same numbers

    def __iter__(self) -> Iterator[Head]:
        return iter(self._gains)

    def __len__(self) -> int:
        return len(self._gains)

    def __or__(self, other: HeadGains) -> HeadGains:
        merged: dict[Head, float] = dict(self._gains)
        for head, gain in other.items():
            if gain != 0 and gain == -merged.get(head, 0.0):
                raise HeadError(
                    f"Two gains pull {head} by {gain:+g} and {-gain:+g}.", "Remove one of them or scale one."
                )
            if abs(gain) > abs(merged.get(head, 0.0)):
                merged[head] = gain
        return HeadGains(merged)

    def __and__(self, other: HeadGains) -> HeadGains:
        return self.select(lambda head, _: head in other)

    def __sub__(self, other: HeadGains) -> HeadGains:
        return self.select(lambda head, _: head not in other)

    def __mul__(self, scale: float) -> HeadGains:
        return HeadGains({head: gain * scale for head, gain in self._gains.items()})

    __rmul__ = __mul__

    def __neg__(self) -> HeadGains:
        return self * -1.0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, HeadGains) and self._gains == other._gains

    def __hash__(self) -> int:
        return hash(tuple(self._gains.items()))

    def __str__(self) -> str:
        return ", ".join(str(head) if gain == 1 else f"{head}={gain!r}" for head, gain in self._gains.items())

    def __repr__(self) -> str:
        return f"HeadGains.parse({str(self)!r})"


_LAYERS_HINT = "Write {layer: [heads]}, for example {12: [3, 7]}."


def _head(pair: tuple[int, int]) -> Head:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise HeadError(f"{pair!r} is not a head.", "Write (layer, head), for example (12, 7).")
    for index in pair:
        if isinstance(index, bool) or not isinstance(index, Integral) or index < 0:
            raise HeadError(
                f"{pair!r} is not a head: {index!r} is no whole number from 0.", "Layers and heads count from 0."
            )
    return Head(int(pair[0]), int(pair[1]))


def _gain(gain: float, pair: tuple[int, int]) -> float:
    try:
        value = math.nan if isinstance(gain, bool) or not isinstance(gain, Real) else float(gain)
    except OverflowError:  # a whole number of hundreds of digits
        value = math.inf
    if not math.isfinite(value):
        raise HeadError(f"Gain {gain!r} of {Head(*pair)} is not a finite number.", "1 steers fully, 0 not at all.")
    return value


def _index(value: int | str, what: str) -> int:
    """Read a key of JSON, where whole numbers are written as text."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?[0-9]+", value):
        return int(value)
    raise HeadError(f"{value!r} is not a {what} number.", _LAYERS_HINT)
