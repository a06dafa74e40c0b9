"""Trials in this process, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from boldface.engine.model import Model
from boldface.profiling.measure import Plain, measure
from boldface.profiling.trial import Reading, Trial


class Local:
    """Carries out trials on a model that is loaded here.

    Args:
        model: The model.
    """

    count = 1

    def __init__(self, model: Model) -> None:
        self.model, self._plain = model, Plain(model.model)

    def run(self, trials: Sequence[Trial]) -> Iterator[Reading]:
        """Yield the reading of every trial, in their order."""
        return (measure(self.model, trial, self._plain) for trial in trials)
