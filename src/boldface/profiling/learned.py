"""Learned gains: every head's gain is a free number, and the answers that obey the emphasis are made likelier.

The model stays frozen. One step takes a batch of every subject, and the gradient of its lessons' scores to all gains
from one backward pass each; Adam with cosine decay moves the gains, and a price on their size keeps unneeded heads at
0. Gains are ``largest * tanh(raw)``: bounded, and free to turn a head away from the emphasis. Ours; the problem is that
of PASTA's profiling (Zhang et al. 2024, section 3.2), solved for all heads at once.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.errors import ProfilingError
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Lift
from boldface.profiling.laboratory import BudgetSpent, Laboratory
from boldface.profiling.lesson import Lesson
from boldface.profiling.material import Subject, batches
from boldface.profiling.trial import Trial
from boldface.steering.plan import Scope

_LEAST = 0.1
"""Nats a token; a subject whose answers are likelier than that anyhow does not weigh more."""
RAISING = "Give more than 0 nats, which is a factor above 1 or an alpha below 1; gains may be negative, strengths not."


@dataclass(frozen=True)
class Learning:
    """How gains are learned.

    Attributes:
        steps: Steps of Adam.
        rate: Its first learning rate, of ``raw``.
        price: Nats a gain of size 1 costs.
        largest: Largest gain in size.
        strength: Strength in nats at which gains are learned.
        signed: Whether gains may be negative.
        group: Neighbouring query heads that share a gain: 1, or the query heads of a KV head.
        scope: Which queries are steered.
        rule: Whether generated tokens are lifted with the emphasis (``pasta``) or not (``flat``).
        batch: Lessons of a subject in a step.
        calm: What a nat of divergence weighs where emphasis should change nothing; an obedient answer weighs 1 when it
            is as unlikely as to the plain model.
        look: Steps between two looks at the validation split.
        seed: Of the order of batches.
    """

    steps: int = 60
    rate: float = 0.08
    price: float = 0.001
    largest: float = 1.5
    strength: float = DEFAULT_STRENGTH
    signed: bool = True
    group: int = 1
    scope: Scope = "all"
    rule: Lift = "flat"
    batch: int = 4
    calm: float = 0.5
    look: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("steps", "rate", "largest", "strength", "group", "batch", "look"):
            if not 0 < getattr(self, name) < math.inf:
                hint = RAISING if name == "strength" else "Give more than 0."
                raise ProfilingError(f"{name} is {getattr(self, name):g}.", hint)
        for name in ("price", "calm"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ProfilingError(f"{name} is {getattr(self, name):g}.", "Give 0 or more.")


@dataclass(frozen=True)
class Look:
    """What gains did on the validation split.

    Attributes:
        step: Steps taken until then.
        gains: The gains.
        total: Weighted score; −1 or so for the plain model, 0 where every target is certain and nothing else moves.
        scores: Subject to the mean score of its lessons, nats a token.
    """

    step: int
    gains: HeadGains
    total: float
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Learned:
    """What was learned.

    Attributes:
        gains: Those of the best look at the validation split.
        steps: Steps it took to get there.
        curve: All looks.
    """

    gains: HeadGains
    steps: int
    curve: tuple[Look, ...]


def learn(
    lab: Laboratory,
    heads: Sequence[tuple[int, int]],
    train: Mapping[Subject, Sequence[Lesson]],
    validation: Mapping[Subject, Sequence[Lesson]],
    settings: Learning,
) -> Learned:
    """Learn gains, and return those that do best on the validation lessons.

    Deterministic: run again with the same store, it repeats nothing and goes on where it was.

    Args:
        lab: Where trials are run.
        heads: Every head that can be steered, in the order of a gradient.
        train: Lessons to learn from.
        validation: Lessons that say when to stop.
        settings: How.

    Raises:
        ProfilingError: The budget was spent before the first look at anything learned, groups of heads do not fit the
            layers, or a subject has no lessons to look at.
    """
    if unseen := [subject for subject in train if subject not in validation]:
        raise ProfilingError(
            f"{unseen[0]} is learned from, and nothing of it is in the validation split.",
            "Allow longer lessons, or look at more rows.",
        )
    if any(count % settings.group for count in Counter(layer for layer, _ in heads).values()):
        raise ProfilingError(
            f"The heads of a layer do not fall into groups of {settings.group}.",
            "Give 1, or the number of query heads that share a key and value head.",
        )
    raw = torch.full((len(heads) // settings.group,), 0.0 if settings.signed else -2.0, dtype=torch.float64)
    raw.requires_grad_()
    optimizer = torch.optim.Adam([raw], lr=settings.rate)
    streams = {
        subject: itertools.cycle(batches(lessons, settings.batch, settings.seed)) for subject, lessons in train.items()
    }
    curve: list[Look] = []
    try:
        plain = look(lab, HeadGains(), validation, settings, "reading plain answers")
        weights = shares(plain, validation, settings.calm)
        for step in range(settings.steps + 1):
            gains = _gains(heads, raw, settings)
            if step % settings.look == 0 or step == settings.steps:
                curve.append(_look(lab, step, gains, validation, weights, settings))
            if step < settings.steps:
                batch = {subject: next(stream) for subject, stream in streams.items()}
                slope = _slope(lab, gains, batch, weights, settings, step)
                _move(raw, optimizer, slope, settings, step)
    except BudgetSpent:
        if len(curve) < 2:
            raise ProfilingError("The budget was spent before anything was learned.", "Give more of it.") from None
    best = max(curve, key=lambda one: one.total)
    return Learned(best.gains, best.step, tuple(curve))


def _look(
    lab: Laboratory,
    step: int,
    gains: HeadGains,
    validation: Mapping[Subject, Sequence[Lesson]],
    weights: Mapping[Subject, float],
    settings: Learning,
) -> Look:
    scores = look(lab, gains, validation, settings, f"looking at step {step}")
    total = sum(weights[subject] * score for subject, score in scores.items())
    told = ", ".join(f"{subject} {score:.2f}" for subject, score in scores.items())
    lab.tell(
        f"step {step} of {settings.steps}", f"score {total:.3f} ({told} nats a token)", done=step, total=settings.steps
    )
    return Look(step, gains, total, {str(subject): score for subject, score in scores.items()})


def look(
    lab: Laboratory,
    gains: HeadGains,
    lessons: Mapping[Subject, Sequence[Lesson]],
    settings: Learning,
    stage: str,
) -> dict[Subject, float]:
    """Return the mean score of every subject's lessons under some gains."""
    trials = {
        subject: Trial(tuple(of_subject), gains, settings.strength, "likelihood", settings.scope, settings.rule)
        for subject, of_subject in lessons.items()
    }
    readings = lab.run(list(trials.values()), stage)
    return {
        subject: sum(reading.likelihood) / len(reading.likelihood)
        for subject, reading in zip(trials, readings, strict=True)
    }


