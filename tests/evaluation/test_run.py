"""Runs: resumable, deterministic, complete, and never two answers of one name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import RecordError, RouteError, StrengthError, TaskError
from boldface.evaluation.arms import find_arm
from boldface.evaluation.asking import Asker
from boldface.evaluation.record import AnswerRecord
from boldface.evaluation.run import Request, evaluate
from boldface.records.store import Store, read
from boldface.tasks.data import Data
from boldface.tasks.example import Choose, Example

DATA = Data(None)
ARMS = ("plain", "steered")


@pytest.fixture
def run(llama, profile, tmp_path):
    """Runs a request into a file and returns the answers that stand there, by arm and example."""

    def go(task, *arms, name="run", setting="raw", watch=lambda step: None, profile=profile, route="auto", **how):
        request = Request((task,), tuple(map(find_arm, arms)), settings=(setting,), **{"rows": 5, "batch": 3} | how)
        path = tmp_path / f"{name}.jsonl"
        with Store(path, {"model": "tiny"}) as store:
            evaluate(llama, request, DATA, store, profile=profile, watch=watch, route=route)
        return answers(path)

    return go


def answers(path):
    """Arm and example to answer."""
    found = [AnswerRecord.from_line(line) for line in read(path)[1] if line["kind"] == "answer"]
    assert len({(record.arm, record.example) for record in found}) == len(found)
    return {(record.arm, record.example): record.answer for record in found}


@pytest.fixture
def asked_batches(monkeypatch):
    """The ids of every batch that the model was asked, in order."""
    batches, ask = [], Asker.ask
    monkeypatch.setattr(
        Asker,
        "ask",
        lambda asker, batch: (
            batches.append([asker.arm.name, *(each.example.id for each in batch)]),
            ask(asker, batch),
        )[1],
    )
    return batches


def test_a_resumed_run_is_the_uninterrupted_one(run, chores, asked_batches):
    """Killed after any number of batches and run again: the same answers, and no batch is asked twice."""
    whole = run(chores, *ARMS, name="whole")
    wanted = list(asked_batches)

    def stop_after(count):
        def watch(step):
            nonlocal count
            count -= bool(step.computed)
            if count == 0:
                raise KeyboardInterrupt

        return watch

    for kill in (1, 4, len(wanted) - 1):
        asked_batches.clear()
        with pytest.raises(KeyboardInterrupt):
            run(chores, *ARMS, name=f"cut-{kill}", watch=stop_after(kill))
        assert run(chores, *ARMS, name=f"cut-{kill}") == whole
        assert asked_batches == wanted


def test_half_a_batch_is_asked_again_as_it_was(run, chores, tmp_path):
    """Killed while a batch is written: what stands there stays, and the whole batch gives the same answers again."""
    whole = run(chores, *ARMS, name="whole")
    content = (tmp_path / "whole.jsonl").read_bytes()
    for cut in (len(content) // 2, len(content) - 1):
        (tmp_path / "cut.jsonl").write_bytes(content[:cut])
        assert run(chores, *ARMS, name="cut") == whole


def test_a_finished_run_asks_nothing(run, chores, asked_batches):
    """Run again, everything stands there, and progress says that nothing was computed."""
    first = run(chores, *ARMS)
    asked_batches.clear()
    steps = []
    assert run(chores, *ARMS, watch=steps.append) == first
    assert asked_batches == []
    assert sum(step.computed for step in steps) == 0
    assert sum(step.done for step in steps) == steps[-1].total == len(first)


def test_every_example_is_answered_in_every_arm(run, chores):
    """Five rows of three kinds of question, each in batches of its own kind."""
    found = run(chores, *ARMS)
    assert len(found) == 2 * 5 * 3
    assert all(len(answer.logprobs) == 2 for (_, id), answer in found.items() if id.endswith("picks"))
    assert all(answer.divergence is not None for (_, id), answer in found.items() if id.endswith("reads"))
    assert all(answer.tokens for (_, id), answer in found.items() if id.endswith("writes"))


def test_steering_changes_what_it_should(run, chores):
    """Steered answers differ from plain ones; strength 0 and the plain model itself are at divergence 0."""
    found = run(chores, "plain", "steered", "instaboost=1", "other-span", "random-heads", "spotlight")

    def of(arm):
        return [answer for (name, _), answer in found.items() if name == arm]

    def divergences(arm):
        return [answer.divergence for answer in of(arm) if answer.divergence is not None]

    assert divergences("plain") == divergences("instaboost=1") == [0.0] * 5
    assert of("instaboost=1") == of("plain")
    for arm in ("steered", "other-span", "random-heads", "spotlight"):
        assert min(divergences(arm)) > 0
        assert of(arm) != of("plain")
    assert of("steered") != of("other-span")
    assert of("steered") != of("random-heads")


def test_noise_is_asked_and_told_where_there_is_no_room(run, chores, tmp_path):
    """An arm with noise answers like any other, differently from its base; a prompt without another span is skipped."""
    found = run(chores, "plain", "steered", "steered@grow=2", "steered@fight=0.5")
    by_arm = {arm: [answer for (name, _), answer in found.items() if name == arm] for arm, _ in found}
    assert all(len(answers) == 5 * 3 for answers in by_arm.values())
    assert by_arm["steered"] != by_arm["steered@grow=2"] != by_arm["steered@fight=0.5"] != by_arm["steered"]

    def alone(data, split, variant):
        yield Example("alone", "alone", EmphasisedText("Say yes.", (CharSpan(0, 8),)), Choose(("yes", "no")))

    run(replace(chores, examples=alone), "plain", "steered@fight=1", name="alone")
    assert [line["why"] for line in read(tmp_path / "alone.jsonl")[1] if line["kind"] == "skipped"] == [
        "no such span in the prompt"
    ]


def test_the_careful_arm_believes_the_model(run, chores, monkeypatch):
    """Where the plain model thinks nothing of a span, every kind of question is answered as without it."""
    found = run(chores, "plain", "steered", "careful")
    steered, careful = ([a for (arm, _), a in found.items() if arm == name] for name in ("steered", "careful"))
    assert careful != steered
    monkeypatch.setattr("boldface.engine.careful.confidences", lambda prompt, spans, attention: [0.0 for span in spans])
    doubted = run(chores, "plain", "careful", name="doubted")
    assert [a for (arm, _), a in doubted.items() if arm == "careful"] == [
        a for (arm, _), a in doubted.items() if arm == "plain"
    ]


def test_chats_are_asked_in_the_template(run, chores, tmp_path):
    """In the chat setting the prompt that is kept is the rendered one."""
    run(chores, "steered", "few-shot=1", setting="chat")
    prompts = {(line["arm"]): line["prompt"] for line in read(tmp_path / "run.jsonl")[1] if line["kind"] == "answer"}
    assert prompts["steered"].startswith("<|user|>test word")
    assert prompts["steered"].endswith("Then stop:\n<|assistant|>")
    assert prompts["few-shot=1"].startswith("<|user|>train word Say yes. Then stop:\n<|assistant|>yes\n<|user|>test")


def test_what_cannot_be_asked_is_told(run, chores, tmp_path):
    """Examples without the span, of control tokens, without shots or without room are kept with the reason."""

    def bare(data, split, variant):
        yield Example("bare", "bare", EmphasisedText("Nothing is bold."), Choose(("yes", "no")))
        yield Example("long", "long", EmphasisedText("a" * 8192), Choose(("yes", "no")))
        yield Example("longer", "longer", EmphasisedText("a" * 9000), Choose(("yes", "no")))
        yield Example("void", "void", EmphasisedText("<|end|> now", (CharSpan(0, 7),)), Choose(("yes", "no")))

    task = replace(chores, examples=bare)
    assert set(run(task, "plain", "steered", "few-shot")) == {("plain", "bare"), ("plain", "void")}
    skipped = {
        (line["arm"], line["example"]): line["why"]
        for line in read(tmp_path / "run.jsonl")[1]
        if line["kind"] == "skipped"
    }
    assert skipped["steered", "bare"] == "no such span in the prompt"
    assert skipped["few-shot", "bare"] == "0 of 3 answered examples"
    assert skipped["plain", "long"] == skipped["plain", "longer"] == "does not fit into the model's context"
    assert "hits no token" in skipped["steered", "void"]
    assert len(skipped) == 3 * 4 - 2


@pytest.mark.parametrize(
    ("arm", "how", "error", "says"),
    [
        ("steered", {"profile": None}, TaskError, "needs a profile"),
        ("steered=100", {}, StrengthError, "cap"),
        ("spotlight", {"route": "folded"}, RouteError, "share"),
    ],
)
def test_an_arm_that_cannot_run_is_told_first(run, chores, asked_batches, arm, how, error, says):
    """No arm is asked anything while another cannot be run at all."""
    with pytest.raises(error, match=says):
        run(chores, "plain", arm, **how)
    assert asked_batches == []


def test_a_model_without_template_does_not_chat(run, chores, llama, monkeypatch, asked_batches):
    """The chat setting is refused before anything runs."""
    monkeypatch.setattr(llama.tokenizer, "chat_template", None)
    with pytest.raises(TaskError, match="no chat template"):
        run(chores, "plain", setting="chat")
    assert asked_batches == []


def test_other_examples_of_the_same_name_are_refused(run, chores, asked_batches, tmp_path):
    """Other data never lands in a file that holds examples of these names, which could not be read any more."""
    run(chores, "plain")
    asked_batches.clear()
    before = (tmp_path / "run.jsonl").read_bytes()

    def other(data, split, variant):
        for example in chores.examples(data, split, variant):
            yield replace(example, target="no")

    with pytest.raises(RecordError, match=r"another example of chores:  '0.writes'"):
        run(replace(chores, examples=other), "plain")
    assert asked_batches == []
    assert (tmp_path / "run.jsonl").read_bytes() == before


def test_other_answers_of_the_same_name_are_refused(run, chores, profile):
    """An arm that steers otherwise than it did in this file is refused."""
    run(chores, "steered")
    with pytest.raises(RecordError, match="another answer of chores: steered"):
        run(chores, "steered", profile=profile._replace(gains=profile.gains * 0.5))


@pytest.mark.parametrize(
    "wrong", [{"rows": 0}, {"batch": 0}, {"split": "tset"}, {"settings": ("row",)}, {"variants": ("short",)}]
)
def test_requests_are_checked(chores, wrong):
    """Rows, batch, split, setting and wording are checked when the request is made."""
    with pytest.raises(TaskError):
        Request((chores,), (find_arm("plain"),), **wrong)


def test_an_empty_split_is_told(run, chores):
    """A task without an example in the split is an error, not an empty table."""
    with pytest.raises(TaskError, match="test split of chores"):
        run(replace(chores, examples=lambda data, split, variant: iter(())), "plain")
