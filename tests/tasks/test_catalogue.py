from __future__ import annotations

import json
from itertools import islice
from typing import NamedTuple

import pytest

from boldface.emphasis.span import CharSpan
from boldface.errors import TaskError
from boldface.evaluation.record import Case, example_line, read_example
from boldface.tasks.catalogue import PAPER, TASKS, find_task
from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Choose, Continue, Example, Generate
from boldface.tasks.split import SPLITS, Split
from boldface.tasks.task import Task

SOME = 40
CASES = [
    pytest.param((task, variant), id=f"{task.name}, {variant}") for task in TASKS.values() for variant in task.variants
]
JOBS = ("nurse", "poet", "professor")
TEXT = "The nurse, a poet: yes.\n```json\n{}\n```\n\n- she said {"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Data:
    """A made-up file of Bias in Bios, which may not be passed on; every name stands in two rows."""
    rows = [
        {
            "id": f"Ann{number % 30}_Lee",
            "entity": f"Ann{number % 30}",
            "context": f"Ann{number % 30} is a {JOBS[number % 3]} of town {number}. She likes long walks by the sea.",
            "attribute": f"is a {JOBS[number % 3]} of town {number}",
            "target_mediated": JOBS[number % 3],
        }
        for number in range(60)
    ]
    folder = tmp_path_factory.mktemp("data")
    (folder / "biosbias.json").write_text(json.dumps(rows), "utf-8")
    return Data(folder)


class Asked(NamedTuple):
    """All examples of a task in one wording."""

    task: Task
    variant: str
    source: Data
    examples: dict[Split, list[Example]]

    @property
    def all(self) -> list[Example]:
        """Every example, split by split."""
        return [example for of_split in self.examples.values() for example in of_split]

    @property
    def some(self) -> list[Example]:
        """The first of every split."""
        return [example for of_split in self.examples.values() for example in of_split[:SOME]]


@pytest.fixture(scope="module", params=CASES)
def asked(request: pytest.FixtureRequest) -> Asked:
    """Every task in every wording, its examples read once for all laws."""
    task, variant = request.param
    source = request.getfixturevalue("people" if task.name.startswith("biasbios") else "data")
    return Asked(task, variant, source, {split: list(task.examples(source, split, variant)) for split in SPLITS})


def clash(spans: tuple[CharSpan, ...], others: tuple[CharSpan, ...]) -> bool:
    return any(one.start < other.end and other.start < one.end for one in spans for other in others)


def made_up(example: Example) -> Answer:
    match example.question:
        case Generate():
            return Answer(TEXT, 20, plain_logprob=-1.0)
        case Choose(candidates):
            return Answer(logprobs=tuple(-0.5 - number for number in range(len(candidates))))
        case Continue():
            return Answer(divergence=0.25)


def test_splits_share_nothing(asked: Asked):
    """Every split has rows; ids are unique in it; no row, and no prompt, is of two splits."""
    seen: dict[str, str] = {}
    for split, examples in asked.examples.items():
        assert len({each.id for each in examples}) == len(examples) > 0
        for each in examples:
            for told in (f"row {each.group}", f"prompt {each.prompt.text}"):
                assert seen.setdefault(told, split) == split, told


def test_examples_are_the_same_every_time(asked: Asked):
    """Order, prompts, spans and everything else of the examples depend on nothing but the data."""
    for split, examples in asked.examples.items():
        again = asked.task.examples(asked.source, split, asked.variant)
        assert list(islice(again, SOME)) == examples[:SOME]


def test_emphasis_is_where_it_belongs(asked: Asked):
    """Spans hold words of the user's part and leave their strength open; the rival never touches the emphasis."""
    for each in asked.all:
        text, spans = each.prompt.text, each.prompt.spans
        user = len(text) if each.answer_start is None else each.answer_start
        assert spans and text[:user].strip()
        assert each.answer_start is None or text[each.answer_start :].strip()
        for place, span in enumerate((*spans, *each.other)):
            words = text[span.start : span.end]
            assert 0 <= span.start < span.end <= user, each.id
            assert words == words.strip() and span.strength is None, each.id
            assert not clash((span,), spans[place + 1 :]), each.id
        assert not clash(spans, each.other), each.id


def test_targets_follow_the_prompt_and_are_right(asked: Asked):
    """A target has the space that the prompt lacks; it is one of the candidates, or scores full by the headline."""
    task = asked.task
    for each in asked.some:
        if each.target is None:
            assert task.name == "ifeval"
            continue
        assert each.target[0].isspace() != each.prompt.text[-1].isspace(), each.id
        if isinstance(each.question, Choose):
            assert each.target.strip() in each.question.candidates
        elif isinstance(each.question, Generate):
            assert task.score(each, Answer(each.target))[task.metrics[0].name] == 1, each.id


def test_stored_examples_can_be_scored(asked: Asked):
    """An example read back from a line is the same, and every declared metric, no other, is told of its answer."""
    task, case = asked.task, Case(asked.task.name, "raw", asked.variant, "test")
    units = {metric.name: metric.unit for metric in task.metrics}
    for each in asked.some:
        again = read_example(json.loads(json.dumps(example_line(case, each))))
        assert again == each
        scores = task.score(again, made_up(again))
        assert scores == task.score(each, made_up(each))
        assert scores.keys() == units.keys()
        shares = [score for name, score in scores.items() if score is not None and units[name] == "share"]
        assert all(-1 <= score <= 1 for score in shares)


def test_names_are_unique():
    """No two tasks, and no two metrics of a task, are called alike; the first wording is the original."""
    assert all(name == task.name for name, task in TASKS.items())
    for task in TASKS.values():
        names = [metric.name for metric in task.metrics]
        assert len(set(names)) == len(names) > 0
        assert task.variants[0] == "original"
    assert set(PAPER) <= TASKS.keys()


def test_a_task_that_is_not_there_is_told():
    """A near name is suggested; else all are listed."""
    assert find_task("json") is TASKS["json"]
    with pytest.raises(TaskError) as caught:
        find_task("jsn")
    assert "'json'" in str(caught.value.hint)
    with pytest.raises(TaskError) as caught:
        find_task("xyz")
    assert "which-wins" in str(caught.value.hint)
