"""The tiny model and what it is taught."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.profiling.laboratory import Laboratory
from boldface.profiling.lesson import Lesson
from boldface.profiling.trial import LIKELIHOOD, Reading
from boldface.tasks.example import Choose, Example

PICK = Choose(("yes", "no"))


@pytest.fixture(scope="session")
def tiny(byte_llama):
    """The tiny model as boldface runs it."""
    import boldface

    return boldface.Model(*byte_llama, name="tiny")


@pytest.fixture(scope="session")
def tiny_folder(byte_llama, tmp_path_factory):
    """The tiny model as a folder."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    for part in byte_llama:
        part.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def teach(tiny):
    """Makes a lesson: a prompt of so many words, "Say yes." emphasised (or "Then stop:"), and the answer " yes"."""
    from boldface.profiling.lesson import lesson

    def make(words=1, *, task="json", role="asked", rival=None, target=" yes", question=PICK, lead=0):
        text = f"{'So: ' * lead}Say yes.{' word' * words} Then stop:"
        start, other = text.index("Say"), text.index("Then")
        example = Example(
            f"{lead}.{words}",
            f"{words}",
            EmphasisedText(text, (CharSpan(start, start + 8),)),
            question,
            other=(CharSpan(other, len(text)),),
            target=target,
            rival=rival,
        )
        made = lesson(tiny, task, example, "raw", role)
        assert made is not None
        return made

    return make


@pytest.fixture(scope="session")
def bare_lesson():
    """A lesson that no model has seen."""
    prompt = EncodedPrompt("abc", (4, 5, 6), (), (TokenSpan(1, 2, 1.0),), (), (), (False,) * 3)
    text = EmphasisedText("abc", (CharSpan(1, 2),))
    return Lesson("json", "raw", "asked", "obey", prompt, (7,), Example("1", "1", text, Choose(("d", "e"))))


class World:
    """Workers who know the effect of every head: effects add up, and every row has noise of its own for each of them.

    Attributes:
        effects: Head to its effect on every task.
        noise: Standard deviation of the noise, over rows.
        asked: Every trial that was carried out.
    """

    count = 1

    def __init__(self, effects, noise=0.0, seed=0):
        self.effects, self.noise, self.seed = effects, noise, seed
        self.asked = []
        self._drawn = np.random.default_rng(seed).normal(0, 1, (64, len(effects)))

    @property
    def heads(self):
        """All heads, in the order of a gradient."""
        return sorted(self.effects)

    def slopes(self, lesson):
        """What every head does to a lesson."""
        drawn = self._drawn[int(lesson.example.group.split("/")[-1])]
        return [self.effects[head] + self.noise * drawn[at] for at, head in enumerate(self.heads)]

    def run(self, trials):
        """Carry out trials."""
        for trial in trials:
            self.asked.append(trial)
            slopes = [self.slopes(lesson) for lesson in trial.lessons]
            gains = [trial.gains.get(head, 0.0) for head in self.heads]
            scores = tuple(-float(row) + float(np.dot(some, gains)) for row, some in enumerate(slopes))
            gradient = tuple(map(tuple, slopes)) if trial.measure == "gradient" else ()
            yield Reading(trial.key, {LIKELIHOOD: scores}, gradient, 10, 1.0)

    def laboratory(self, records=None, **options):
        """Return a laboratory with these workers whose store is a mapping."""
        records = {} if records is None else records
        append = lambda lines: records.update({line["key"]: line for line in lines})  # noqa: E731
        return Laboratory(SimpleNamespace(records=records, append=append), self, **options)


@pytest.fixture(scope="session")
def world():
    """Makes workers who know the effect of every head."""
    return World


@pytest.fixture(scope="session")
def rows_of(bare_lesson):
    """Makes lessons of so many data rows of a task, some lessons a row."""

    def make(count, task="json", each=1):
        return [
            replace(
                bare_lesson,
                task=task,
                example=replace(bare_lesson.example, id=f"{task}/{row}/{one}", group=f"{task}/{row}"),
            )
            for row in range(count)
            for one in range(each)
        ]

    return make
