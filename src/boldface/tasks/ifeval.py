"""IFEval (Zhou et al. 2023): prompts with instructions that a program can check, those instructions emphasised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import TaskError
from boldface.metrics.instructions.checklist import follows, follows_loosely
from boldface.tasks.constraints import locate, rest
from boldface.tasks.data import Data, read_rows, shuffled
from boldface.tasks.example import Answer, Example, Generate
from boldface.tasks.split import Split, split_of
from boldface.tasks.task import Metric, Scores, Task

_KIND = "ifeval"
_NAMES = ("ifeval/input_data.jsonl", "ifeval/ifeval_input_data.jsonl", "input_data.jsonl", "ifeval_input_data.jsonl")
_PUBLISHED = "github.com/google-research/google-research/tree/master/instruction_following_eval/data"
_LONGEST = 384

METRICS = (
    Metric(
        "prompt_strict",
        "Prompt, strict",
        "Every instruction of the prompt is followed to the letter (the paper's strict prompt-level accuracy).",
    ),
    Metric(
        "instruction_strict",
        "Instruction, strict",
        "Share of the prompt's instructions that are followed, each prompt weighing the same; the paper's "
        "instruction-level accuracy weighs each instruction the same: mean of Followed over mean of Instructions.",
    ),
    Metric(
        "prompt_loose",
        "Prompt, loose",
        "Every instruction is followed by some form of the answer: whole, without its first or last line or both, "
        "each with and without asterisks (the paper's loose prompt-level accuracy).",
    ),
    Metric(
        "instruction_loose",
        "Instruction, loose",
        "Share of the prompt's instructions that some of those forms follows, each prompt weighing the same.",
    ),
    Metric("followed_strict", "Followed, strict", "Instructions of the prompt that are followed.", unit="count"),
    Metric("followed_loose", "Followed, loose", "Instructions that some form of the answer follows.", unit="count"),
    Metric("instructions", "Instructions", "Instructions of the prompt.", unit="count", better=None),
)


def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
    """Yield the prompts of a split.

    Raises:
        MissingError: The data file is not there.
        TaskError: The file is not IFEval's, or the variant is unknown.
    """
    if variant != "original":
        raise TaskError(f"IFEval has no variant {variant!r}.", "Its wordings are its own: use 'original'.")
    path = data.find(_NAMES, what="IFEval", published=_PUBLISHED)
    try:
        rows = [row for row in read_rows(path) if split_of(_KIND, row["key"]) == split]
        for row in shuffled(rows, f"{_KIND}:{split}"):
            yield example(row)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, TaskError):
            raise
        raise TaskError(f"{path} is not IFEval's data: {error!r}.", f"Fetch it from {_PUBLISHED}.") from error


def example(row: Mapping[str, Any]) -> Example:
    """Return the example of one row of the authors' file.

    Raises:
        TaskError: An instruction of the row is unknown.
    """
    prompt = row["prompt"]
    instructions = [
        (kind, {name: value for name, value in settings.items() if value is not None})
        for kind, settings in zip(row["instruction_id_list"], row["kwargs"], strict=True)
    ]
    for kind, settings in instructions:
        follows("", kind, settings)
    spans = locate(prompt, instructions)
    other = rest(prompt, spans) if spans else None
    return Example(
        str(row["key"]),
        str(row["key"]),
        EmphasisedText(prompt, tuple(CharSpan(*span) for span in spans or [(0, len(prompt))])),
        Generate(_LONGEST),
        other=(CharSpan(*other),) if other else (),
        info={
            "instructions": [{"kind": kind, "settings": settings} for kind, settings in instructions],
            "located": bool(spans),
        },
    )


def score(example: Example, answer: Answer) -> Scores:
    """Score an answer by the published definitions.

    Raises:
        MissingError: An instruction needs nltk or langdetect, and it is not installed.
    """
    instructions = [(item["kind"], item["settings"]) for item in example.info["instructions"]]
    strict = sum(follows(answer.text, kind, settings) for kind, settings in instructions)
    loose = sum(follows_loosely(answer.text, kind, settings) for kind, settings in instructions)
    count = len(instructions)
    return {
        "prompt_strict": float(strict == count),
        "instruction_strict": strict / count,
        "prompt_loose": float(loose == count),
        "instruction_loose": loose / count,
        "followed_strict": float(strict),
        "followed_loose": float(loose),
        "instructions": float(count),
    }


TASKS = (
    Task(
        "ifeval",
        "IFEval",
        "A request with one to three instructions of 25 kinds that a program can check (Zhou et al. 2023). The clauses "
        "that state them are emphasised. The data do not mark them: a rule finds them, and where it finds none the "
        "whole prompt is emphasised. The rival is a sentence that states none. Answers end at "
        f"{_LONGEST} tokens (others allow 1280), so the 35 of 541 prompts that ask for more than 280 words or at least "
        "30 sentences can hardly be obeyed.",
        METRICS,
        examples,
        score,
    ),
)
