"""Layers first: all heads of a layer together, then every head of the best layers alone.

Costs layers + keep × heads trials a batch instead of heads. It misses a good head in a layer whose other heads do harm,
and finds no layer good whose heads only work with another layer's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from boldface.errors import ProfilingError
from boldface.profiles.heads import Head, HeadGains
from boldface.profiling.exhaustive import rank_alone
from boldface.profiling.laboratory import Laboratory
from boldface.profiling.lesson import Lesson
from boldface.profiling.racing import Race
from boldface.profiling.ranking import SHARES, Ranking, count


@dataclass(frozen=True)
class Coarse:
    """Steers whole layers, and then the heads of the best ones, with gain 1.

    Attributes:
        race: How layers, and then heads, are measured and compared.
        keep: The part of all layers whose heads are looked at, for every task by itself.
        shares: The parts of all heads that must be settled before it stops early; those that are not in the layers
            kept are settled by definition.
    """

    name: ClassVar[str] = "coarse"

    race: Race = field(default_factory=Race)
    keep: float = 0.5
    shares: tuple[float, ...] = SHARES

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise ProfilingError(f"{self.keep} of the layers cannot be kept.", "Give a part between 0 and 1.")

    def rank(
        self, lab: Laboratory, lessons: Mapping[str, Sequence[Lesson]], heads: Sequence[tuple[int, int]]
    ) -> dict[str, Ranking]:
        """Return a ranking a task, of its best layers' heads; see :class:`~boldface.profiling.ranking.Method`."""
        layers: dict[int, list[Head]] = defaultdict(list)
        for head in heads:
            layers[head[0]].append(Head(*head))
        kept = count(self.keep, len(layers))
        whole = {task: {layer: HeadGains(some) for layer, some in layers.items()} for task in lessons}
        coarse = self.race.run(lab, lessons, whole, [kept], "one layer at a time")
        best_heads = {}
        for task, outcome in coarse.items():
            best = sorted(layers, key=lambda layer: (-outcome.effects[layer].mean, layer))[:kept]
            best_heads[task] = [head for layer in sorted(best) for head in layers[layer]]
        cuts = [count(share, len(heads)) for share in self.shares]
        return rank_alone(self.name, self.race, lab, lessons, best_heads, cuts)
