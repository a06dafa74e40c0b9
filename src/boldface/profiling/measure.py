"""Carry out a trial on a model: targets read, gradients taken, or answers written and scored."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from transformers.cache_utils import Cache
from transformers.modeling_layers import GradientCheckpointingLayer

from boldface.attention.attach import Attachment
from boldface.attention.geometry import transformer
from boldface.engine.heads import all_heads
from boldface.engine.model import Model
from boldface.engine.prompts import Rows, pad, pad_id
from boldface.engine.scoring import divergence, mean_logprob, read_continuations
from boldface.evaluation.aim import Aim
from boldface.evaluation.arms import find_arm
from boldface.evaluation.asking import Asked, Asker
from boldface.evaluation.quality import qualities
from boldface.evaluation.writing import write
from boldface.metrics.words import word_tokens
from boldface.profiling.lesson import Lesson
from boldface.profiling.prefixes import LEAST, Prefixes
from boldface.profiling.trial import LIKELIHOOD, Reading, Trial
from boldface.profiling.trunks import Trunks
from boldface.steering.plan import Plan, Steering, build_plan, check_heads
from boldface.tasks.catalogue import find_task

MOST_TOKENS = 1536
"""Padded tokens whose activations are held at once; a longer lesson is checkpointed layer by layer."""
DIGITS = 7
"""Significant digits of what is kept, those of float32."""


class Plain:
    """What no gain reaches, kept from trial to trial of one model: columns before the emphasis, layers below a head.

    Args:
        model: The model.
    """

    def __init__(self, model: nn.Module) -> None:
        self.prefixes, self.trunks = Prefixes(model), Trunks(model)


def measure(model: Model, trial: Trial, plain: Plain | None = None) -> Reading:
    """Carry out a trial.

    Args:
        model: The model.
        trial: The trial.
        plain: What is known of the plain model from earlier trials.

    Raises:
        BoldfaceError: The gains do not fit the model, or gain × strength exceeds the cap.
    """
    began = time.perf_counter()
    reading = _answers(model, trial) if trial.measure == "answers" else _read(model, trial, plain or Plain(model.model))
    return replace(reading, seconds=round(time.perf_counter() - began, 3))


def heads_of(model: Model) -> list[tuple[int, int]]:
    """Return every head that can be steered, in the order of a gradient."""
    return [(layer, head) for layer, count in sorted(model.geometry.heads.items()) for head in range(count)]


def _read(model: Model, trial: Trial, plain: Plain) -> Reading:
    scores: list[float] = [0.0] * len(trial.lessons)
    gradient: list[tuple[float, ...]] = [()] * len(trial.lessons)
    passes = 0
    for places in _parts(trial.lessons):
        few = [trial.lessons[place] for place in places]
        found, slopes = _scored(model, few, trial, plain)
        passes += sum(_passes(lesson, trial.measure == "gradient") for lesson in few)
        for row, place in enumerate(places):
            scores[place] = _kept(found[row])
            if slopes is not None:
                gradient[place] = tuple(_kept(slope) for slope in slopes[row])
    return Reading(trial.key, {LIKELIHOOD: tuple(scores)}, tuple(gradient) if gradient[0] else (), passes)


def _scored(
    model: Model, few: Sequence[Lesson], trial: Trial, known: Plain
) -> tuple[list[float], list[list[float]] | None]:
    """Return the scores, and for a gradient trial their (lessons, heads) slopes."""
    rows = pad([lesson.prompt for lesson in few], pad_id=pad_id(model.tokenizer), device=_device(model))
    wanted = trial.measure == "gradient"
    thrifty = wanted and max(lesson.tokens for lesson in few) > MOST_TOKENS
    ahead = 0 if thrifty else _ahead(few, rows)  # checkpointed layers drop the cache of what went ahead

    def before() -> Cache | None:
        return known.prefixes.of(rows, ahead) if ahead else None

    def read(cache: Cache | None) -> list[Tensor]:
        return read_continuations(model.model, rows, [one.target for one in few], ahead=ahead, cache=cache)

    calm = [row for row, lesson in enumerate(few) if lesson.kind == "calm"]
    plain: dict[int, Tensor] = {}
    if calm:
        cache = before()
        with torch.no_grad(), known.trunks.below(few, ahead, None):
            plain = {row: logprobs for row, logprobs in enumerate(read(cache)) if row in calm}
    plan, leaves = _plan(model, few, rows.lengths, trial)
    cache = before()
    with torch.set_grad_enabled(wanted), checkpointed(model.model, thrifty):
        if not wanted:
            lowest = None if plan is None else min(plan.gains)
            with _attached(model, plan, rows), known.trunks.below(few, ahead, lowest):
                return [float(score) for score in _scores(few, read(cache), plain)], None
        with _attached(model, plan, rows):
            scores = _scores(few, read(cache), plain)
            slopes = torch.autograd.grad(torch.stack(scores).sum(), leaves)
    return [float(score.detach()) for score in scores], torch.cat(slopes, dim=1).tolist()


def _attached(model: Model, plan: Plan | None, rows: Rows) -> AbstractContextManager[object]:
    return nullcontext() if plan is None else Attachment(model.model, plan, prompt=rows.ids)


def _scores(few: Sequence[Lesson], read: Sequence[Tensor], plain: dict[int, Tensor]) -> list[Tensor]:
    return [
        -divergence(plain[row], logprobs) if row in plain else mean_logprob(logprobs, lesson.target)
        for row, (lesson, logprobs) in enumerate(zip(few, read, strict=True))
    ]


def _plan(
    model: Model, few: Sequence[Lesson], lengths: Sequence[int], trial: Trial
) -> tuple[Plan | None, list[Tensor]]:
    """Return the plan, and for a gradient its gains as leaves: (lessons, heads) a layer, in the order of layers."""
    shape = model.geometry.heads
    if trial.measure != "gradient":
        rows = [Steering(lesson.spans(trial.strength), trial.gains, trial.scope, trial.rule) for lesson in few]
        return (None if rows[0].is_null else build_plan(rows, lengths, shape, device=_device(model))), []
    check_heads(trial.gains, shape)
    Steering(few[0].spans(trial.strength), trial.gains)  # within the cap?
    everywhere = all_heads(shape)
    rows = [Steering(lesson.spans(trial.strength), everywhere, trial.scope, trial.rule) for lesson in few]
    plan = build_plan(rows, lengths, shape, device=_device(model))
    gains = {}
    for layer in sorted(shape):
        row = [trial.gains.get((layer, head), 0.0) for head in range(shape[layer])]  # type: ignore[call-overload]
        gains[layer] = torch.tensor([row] * len(few), device=_device(model), requires_grad=True)
    return replace(plan, gains=gains), list(gains.values())


def _passes(lesson: Lesson, gradient: bool) -> int:
    """Tokens through the model; on the way back only those from the emphasis on, counted twice."""
    back = lesson.tokens - lesson.prompt.spans[0].start if gradient else 0
    return lesson.tokens * (2 if lesson.kind == "calm" else 1) + 2 * back


def _ahead(few: Sequence[Lesson], rows: Rows) -> int:
    """Columns before the first emphasised one; few are not worth a call."""
    width = rows.ids.shape[1]
    first = min(width - len(lesson.prompt.ids) + lesson.prompt.spans[0].start for lesson in few)
    return first if LEAST <= first < width else 0


def _answers(model: Model, trial: Trial) -> Reading:
    """Write and score answers, as an evaluation does."""
    task = find_task(trial.lessons[0].task)
    role = trial.lessons[0].role
    arm = find_arm("other-span" if role == "other" else "steered") if trial.gains else find_arm("plain")
    asker = Asker(model, arm, Aim(trial.gains, trial.strength, trial.scope, trial.rule))
    asked = [
        Asked(
            lesson.example,
            write(lesson.example, arm, lesson.setting),
            write(lesson.example, find_arm("plain"), lesson.setting),
            lesson.prompt,
        )
        for lesson in trial.lessons
    ]
    found = []
    passes = 0
    for lesson, (answer, _) in zip(trial.lessons, asker.ask(asked), strict=True):
        passes += len(lesson.prompt.ids) + answer.tokens
        scores = dict(task.score(lesson.example, answer))
        if answer.tokens:
            scores |= qualities(answer, word_tokens(answer.text))
        found.append(scores)
    names = list(dict.fromkeys(name for scores in found for name in scores))
    return Reading(trial.key, {name: tuple(scores.get(name) for scores in found) for name in names}, (), passes)


def _parts(lessons: Sequence[Lesson]) -> Iterator[list[int]]:
    """Put lessons of like length together, as many as may be held at once; yields their places."""
    order = sorted(range(len(lessons)), key=lambda place: (lessons[place].tokens, place))
    part: list[int] = []
    for place in order:
        longest = max(len(lessons[one].prompt.ids) for one in [*part, place])
        target = max(len(lessons[one].target) for one in [*part, place])
        if part and (len(part) + 1) * (longest + target) > MOST_TOKENS:
            yield part
            part = []
        part.append(place)
    yield part


@contextmanager
def checkpointed(model: nn.Module, wanted: bool) -> Iterator[None]:
    """Keep only what goes from layer to layer, and compute the rest again on the way back."""
    layers = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)] if wanted else []
    switched = {
        "training": True,  # of the layer alone: what is inside stays as it is, dropout too
        "gradient_checkpointing": True,
        "_gradient_checkpointing_func": partial(checkpoint, use_reentrant=False),
    }
    before = [{name: vars(layer)[name] for name in switched if name in vars(layer)} for layer in layers]
    for layer in layers:
        vars(layer).update(switched)
    try:
        yield
    finally:
        for layer, kept in zip(layers, before, strict=True):
            for name in switched:
                del vars(layer)[name]
            vars(layer).update(kept)


def _device(model: Model) -> torch.device:
    device: torch.device = transformer(model.model).get_input_embeddings().weight.device
    return device


def _kept(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
