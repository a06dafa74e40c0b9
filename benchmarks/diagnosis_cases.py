"""Prompts for ``diagnosis.py``: rows of tasks with a check of the answer, and requests that no emphasis can fulfil."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from string import ascii_lowercase

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.insight.diagnosis.checks import Called, Check, Contains, Json, Matches
from boldface.metrics.formats import FORMATS, first_block
from boldface.tasks.biographies import WIKIBIOS, Biography, biographies
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data
from boldface.tasks.example import Choose, Example

SHOTS = 2
_TEXT = {"type": "string", "minLength": 1}
SCHEMA = {
    "type": "object",
    "required": ["name", "occupation"],
    "properties": {"name": _TEXT, "occupation": _TEXT},
    "additionalProperties": False,
}
_CODE = ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
MORSE = dict(zip(ascii_lowercase, _CODE.split(), strict=True))


@dataclass(frozen=True)
class Base:
    """A prompt as it should be asked.

    Attributes:
        task: Where it comes from.
        id: Of the row.
        words: The prompt, the right words emphasised.
        check: What a right answer is.
        room: Most tokens of an answer.
        chat: Whether it is a turn of a chat.
        examples: Other requests of its kind, answered.
        right: A right answer to it, which no model is shown; empty where the data have none.
        example: The task's own example; None for requests of ours.
    """

    task: str
    id: str
    words: EmphasisedText
    check: Check
    room: int
    chat: bool
    examples: tuple[tuple[str, str], ...]
    right: str = ""
    example: Example | None = None


def bases(task: str, data: Data, split: str, *, chat: bool) -> Iterator[Base]:
    """Yield prompts of a task; some may not work."""
    kind, check, room = TASKS[task]
    shots = tuple(
        (one.prompt.text, one.target or "")
        for one in islice(find_task(kind).examples(Data(data.folder), "train", "original"), SHOTS)
    )
    for example in find_task(kind).examples(data, split, "original"):  # type: ignore[arg-type]
        if example.info.get("kind", "efficacy") == "efficacy":
            in_chat = chat and task == "which-wins"
            right = example.target or ""
            yield Base(task, example.id, example.prompt, check(example), room, in_chat, shots, right, example)


def _fact(example: Example) -> Check:
    assert isinstance(example.question, Choose)
    return Matches(rf"^\W*(the )?{re.escape(example.question.candidates[0])}\b")


def _job(example: Example) -> Check:
    return Matches(rf"(?i)\b({'|'.join(map(re.escape, example.info['occupations']))})\b")


def _form(example: Example) -> Check:
    wanted = example.info["wanted"]
    return Called(lambda answer: FORMATS[wanted](first_block(answer)), f"is written as {wanted}")


TASKS: dict[str, tuple[str, Callable[[Example], Check], int]] = {
    "json": ("json", lambda example: Json(SCHEMA), 48),
    "counterfact": ("counterfact-efficacy", _fact, 8),
    "wikibios": ("wikibios", _job, 10),
    "which-wins": ("which-wins", _form, 40),
}


@dataclass(frozen=True)
class Request:
    """A request that emphasis cannot make a small model follow.

    Attributes:
        name: Of the fault.
        cause: What it is: ``examples`` show how, or the ``model`` cannot do it.
        asks: The request, about a biography.
        answers: A right answer.
        check: What every right answer is.
    """

    name: str
    cause: str
    asks: Callable[[Biography], str]
    answers: Callable[[Biography], str]
    check: Callable[[Biography], Check]


def _factors(bio: Biography) -> tuple[int, int]:
    dice = random.Random(bio.key)
    return dice.randrange(10_000, 99_999), dice.randrange(10_000, 99_999)


def _product(bio: Biography) -> str:
    one, other = _factors(bio)
    return str(one * other)


def _morse(bio: Biography) -> str:
    return " ".join(MORSE[letter] for letter in bio.entity.lower() if letter in MORSE)


REQUESTS: dict[str, tuple[Request, ...]] = {
    "validation": (
        Request(
            "a form that only examples show",
            "examples",
            lambda bio: "Answer in our usual form.",
            lambda bio: f"<<{bio.occupations[0]}>>",
            lambda bio: Matches(r"^\s*<<[^<>\n]+>>"),
        ),
        Request(
            "a name backwards",
            "model",
            lambda bio: "Answer with the name spelt backwards.",
            lambda bio: bio.entity[::-1],
            lambda bio: Contains(bio.entity[::-1]),
        ),
    ),
    "test": (
        Request(
            "the way of a desk",
            "examples",
            lambda bio: "Answer the way our desk does.",
            lambda bio: f"@{bio.occupations[0]}",
            lambda bio: Matches(r"^\s*@\w+"),
        ),
        Request(
            "rules of a house",
            "examples",
            lambda bio: "Reply by the rules of the house.",
            lambda bio: f"OCC: {bio.occupations[0]}.",
            lambda bio: Matches(r"^\s*OCC: \w+"),
        ),
        Request(
            "a product",
            "model",
            lambda bio: "Answer with the product of {} and {} alone.".format(*_factors(bio)),
            _product,
            lambda bio: Contains(_product(bio)),
        ),
        Request(
            "Morse code",
            "model",
            lambda bio: "Answer with the name in Morse code.",
            _morse,
            lambda bio: Contains(_morse(bio)),
        ),
    ),
}


def impossible(split: str, data: Data, rows: int, *, chat: bool) -> Iterator[tuple[Base, str]]:
    """Yield requests that no emphasis fulfils, and which cause is right."""
    people = [bio for bio in biographies(WIKIBIOS, data, split) if len(bio.context.split()) <= 60]  # type: ignore[arg-type]
    shown = [bio for bio in biographies(WIKIBIOS, data, "train") if len(bio.context.split()) <= 60][:SHOTS]
    for request in REQUESTS[split]:
        shots = tuple((_written(bio, request).text, request.answers(bio)) for bio in shown)
        for bio in people[:rows]:
            check, right = request.check(bio), request.answers(bio)
            yield Base(request.name, bio.key, _written(bio, request), check, 24, False, shots, right), request.cause


def _written(bio: Biography, request: Request) -> EmphasisedText:
    asked = request.asks(bio)
    text = f"{bio.context}\n{asked}\n"
    return EmphasisedText(text, (CharSpan(len(bio.context) + 1, len(bio.context) + 1 + len(asked)),))
