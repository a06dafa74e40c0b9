"""Noise: emphasis as it goes wrong in practice, made from the right one by rule.

A person drags the mouse too far, a detector proposes the wrong sentence, two people emphasise against each other. Every
draw depends on the example alone and not on the level, so that two levels differ in nothing but how far they go, and
all arms see the same wrong spans.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from boldface.emphasis.span import CharSpan, flatten
from boldface.errors import TaskError
from boldface.metrics.words import sentences
from boldface.tasks.example import Example

_WORD = re.compile(r"\S+")
_LINE = re.compile(r".+")


class Scale(NamedTuple):
    """What a kind of noise does, and what its level counts.

    Attributes:
        says: One sentence for the report, ``{}`` where the level stands.
        title: Of the axis.
        none: The level that is no noise at all; None where no level is.
        low: The least level.
        high: The greatest.
    """

    says: str
    title: str
    none: float | None
    low: float
    high: float


SCALES: Mapping[str, Scale] = {
    "shift": Scale("The spans are moved by {} words, to the left or to the right.", "words moved", 0, 1, 1000),
    "cut": Scale("A share of {} of every span's words is lost, at its beginning or its end.", "share lost", 0, 0, 1),
    "grow": Scale("The spans are widened on both sides to {} times their words.", "times as long", 1, 1, 1000),
    "cover": Scale("The spans are widened until they cover a share of {} of the prompt.", "of the prompt", None, 0, 1),
    "extra": Scale("{} more runs of as many other words are emphasised too.", "wrong spans more", 0, 1, 100),
    "fight": Scale("The other span is emphasised too, {} times as strongly.", "strength of the other span, ×", 0, 0, 5),
}
"""Kinds with a level. ``random``, ``sentence`` and ``other`` have none: there the whole emphasis is elsewhere."""
ELSEWHERE: Mapping[str, str] = {
    "random": "A random run of as many other words is emphasised instead.",
    "sentence": "As many other sentences, drawn at random, are emphasised instead.",
    "other": "The other span is emphasised instead.",
}
NOISES = (*(f"{kind}=LEVEL" for kind in SCALES), *ELSEWHERE)
_WHOLE = ("shift", "extra")


@dataclass(frozen=True)
class Noise:
    """One kind of error of the emphasis.

    Attributes:
        kind: What goes wrong.
        level: How far; 0 for kinds without a level.
    """

    kind: str
    level: float = 0.0

    @property
    def is_elsewhere(self) -> bool:
        """Whether nothing of the right emphasis is left, so that it should not help."""
        return self.kind in ELSEWHERE

    @property
    def says(self) -> str:
        """One sentence: what is done to the emphasis."""
        return ELSEWHERE[self.kind] if self.is_elsewhere else SCALES[self.kind].says.format(f"{self.level:g}")

    def __str__(self) -> str:
        return self.kind if self.is_elsewhere else f"{self.kind}={self.level:g}"


def read_noise(text: str) -> Noise:
    """Read a kind of noise and its level as people type them: ``shift=4``, ``random``.

    Raises:
        TaskError: There is no such noise, or its level is out of range.
    """
    kind, said, number = text.partition("=")
    if kind in ELSEWHERE and not said:
        return Noise(kind)
    if kind not in SCALES:
        raise TaskError(f"There is no noise {text!r}.", f"Choose among {', '.join(NOISES)}.")
    scale = SCALES[kind]
    try:
        level = float(number)
    except ValueError:
        level = math.nan
    if not (scale.low <= level <= scale.high and level not in (0, scale.none)) or (kind in _WHOLE and level % 1):
        size = "a whole number" if kind in _WHOLE else "a number"
        raise TaskError(
            f"The level of {text!r} is not {size} from {scale.low:g} to {scale.high:g} that does something.",
            f"Write for example {kind}={scale.high / 2 if scale.high <= 1 else 2:g}.",
        )
    return Noise(kind, level)


def noisy(example: Example, noise: Noise, strength: float) -> tuple[CharSpan, ...]:
    """Return an example's emphasis with an error in it; empty where the prompt has no room for this one.

    Args:
        example: The example.
        noise: What goes wrong.
        strength: Nats of the emphasis, for spans that fight with it.
    """
    if noise.kind == "other":
        return example.other
    if noise.kind == "random":
        return random_spans(example)
    if noise.kind == "sentence":
        return _other_sentences(example)
    if noise.kind == "fight":
        nats = None if noise.level == 1 else strength * noise.level
        rivals = tuple(CharSpan(span.start, span.end, nats) for span in example.other)
        return (*example.prompt.spans, *rivals) if rivals else ()
    words = _words(example)
    runs = _runs(words, flatten(example.prompt.spans, 1.0))
    if not runs:
        return ()
    dice, level = random.Random(f"{noise.kind}:{example.id}"), noise.level
    if noise.kind == "shift":
        runs = _shifted(runs, len(words), int(level), right=dice.random() < 0.5)
    elif noise.kind == "cut":
        runs = _cut(runs, level, front=dice.random() < 0.5)
    elif noise.kind == "extra":
        runs = [*runs, *_further(runs, len(words), int(level), dice)]
    else:
        count = sum(end - start for start, end in runs)
        runs = _grown(runs, len(words), round(level * (count if noise.kind == "grow" else len(words))))
    return tuple(CharSpan(words[start][0], words[end - 1][1]) for start, end in runs)


def random_spans(example: Example) -> tuple[CharSpan, ...]:
    """Draw a run of as many words as are emphasised, away from them where the prompt is long enough.

    The draw depends on the example alone. Empty when the prompt has no other word.
    """
    text, asked = example.prompt.text, flatten(example.prompt.spans, 1.0)
    words = [match.span() for match in _WORD.finditer(text, 0, users(example))]
    free = [not any(start < span.end and span.start < end for span in asked) for start, end in words]
    run = _free_run(free, len(free) - sum(free), random.Random(f"random span:{example.id}"))
    return () if run is None else (CharSpan(words[run[0]][0], words[run[1] - 1][1]),)


def users(example: Example) -> int:
    """Return where the user's words end."""
    return len(example.prompt.text) if example.answer_start is None else example.answer_start


