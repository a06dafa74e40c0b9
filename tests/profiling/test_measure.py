"""Measuring: likelihoods by hand, gradients by differences, answers by an evaluation; and cheap where it may be."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.heads import Selected
from boldface.errors import HeadError, StrengthError
from boldface.evaluation.arms import find_arm
from boldface.evaluation.quality import qualities
from boldface.evaluation.record import AnswerRecord
from boldface.evaluation.run import Request, evaluate
from boldface.metrics.words import word_tokens
from boldface.profiles.heads import HeadGains
from boldface.profiling import measure as measuring
from boldface.profiling.lesson import lessons
from boldface.profiling.measure import heads_of, measure
from boldface.profiling.trial import LIKELIHOOD, Trial
from boldface.records.store import Store, read
from boldface.tasks.data import Data
from boldface.tasks.example import Choose, Example, Generate
from boldface.tasks.task import Metric, Task

STRENGTH = 1.7
GAINS = HeadGains.parse("L0H0=0.4, L0H1=-0.8, L0H2=1.2, L0H3=-0.3, L1H0=0.9, L1H1=-1.1, L1H2=0.2, L1H3=0.7")
SOME = HeadGains.parse("L0H1=-0.8, L1H2=0.6")


@pytest.fixture(scope="session")
def taught(teach):
    """Lessons of several lengths: obeyed, calm, and with a rival; one with much before its emphasis."""
    write = Generate(16)
    return (
        teach(3),
        teach(1, target=" yes, that is so.", question=write),
        teach(5, role="other", question=write),
        teach(2, role="other", rival=" no", question=write),
        teach(4, lead=12, target=" yes?", question=write),
        teach(1, lead=7, role="other"),
    )


def by_hand(model, lesson, gains, strength, **how):
    """The score of a lesson from two plain calls of transformers, one unpadded row each."""
    ids = torch.tensor([[*lesson.prompt.ids, *lesson.target]])

    def logprobs(heads):
        prompt = EmphasisedText(lesson.example.prompt.text, spans(lesson))
        with boldface.steer(model.model, model.tokenizer, prompt, heads=heads, strength=strength, **how) as given:
            assert given["input_ids"].tolist() == [list(lesson.prompt.ids)]
            with torch.no_grad():
                logits = model.model(ids).logits[0, len(lesson.prompt.ids) - 1 : -1]
        return logits.double().log_softmax(-1)

    steered = logprobs(gains) if gains else logprobs_of_plain(model, ids, len(lesson.target))
    if lesson.kind == "obey":
        return float(steered[range(len(lesson.target)), lesson.target].mean())
    plain = logprobs_of_plain(model, ids, len(lesson.target))
    return -float((plain.exp() * (plain - steered)).sum(-1).mean())


def logprobs_of_plain(model, ids, length):
    """What the untouched model says of the last tokens."""
    with torch.no_grad():
        return model.model(ids).logits[0, -length - 1 : -1].double().log_softmax(-1)


def spans(lesson):
    """The characters that a lesson emphasises."""
    return lesson.example.prompt.spans if lesson.role == "asked" else lesson.example.other


@pytest.mark.parametrize("how", [{"scope": "all"}, {"scope": "answer"}, {"rule": "flat"}], ids=str)
@pytest.mark.parametrize("gains", [GAINS, SOME, HeadGains()], ids=["all", "some", "none"])
def test_likelihoods_are_those_of_transformers(tiny, taught, gains, how):
    """Of a padded batch every row is what the model says of it alone; calm lessons by their divergence."""
    reading = measure(tiny, Trial(taught, gains, STRENGTH, **how))
    expected = [by_hand(tiny, lesson, gains, STRENGTH, **how) for lesson in taught]
    assert reading.likelihood == pytest.approx(expected, abs=2e-5)
    assert reading.gradient == ()
    assert list(reading.scores) == [LIKELIHOOD]


def test_without_gains_nothing_is_steered(tiny, taught):
    """The plain model: calm lessons are as calm as can be, and strength does not matter."""
    plain = measure(tiny, Trial(taught, HeadGains(), STRENGTH))
    assert [plain.likelihood[place] for place, lesson in enumerate(taught) if lesson.kind == "calm"] == [0.0, 0.0]
    assert measure(tiny, Trial(taught, HeadGains(), 0.0)).scores == plain.scores
    assert measure(tiny, Trial(taught, GAINS, 0.0)).likelihood == pytest.approx(plain.likelihood, abs=2e-5)
    assert measure(tiny, Trial(taught, GAINS, STRENGTH)).likelihood != pytest.approx(plain.likelihood, abs=1e-2)


@pytest.fixture(scope="session")
def exact(tiny):
    """The tiny model in float64."""
    return boldface.Model(copy.deepcopy(tiny.model).double(), tiny.tokenizer, name="tiny")


@pytest.mark.parametrize("how", [{"scope": "all"}, {"scope": "answer"}, {"rule": "flat"}], ids=str)
def test_the_gradient_is_that_of_finite_differences(exact, taught, how, monkeypatch):
    """At gains of either sign, lesson by lesson and head by head, calm lessons too."""
    monkeypatch.setattr(measuring, "DIGITS", 17)
    reading = measure(exact, Trial(taught, GAINS, STRENGTH, "gradient", **how))
    step = 1e-2
    for place, head in enumerate(heads_of(exact)):
        ends = []
        for sign in (1, -1):
            moved = HeadGains({**GAINS, head: GAINS.get(head, 0.0) + sign * step})
            ends.append(measure(exact, Trial(taught, moved, STRENGTH, **how)).likelihood)
        for lesson, (above, below) in enumerate(zip(*ends, strict=True)):
            assert reading.gradient[lesson][place] == pytest.approx((above - below) / (2 * step), rel=5e-3, abs=5e-4)


@pytest.mark.parametrize("gains", [HeadGains(), SOME], ids=["none", "some"])
def test_the_gradient_at_no_gain_looks_upwards(exact, taught, gains, monkeypatch):
    """Generated tokens are lifted by positive gains alone, so the slope at 0 has two sides: it is the upper one."""
    monkeypatch.setattr(measuring, "DIGITS", 17)
    reading = measure(exact, Trial(taught, gains, STRENGTH, "gradient"))

    def moved(head, gain):
        return measure(exact, Trial(taught, HeadGains({**gains, head: gain}), STRENGTH)).likelihood

    def slopes(head, step):
        """One-sided, exact to the second order."""
        near, far = moved(head, step), moved(head, 2 * step)
        return [
            (4 * one - 3 * now - two) / (2 * step) for now, one, two in zip(moved(head, 0.0), near, far, strict=True)
        ]

    unlike = 0
    for place, head in enumerate(heads_of(exact)):
        if head not in gains:
            found = [row[place] for row in reading.gradient]
            assert found == pytest.approx(slopes(head, 1e-2), rel=1e-2, abs=2e-3)
            unlike += found != pytest.approx(slopes(head, -1e-2), rel=1e-2, abs=2e-3)
    assert unlike


def test_a_gradient_trial_reads_the_likelihood_too(tiny, taught):
    """At its own gains, and (lessons, heads) of slopes."""
    reading = measure(tiny, Trial(taught, GAINS, STRENGTH, "gradient"))
    assert reading.likelihood == pytest.approx(measure(tiny, Trial(taught, GAINS, STRENGTH)).likelihood, abs=2e-5)
    assert [len(row) for row in reading.gradient] == [8] * len(taught)
    assert heads_of(tiny) == [(layer, head) for layer in range(2) for head in range(4)]


@options(max_examples=15)
@given(st.permutations(range(6)), st.integers(40, 400))
def test_how_lessons_are_put_together_does_not_matter(tiny, taught, order, most):
    """Alone, in twos or all at once, in any order: the same scores and slopes."""
    whole = measure(tiny, Trial(taught, GAINS, STRENGTH, "gradient"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(measuring, "MOST_TOKENS", most)
        parts = measure(tiny, Trial(tuple(taught[place] for place in order), GAINS, STRENGTH, "gradient"))
    assert parts.likelihood == pytest.approx([whole.likelihood[place] for place in order], abs=2e-5)
    for row, place in enumerate(order):
        assert parts.gradient[row] == pytest.approx(whole.gradient[place], abs=2e-4)
    assert parts.passes == whole.passes


def test_no_more_is_held_at_once_than_may_be(taught, monkeypatch):
    """Every part fits into the bound, padding counted, or is one lesson; and every lesson is in one part."""
    monkeypatch.setattr(measuring, "MOST_TOKENS", 90)
    parts = list(measuring._parts(taught))
    assert sorted(place for part in parts for place in part) == list(range(len(taught)))
    sizes = [
        len(part) * (max(len(taught[one].prompt.ids) for one in part) + max(len(taught[one].target) for one in part))
        for part in parts
    ]
    assert all(size <= 90 or len(part) == 1 for size, part in zip(sizes, parts, strict=True))
    assert len(parts) < len(taught)


def test_a_long_lesson_is_checkpointed(tiny, taught, monkeypatch):
    """The same slopes from less memory: every layer is computed once more on the way back; then all is as before."""
    whole = (
        measure(tiny, Trial(taught[:1], GAINS, STRENGTH, "gradient")),
        measure(tiny, Trial(taught[4:5], GAINS, STRENGTH, "gradient")),
    )
    calls = []
    hooks = [
        layer.self_attn.register_forward_pre_hook(lambda *_: calls.append(None)) for layer in tiny.model.model.layers
    ]
    layers = tiny.model.model.layers
    layers[1].training = True
    modes = {name: module.training for name, module in tiny.model.named_modules()}
    monkeypatch.setattr(measuring, "MOST_TOKENS", 8)
    try:
        for lesson, expected in zip((taught[0], taught[4]), whole, strict=True):
            calls.clear()
            found = measure(tiny, Trial((lesson,), GAINS, STRENGTH, "gradient"))
            assert len(calls) == 2 * len(layers)
            assert found.likelihood == pytest.approx(expected.likelihood, abs=2e-5)
            assert found.gradient[0] == pytest.approx(expected.gradient[0], abs=2e-4)
        calls.clear()
        measure(tiny, Trial(taught[:1], GAINS, STRENGTH))
        assert len(calls) == len(layers)
        assert {name: module.training for name, module in tiny.model.named_modules()} == modes
        assert not any(getattr(module, "gradient_checkpointing", False) for module in tiny.model.modules())
    finally:
        layers[1].training = False
        for hook in hooks:
            hook.remove()


def test_nothing_of_a_trial_stays_with_the_model(tiny, taught):
    """Weights get no gradients, and a plain forward is the same, bit by bit."""
    ids = torch.tensor([taught[0].prompt.ids])
    with torch.no_grad():
        before = tiny.model(ids).logits
    measure(tiny, Trial(taught, GAINS, STRENGTH, "gradient"))
    with torch.no_grad():
        assert torch.equal(tiny.model(ids).logits, before)
    assert all(weight.grad is None for weight in tiny.model.parameters())


def test_what_goes_ahead_changes_nothing(tiny, teach, monkeypatch):
    """What is before the emphasis runs by itself, without gradients; the slopes are the same."""
    few = (teach(2, lead=12), teach(1, lead=14, role="other"))
    apart = measure(tiny, Trial(few, GAINS, STRENGTH, "gradient"))
    monkeypatch.setattr(measuring, "LEAST", 10**6)
    together = measure(tiny, Trial(few, GAINS, STRENGTH, "gradient"))
    assert apart.likelihood == pytest.approx(together.likelihood, abs=2e-5)
    for row in range(2):
        assert apart.gradient[row] == pytest.approx(together.gradient[row], abs=2e-4)


def test_trials_of_other_gains_share_what_goes_ahead(tiny, teach):
    """It is computed once; the readings are those of trials that share nothing, bit by bit."""
    few = (teach(2, lead=12), teach(1, lead=14, role="other"))
    asked = [Trial(few, gains, STRENGTH, kind) for gains in (GAINS, SOME, GAINS) for kind in ("likelihood", "gradient")]
    columns = []
    hook = tiny.model.model.register_forward_pre_hook(
        lambda module, args, given: columns.append(given["input_ids"].shape[1]), with_kwargs=True
    )
    try:
        alone = [replace(measure(tiny, trial), seconds=0.0) for trial in asked]
        apart, shared = len(columns), measuring.Plain(tiny.model)
        columns.clear()
        assert [replace(measure(tiny, trial, shared), seconds=0.0) for trial in asked] == alone
    finally:
        hook.remove()
    assert len(columns) == apart - (len(asked) - 1)


@pytest.mark.parametrize("kind", ["likelihood", "gradient"])
def test_passes_are_the_tokens_that_went_through(tiny, taught, kind):
    """Forward once, calm lessons plain and steered; back from the emphasis on, counted twice."""
    expected = 0
    for lesson in taught:
        length = len(lesson.prompt.ids) + len(lesson.target)
        expected += length * (2 if lesson.kind == "calm" else 1)
        expected += 2 * (length - lesson.prompt.spans[0].start) if kind == "gradient" else 0
    assert measure(tiny, Trial(taught, GAINS, STRENGTH, kind)).passes == expected


@pytest.mark.parametrize("kind", ["likelihood", "gradient", "answers"])
def test_what_cannot_be_steered_is_refused(tiny, taught, kind):
    """Heads that are not there, and a bias beyond the cap."""
    with pytest.raises(HeadError):
        measure(tiny, Trial(taught[:1], HeadGains({(0, 9): 1.0}), STRENGTH, kind))
    with pytest.raises(StrengthError):
        measure(tiny, Trial(taught[:1], HeadGains({(0, 1): 9.0}), 4.0, kind))


def chores():
    """A task whose rows pick and write."""

    def examples(data, split, variant):
        for row in range(3):
            text = f"{split}{' word' * (1 + row * 5 % 8)} Say yes. Then stop:"
            start = text.index("Say")
            for kind, question in (("writes", Generate(6)), ("picks", Choose(("yes", "no")))):
                yield Example(
                    f"{row}.{kind}",
                    f"{row}",
                    EmphasisedText(text, (CharSpan(start, start + 8),)),
                    question,
                    other=(CharSpan(start + 9, len(text)),),
                    target=" yes",
                )

    def score(example, answer):
        picked = answer.logprobs
        return {"margin": picked[0] if picked else None, "letters": float(sum(map(ord, answer.text)))}

    metrics = (Metric("margin", "Margin", "Of yes.", unit="nats"), Metric("letters", "Letters", "Which.", unit="count"))
    return Task("chores", "Chores", "Two kinds.", metrics, examples, score)


@pytest.mark.parametrize("setting", ["raw", "chat"])
@pytest.mark.parametrize(
    ("arm", "role", "gains", "scope", "rule"),
    [
        ("steered", "asked", SOME, "all", "pasta"),
        ("steered", "asked", SOME, "answer", "pasta"),
        ("steered", "asked", GAINS, "all", "flat"),
        ("other-span", "other", SOME, "all", "pasta"),
        ("plain", "asked", HeadGains(), "all", "pasta"),
    ],
)
def test_answers_are_those_of_an_evaluation(tiny, tmp_path, monkeypatch, setting, arm, role, gains, scope, rule):
    """Asked and scored alike, their qualities too, whatever span is emphasised and whatever is steered."""
    task = chores()
    monkeypatch.setattr(measuring, "find_task", lambda name: {"chores": task}[name])
    request = Request((task,), (find_arm(arm),), rows=3, split="validation", settings=(setting,))
    with Store(tmp_path / "answers.jsonl", {}) as store:
        evaluate(tiny, request, Data(None), store, profile=Selected(gains or SOME, STRENGTH, scope, rule))
    evaluated = [AnswerRecord.from_line(line) for line in read(store.path)[1] if line["kind"] == "answer"]
    by_id = {record.example: record.answer for record in evaluated}
    examples = {example.id: example for example in task.examples(None, "validation", "original")}
    for kind in ("writes", "picks"):
        of_kind = [example for example in examples.values() if example.id.endswith(kind)]
        few = lessons(tiny, "chores", of_kind, setting, role, rows=3)
        assert len(few) == 3
        reading = measure(tiny, Trial(tuple(few), gains, STRENGTH, "answers", scope, rule))
        passes = 0
        for place, lesson in enumerate(few):
            answer = by_id[lesson.example.id]
            expected = dict(task.score(lesson.example, answer))
            if kind == "writes":
                expected |= qualities(answer, word_tokens(answer.text))
            found = {name: scores[place] for name, scores in reading.scores.items()}
            assert found == {
                name: value if value is None else pytest.approx(value, abs=1e-4) for name, value in expected.items()
            }
            passes += len(lesson.prompt.ids) + answer.tokens
        assert reading.passes == passes


def test_time_is_told(tiny, taught, monkeypatch):
    """In seconds, by the clock."""
    clock = iter([10.0, 12.5])
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: next(clock))
    assert measure(tiny, Trial(taught[:1], HeadGains(), STRENGTH)).seconds == 2.5


def test_what_is_kept_has_the_digits_of_float32(tiny, taught):
    """No more than a file should hold."""
    reading = measure(tiny, Trial(taught[:2], GAINS, STRENGTH, "gradient"))
    for value in (*reading.likelihood, *reading.gradient[0]):
        assert value == float(f"{value:.7g}")
    assert replace(reading, seconds=0.0) == replace(
        measure(tiny, Trial(taught[:2], GAINS, STRENGTH, "gradient")), seconds=0.0
    )
