"""What releases are told: the mass on the emphasis, row by row, of one forward."""

from __future__ import annotations

import torch
from torch import Tensor


class Tally:
    """The masses of one forward, layer by layer."""

    def __init__(self) -> None:
        self._masses: list[Tensor] = []
        self._heads: list[Tensor] = []

    def take(self, mass: Tensor, lifted: Tensor) -> None:
        """Take the masses of one layer.

        Args:
            mass: (rows, …) of every head.
            lifted: The same, above 0 for heads that lift something.
        """
        lifts = lifted > 0
        self._masses.append((mass * lifts).flatten(1).sum(1))
        self._heads.append(lifts.flatten(1).sum(1))

    def means(self) -> list[float]:
        """Return the mean mass of every row over the heads that lift something, and forget it."""
        masses, self._masses = self._masses, []
        heads, self._heads = self._heads, []
        if not masses:
            return []
        return (torch.stack(masses).sum(0) / torch.stack(heads).sum(0).clamp(min=1)).tolist()