def _words(example: Example) -> list[tuple[int, int]]:
    return [match.span() for match in _WORD.finditer(example.prompt.text, 0, users(example))]


def _runs(words: Sequence[tuple[int, int]], spans: Sequence[CharSpan]) -> list[tuple[int, int]]:
    """The words that every span touches, as half-open ranges of their numbers."""
    runs = []
    for span in spans:
        hit = [place for place, (start, end) in enumerate(words) if start < span.end and span.start < end]
        if hit:
            runs.append((hit[0], hit[-1] + 1))
    return runs


def _shifted(runs: list[tuple[int, int]], words: int, by: int, *, right: bool) -> list[tuple[int, int]]:
    """Move all runs alike; the other way where there is more room, and no farther than there is."""
    rooms = {False: runs[0][0], True: words - runs[-1][1]}
    right = right if rooms[right] >= by else max(rooms, key=rooms.__getitem__)
    step = min(by, rooms[right]) * (1 if right else -1)
    return [(start + step, end + step) for start, end in runs]


def _cut(runs: list[tuple[int, int]], share: float, *, front: bool) -> list[tuple[int, int]]:
    """Shorten every run, by no more than leaves one word."""
    kept = [max(1, round((end - start) * (1 - share))) for start, end in runs]
    return [
        (end - count, end) if front else (start, start + count) for (start, end), count in zip(runs, kept, strict=True)
    ]


def _grown(runs: list[tuple[int, int]], words: int, target: int) -> list[tuple[int, int]]:
    """Widen the runs word by word, each in turn, left and right in turn, until they cover as many words."""
    covered = {place for start, end in runs for place in range(start, end)}
    target = min(target, words)
    wide = list(runs)
    while len(covered) < target:
        for number, left in ((number, left) for left in (True, False) for number in range(len(wide))):
            start, end = wide[number]
            wide[number] = (max(0, start - 1), end) if left else (start, min(words, end + 1))
            covered.update(range(*wide[number]))
            if len(covered) >= target:
                break
    return wide


def _further(runs: list[tuple[int, int]], words: int, count: int, dice: random.Random) -> list[tuple[int, int]]:
    """Draw more runs of the mean length, away from those there are and from each other."""
    length = round(sum(end - start for start, end in runs) / len(runs))
    free = [True] * words
    for start, end in runs:
        free[start:end] = [False] * (end - start)
    found = []
    for _ in range(count):
        run = _free_run(free, length, dice)
        if run is None:
            break
        free[slice(*run)] = [False] * (run[1] - run[0])
        found.append(run)
    return found


def _free_run(free: Sequence[bool], length: int, dice: random.Random) -> tuple[int, int] | None:
    """Draw a run of free words, of the length or the longest there is; None without a free word."""
    for size in range(min(length, sum(free)), 0, -1):
        runs = [(first, first + size) for first in range(len(free) - size + 1) if all(free[first : first + size])]
        if runs:
            return dice.choice(runs)
    return None


def _other_sentences(example: Example) -> tuple[CharSpan, ...]:
    """Draw as many sentences as are emphasised spans, none of which they touch."""
    text, asked = example.prompt.text, flatten(example.prompt.spans, 1.0)
    free = []
    for line in _LINE.finditer(text, 0, users(example)):
        place = line.start()
        for sentence in sentences(line[0]):
            start = text.index(sentence, place)
            place = start + len(sentence)
            if not any(start < span.end and span.start < place for span in asked):
                free.append(CharSpan(start, place))
    drawn = random.Random(f"sentence:{example.id}").sample(free, min(len(asked), len(free)))
    return tuple(sorted(drawn, key=lambda span: span.start))
