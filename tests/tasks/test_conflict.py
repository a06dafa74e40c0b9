from __future__ import annotations

from typing import Any

import pytest

from boldface.tasks.conflict import TASK, example, readable, score
from boldface.tasks.data import Data, read_rows
from boldface.tasks.example import Answer

ROW: dict[str, Any] = {
    "question": "Is there a warthog on Broadway? ",
    "ground_truth": ["True"],
    "memory_answer": "There is no warthog on Broadway.",
    "parametric_memory": " No warthog was\nseen.",
    "counter_answer": "There is a warthog on Broadway.",
    "counter_memory": "It was seen.",
}


def marked(asked: Any) -> list[str]:
    return [asked.prompt.text[span.start : span.end] for span in asked.prompt.spans]


def test_either_evidence_is_emphasised():
    """One prompt, two examples: the emphasis and the wanted answer change sides, the rival is the other evidence."""
    counter, memory = example(ROW, "counter"), example(ROW, "memory")
    assert counter.prompt.text == memory.prompt.text
    assert (marked(counter), marked(memory)) == (["It was seen."], ["No warthog was seen."])
    assert (counter.other, memory.other) == (memory.prompt.spans, counter.prompt.spans)
    assert (counter.target, memory.target) == (" Yes", " No")
    assert counter.group == memory.group and counter.id != memory.id
    assert counter.prompt.text.endswith("\n\nQuestion: Is there a warthog on Broadway?\nAnswer:")


def test_evidence_alone():
    """With one side alone nothing of the other stands in the prompt, and there is no rival."""
    alone = example(ROW, "counter", alone=True)
    assert "No warthog" not in alone.prompt.text
    assert (marked(alone), alone.other) == (["It was seen."], ())


@pytest.mark.parametrize(
    ("side", "logprobs", "follows", "truth"),
    [
        ("counter", (-1.0, -2.0), 1, 1),
        ("counter", (-2.0, -1.0), 0, 0),
        ("memory", (-2.0, -1.0), 1, 0),
        ("memory", (-1.0, -2.0), 0, 1),
        ("memory", (-1.0, -1.0), 0, 0),
    ],
)
def test_scores(side: Any, logprobs: tuple[float, ...], follows: float, truth: float):
    """The likelier word counts; a tie is neither; truth does not depend on the emphasis."""
    assert score(example(ROW, side), Answer(logprobs=logprobs)) == {"both": follows, "follows": follows, "truth": truth}


def test_what_cannot_be_scored():
    """One side alone cannot be obeyed both times, and no log-probabilities give no scores."""
    assert score(example(ROW, "counter", alone=True), Answer(logprobs=(-1.0, -2.0)))["both"] is None
    assert set(score(example(ROW, "counter"), Answer()).values()) == {None}


def test_doubtful_rows_are_left_out():
    """A row whose answers do not contradict each other by a negation, or without a truth, is not used."""
    doubt = ROW | {"memory_answer": "Less than a warthog is on Broadway, not a cat."}
    assert readable([ROW, doubt, ROW | {"ground_truth": ["Maybe"]}]) == [ROW]


@pytest.mark.parametrize(("file", "kept"), [("llama2-7b", 621), ("qwen7b", 601)])
def test_the_kept_rows_are_counted(data: Data, file: str, kept: int):
    """The numbers of kept rows that the task tells are those of the files."""
    path = data.find((f"conflictqa/conflictqa_strategyqa_{file}.jsonl.gz",), what="ConflictQA", published="")
    assert len(readable(read_rows(path))) == kept
    assert f"{kept} of" in TASK.says


@pytest.mark.parametrize("variant", TASK.variants)
def test_real_rows(data: Data, variant: str):
    """Ids are unique, a group has both sides (or one), and the two want opposite answers."""
    found = list(TASK.examples(data, "test", variant))
    assert len({asked.id for asked in found}) == len(found) > 100
    groups: dict[str, set[str | None]] = {}
    for asked in found:
        groups.setdefault(asked.group, set()).add(asked.target)
    assert {len(targets) for targets in groups.values()} == {1 if variant == "single" else 2}