def shares(
    plain: Mapping[Subject, float], lessons: Mapping[Subject, Sequence[Lesson]], calm: float
) -> dict[Subject, float]:
    """Return what a nat of every subject weighs, so that all subjects matter as much whatever their answers' length.

    Args:
        plain: Subject to the mean score of the plain model, nats a token.
        lessons: Subject to its lessons.
        calm: What a nat of divergence weighs.
    """
    total = sum(subject.weight for subject in plain)
    return {
        subject: subject.weight / total * (calm if lessons[subject][0].kind == "calm" else 1 / max(-score, _LEAST))
        for subject, score in plain.items()
    }


def _slope(
    lab: Laboratory,
    gains: HeadGains,
    batch: Mapping[Subject, tuple[Lesson, ...]],
    weights: Mapping[Subject, float],
    settings: Learning,
    step: int,
) -> Tensor:
    """Return d loss / d gain of every head."""
    trials = [Trial(few, gains, settings.strength, "gradient", settings.scope, settings.rule) for few in batch.values()]
    readings = lab.run(trials, f"learning, step {step + 1} of {settings.steps}")
    means = [torch.tensor(reading.gradient, dtype=torch.float64).mean(dim=0) for reading in readings]
    return -sum((weights[subject] * mean for subject, mean in zip(batch, means, strict=True)), torch.zeros(()))


def _move(raw: Tensor, optimizer: torch.optim.Optimizer, slope: Tensor, settings: Learning, step: int) -> None:
    for group in optimizer.param_groups:
        group["lr"] = settings.rate * (0.05 + 0.95 * (1 + math.cos(math.pi * step / settings.steps)) / 2)
    values = _values(raw, settings)
    optimizer.zero_grad()
    torch.autograd.backward([values, settings.price * values.abs().sum()], [slope, torch.ones((), dtype=torch.float64)])
    optimizer.step()


def _values(raw: Tensor, settings: Learning) -> Tensor:
    bounded = torch.tanh(raw) if settings.signed else torch.sigmoid(raw)
    return (settings.largest * bounded).repeat_interleave(settings.group)


def _gains(heads: Sequence[tuple[int, int]], raw: Tensor, settings: Learning) -> HeadGains:
    values = _values(raw.detach(), settings).tolist()
    return HeadGains({head: round(value, 6) for head, value in zip(heads, values, strict=True)})
