"""An evaluation by vLLM finds what the same evaluation finds by transformers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.heads import Selected
from boldface.errors import RouteError, TaskError
from boldface.evaluation.arms import find_arm
from boldface.evaluation.record import AnswerRecord
from boldface.evaluation.run import Request, evaluate
from boldface.profiles.heads import HeadGains
from boldface.records.store import Store, read
from boldface.tasks.data import Data
from boldface.tasks.example import Choose, Continue, Example, Generate
from boldface.tasks.task import Metric, Task

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

PROFILE = Selected(HeadGains.parse("L0H1, L1H0=0.5, L1H3=-0.5"), 3.0)
ARMS = ("plain", "steered", "other-span", "random-heads")
QUESTIONS = {"writes": Generate(12, until="line"), "picks": Choose(("yes", "no", "maybe"))}


def _task(name: str, question: Any) -> Task:
    prompt = EmphasisedText("Row {}: the cat sat on the mat, and it said", (CharSpan(8, 15),))
    examples = [
        Example(str(row), str(row), replace(prompt, text=prompt.text.format(row)), question, other=(CharSpan(20, 27),))
        for row in range(3)
    ]
    return Task(
        name,
        name,
        "What it asks.",
        (Metric("any", "Any", "Anything."),),
        lambda data, split, variant: iter(examples),
        lambda example, answer: {"any": 1.0},
    )


TASKS = {name: _task(name, question) for name, question in QUESTIONS.items()}


@pytest.fixture(scope="module")
def there(wide_folder: Any) -> Iterator[Any]:
    """The model as vLLM runs it."""
    options = {"enforce_eager": True, "max_model_len": 512}
    model = boldface.load(str(wide_folder), engine="vllm", engine_options=options)
    try:
        yield model
    finally:
        model.close()


def test_every_arm_gives_the_answers_of_the_other_engine(wide_folder: Any, there: Any, tmp_path: Any) -> None:
    """Texts, lengths, ends, likelihoods; and steering changed some of them."""
    here = boldface.load(str(wide_folder))
    request = Request(tuple(TASKS.values()), tuple(map(find_arm, ARMS)), rows=3, batch=2)
    found, wanted = (_answers(model, request, tmp_path / f"{name}.jsonl") for name, model in _named(there, here))

    assert found.keys() == wanted.keys()
    for place, answer in found.items():
        other = wanted[place]
        assert (answer.text, answer.ended) == (other.text, other.ended), place
        assert answer.plain_logprob == pytest.approx(other.plain_logprob, abs=1e-3), place
        assert answer.logprobs == pytest.approx(other.logprobs, abs=1e-4), place
    moved = [row for row in range(3) if found["steered", "picks", str(row)] != found["plain", "picks", str(row)]]
    assert len(moved) == 3


def test_whole_distributions_are_refused_before_anything_runs(there: Any, tmp_path: Any) -> None:
    """VLLM does not give them."""
    request = Request((_task("reads", Continue(" and so on")),), (find_arm("plain"),), rows=3)
    with pytest.raises(TaskError, match="all of two distributions"):
        _answers(there, request, tmp_path / "reads.jsonl")


@pytest.mark.parametrize(("arm", "route", "error"), [("spotlight", "auto", RouteError), ("plain", "sdpa", TaskError)])
def test_arms_that_vllm_cannot_run_are_told_first(
    there: Any, tmp_path: Any, arm: str, route: str, error: type[Exception]
) -> None:
    """By the rehearsal."""
    request = Request((TASKS["picks"],), (find_arm(arm),), rows=3)
    with pytest.raises(error), Store(tmp_path / "arm.jsonl", {"model": "tiny"}) as store:
        evaluate(there, request, Data(None), store, profile=PROFILE, route=route)


def _named(there: Any, here: Any) -> list[tuple[str, Any]]:
    return [("there", there), ("here", here)]


def _answers(model: Any, request: Request, path: Any) -> dict[tuple[str, str, str], Any]:
    with Store(path, {"model": "tiny"}) as store:
        evaluate(model, request, Data(None), store, profile=PROFILE)
    records = [AnswerRecord.from_line(line) for line in read(path)[1] if line["kind"] == "answer"]
    return {(record.arm, record.case.task, record.example): record.answer for record in records}
