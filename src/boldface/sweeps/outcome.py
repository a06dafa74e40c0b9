"""What a study says, read from its storage alone: no model, no data, no file of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from boldface.errors import SweepError
from boldface.evaluation.numerals import SUFFIX, interval, with_error, written
from boldface.metrics.statistics import Estimate
from boldface.sweeps.choosing import Tried
from boldface.sweeps.measure import BASELINE, Measure
from boldface.sweeps.objectives import GENERAL, find_metric
from boldface.sweeps.study import Study
from boldface.tasks.task import Metric

PARTS = {"proof": "validation rows that chose nothing", "test": "test rows"}


@dataclass(frozen=True)
class Outcome:
    """A sweep so far.

    Attributes:
        facts: What every measure depends on.
        weighed: Metrics of the objectives; the first decides.
        others: Metrics that were measured besides.
        plain: What the plain model did on the rows that points are chosen by.
        tried: All points, in order.
        chosen: The recommended one; None where there is none.
        why: The reason.
        objections: Trial to what speaks against it.
        parts: ``proof`` and ``test``: arm to what it did there.
        refuted: Of these, those whose rows speak against the recommended point, with what does.
        unfinished: Points that were begun, by whomever, and have no figures.
    """

    facts: Mapping[str, Any]
    weighed: tuple[Metric, ...]
    others: tuple[Metric, ...]
    plain: Measure
    tried: tuple[Tried, ...]
    chosen: Tried | None
    why: str
    objections: Mapping[int, Sequence[str]]
    parts: Mapping[str, Mapping[str, Measure]]
    refuted: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unfinished: int = 0

    @classmethod
    def of(cls, study: Study) -> Outcome:
        """Read a study.

        Raises:
            SweepError: Nothing was measured yet.
        """
        tried, plain = tuple(study.tried()), study.kept("plain")
        if plain is None or not tried:
            raise SweepError("Nothing was measured yet.", "Run the sweep first, or longer.")
        weighed = tuple(map(find_metric, study.facts["objectives"]))
        said = study.kept("choice") or {"number": None, "why": "Nothing was chosen yet.", "objections": {}}
        chosen = next((one for one in tried if one.number == said["number"]), None)
        measured = set().union(*(one.measure.objectives for one in tried))
        parts = {part: kept for part in PARTS if (kept := _kept(study.kept(part), chosen))}
        return cls(
            study.facts,
            weighed,
            tuple(metric for name, metric in GENERAL.items() if name in measured and metric not in weighed),
            Measure.from_json(plain),
            tried,
            chosen,
            said["why"],
            {int(number): some for number, some in said["objections"].items()},
            {part: {arm: Measure.from_json(one) for arm, one in kept["arms"].items()} for part, kept in parts.items()},
            {part: some for part, kept in parts.items() if (some := kept.get("objections"))},
            study.unfinished,
        )

    @property
    def is_ablation(self) -> bool:
        """Whether arms of a list were measured, of which none is to be chosen."""
        return "arms" in self.facts["space"]

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Everything that was measured."""
        return (*self.weighed, *self.others)

    @property
    def front(self) -> tuple[Tried, ...]:
        """The points that no other is better than in everything, the best of the first objective first."""
        first = self.weighed[0]
        sign = -1 if first.better == "lower" else 1
        return tuple(
            sorted(
                (one for one in self.tried if one.front),
                key=lambda one: -sign * one.measure.objectives[first.name].mean,
            )
        )

    def estimate(self, part: str) -> Estimate | None:
        """Return the recommended point's first objective on a part's rows; None where it was not measured."""
        if self.chosen is None or self.chosen.arm not in self.parts.get(part, {}):
            return None
        return self.parts[part][self.chosen.arm].objectives.get(self.weighed[0].name)

    def sentences(self) -> list[str]:
        """Say which point is recommended, why, what other rows say of it, and how many points lack figures."""
        lacking = []
        if self.unfinished:
            lacking.append(
                f"Points that were begun and have no figures: {self.unfinished}. Another machine is at them, or was "
                "stopped; the same command with its --out takes them up."
            )
        return [*([] if self.is_ablation else self._recommended()), *lacking]

    def _recommended(self) -> list[str]:
        if self.chosen is None:
            return [self.why]
        first, point = self.weighed[0], self.chosen.point
        said = [
            f"Recommended: point {self.chosen.number}, {point}. Of {len(self.tried)} points {len(self.front)} are on "
            f"the front; {self.why}"
        ]
        for part, rows in PARTS.items():
            if (found := self.estimate(part)) is not None:
                plain = self.parts[part][BASELINE].objectives[first.name]
                said.append(
                    f"On {found.n} {rows}: {first.title} {with_error(found, first.unit)} {SUFFIX[first.unit]}".rstrip()
                    + f", 95 % interval {interval(found.low, found.high, first.unit)}; plain "
                    f"{with_error(plain, first.unit)}."
                )
            if part in self.refuted:
                said.append(f"The {rows} speak against it: {'; '.join(self.refuted[part])}.")
        if self.estimate("proof") is None:
            found = self.chosen.measure.objectives[first.name]
            said.append(
                f"Its interval {interval(found.low, found.high, first.unit)} is of the rows that chose it, which "
                "flatters: the time was up before others were asked."
            )
        proof, test = self.estimate("proof"), self.estimate("test")
        if proof is not None and test is not None:
            inside = proof.low <= test.mean <= proof.high
            said.append(
                f"The figure of the test rows, {written(test.mean, first.unit)}, lies "
                f"{'inside' if inside else 'outside'} the interval of the validation rows."
            )
        if point.temperature:
            said.append(
                "Words were drawn; a profile does not say how words are chosen, so ask for --temperature "
                f"{point.temperature:g} yourself."
            )
        return said

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON values."""

        def line(one: Tried) -> dict[str, Any]:
            told = {"point": one.number, **one.params, "arm": one.arm, "front": one.front}
            return {**told, **one.measure.to_json(), "objections": list(self.objections.get(one.number, ()))}

        proof, test = self.estimate("proof"), self.estimate("test")
        return {
            "facts": dict(self.facts),
            "objectives": {
                metric.name: {"unit": metric.unit, "better": metric.better, "weighed": metric in self.weighed}
                for metric in self.metrics
            },
            "plain": self.plain.to_json(),
            "points": [line(one) for one in self.tried],
            "front": [one.number for one in self.front],
            "recommended": None if self.chosen is None else line(self.chosen),
            "why": self.why,
            "refuted": {part: list(some) for part, some in self.refuted.items()},
            "unfinished": self.unfinished,
            **{part: {arm: one.to_json() for arm, one in arms.items()} for part, arms in self.parts.items()},
            "confirmed": None if proof is None or test is None else proof.low <= test.mean <= proof.high,
        }


def _kept(kept: Any, chosen: Tried | None) -> dict[str, Any]:
    """What was kept of the recommended point; nothing where another was recommended then, or nothing was measured."""
    return kept if kept and chosen is not None and kept["of"] == chosen.arm and kept["arms"] else {}
