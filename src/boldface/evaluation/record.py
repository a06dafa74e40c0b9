"""What is kept of an evaluation: every example once and every answer once, as lines of a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.records.store import key_of
from boldface.tasks.example import Answer, Choose, Continue, Example, Generate

_QUESTIONS = {"generate": Generate, "choose": Choose, "continue": Continue}


class Case(NamedTuple):
    """What is asked, whatever the arm: one table of the report has the rows of one setting.

    Attributes:
        task: Name of the task.
        setting: ``raw`` (the prompt as it stands) or ``chat`` (in the model's chat template).
        variant: Wording of the prompt.
        split: Split of the data.
    """

    task: str
    setting: str
    variant: str
    split: str


class Place(NamedTuple):
    """What a file holds once only; the setting and the arm of an example are empty.

    Attributes:
        kind: ``example`` or ``answer``.
        task: Name of the task.
        setting: ``raw`` or ``chat``.
        variant: Wording of the prompt.
        split: Split of the data.
        arm: Name of the arm.
        example: Id of the example.
    """

    kind: str
    task: str
    setting: str
    variant: str
    split: str
    arm: str
    example: str


@dataclass(frozen=True)
class Cost:
    """What an answer took.

    Attributes:
        seconds: Its share of its batch's time.
        prompt_tokens: Tokens of its prompt.
        steered_tokens: Tokens of the prompt that carry a bias.
        steered_heads: Heads with a gain.
    """

    seconds: float
    prompt_tokens: int
    steered_tokens: int = 0
    steered_heads: int = 0


@dataclass(frozen=True)
class AnswerRecord:
    """One answer of one arm.

    Attributes:
        key: Digest of all that the answer depends on.
        case: What was asked.
        arm: Name of the arm.
        example: Id of the example.
        prompt: The prompt as the arm put it to the model, chat template included.
        answer: What came back.
        cost: What it took.
    """

    key: str
    case: Case
    arm: str
    example: str
    prompt: str
    answer: Answer
    cost: Cost

    def to_line(self) -> dict[str, Any]:
        """Return the record as JSON values."""
        content = asdict(self) | {"case": self.case._asdict()}
        return {"key": content.pop("key"), "kind": "answer", **content}

    @classmethod
    def from_line(cls, line: Mapping[str, Any]) -> AnswerRecord:
        """Read what :meth:`to_line` wrote."""
        answer = dict(line["answer"])
        answer["logprobs"] = tuple(answer["logprobs"])
        return cls(
            line["key"],
            Case(**line["case"]),
            line["arm"],
            line["example"],
            line["prompt"],
            Answer(**answer),
            Cost(**line["cost"]),
        )


def example_line(case: Case, example: Example) -> dict[str, Any]:
    """Return an example as JSON values; the setting does not matter to it."""
    kind = next(name for name, cls in _QUESTIONS.items() if isinstance(example.question, cls))
    content = asdict(example) | {"question": {"kind": kind, **asdict(example.question)}, "info": dict(example.info)}
    place = {"task": case.task, "variant": case.variant, "split": case.split}
    return {"key": key_of(example=content, **place), "kind": "example", **place, "example": content}


def read_example(line: Mapping[str, Any]) -> Example:
    """Read what :func:`example_line` wrote."""
    content = dict(line["example"])
    question = dict(content["question"])
    cls = _QUESTIONS[question.pop("kind")]
    if "candidates" in question:
        question["candidates"] = tuple(question["candidates"])
    prompt = EmphasisedText(content["prompt"]["text"], _spans(content["prompt"]["spans"]))
    return Example(**content | {"prompt": prompt, "question": cls(**question), "other": _spans(content["other"])})


def skip_line(case: Case, arm: str, example: str, why: str) -> dict[str, Any]:
    """Return, as JSON values, that an example was not asked in an arm, and why."""
    place = {"case": case._asdict(), "arm": arm, "example": example}
    return {"key": key_of(kind="skipped", **place, why=why), "kind": "skipped", **place, "why": why}


def place_of(line: Mapping[str, Any]) -> Place | None:
    """Return what an example or an answer is about; None for other lines."""
    if line["kind"] == "example":
        return Place("example", line["task"], "", line["variant"], line["split"], "", line["example"]["id"])
    if line["kind"] == "answer":
        return Place("answer", *Case(**line["case"]), line["arm"], line["example"])
    return None


def tuned_line(kind: str, chosen: str, scores: Mapping[str, float], rows: int) -> dict[str, Any]:
    """Return, as JSON values, which setting of an arm was chosen on the validation split, and among which."""
    said = {"arm": kind, "chosen": chosen, "scores": dict(scores), "rows": rows}
    return {"key": key_of(kind="tuned", **said), "kind": "tuned", **said}


def session_line(**said: Any) -> dict[str, Any]:
    """Return, as JSON values, that somebody began or went on: command, time, machine."""
    return {"key": key_of(kind="session", **said), "kind": "session", **said}


def _spans(spans: list[dict[str, Any]]) -> tuple[CharSpan, ...]:
    return tuple(CharSpan(**span) for span in spans)
