"""Closed loops behind sliding windows, sinks, experts and narrow values: whole answers, together, alone, streamed."""

from __future__ import annotations

import random
import statistics
from dataclasses import replace
from string import ascii_uppercase

import pytest

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.batching import Scheduler
from boldface.engine.model import Model
from boldface.steering.phases import Gate, Phases
from boldface.steering.release import Release
from boldface.testing.models import tiny
from boldface.testing.sample import signed_gains

SPANS = (CharSpan(12, 21, 4.0), CharSpan(22, 26, 2.0))
PROMPTS = [EmphasisedText("".join(random.Random(seed).choices(ascii_uppercase, k=27)), SPANS) for seed in range(12)]
"""Letters that the tiny vocabularies have; the emphasis leaves the windows while the answer is written."""
OTHER = EmphasisedText("IT,WAS.")
TOKENS = 20

every_kind = pytest.mark.parametrize("architecture", ["mistral", "gemma3", "gpt_oss", "qwen3_moe", "deepseek_v3"])


@pytest.fixture
def subject(byte_llama, architecture):
    """A model of the architecture."""
    return Model(tiny(architecture), byte_llama[1])


@pytest.fixture
def asked(subject, tools):
    """Makes requests for the answer to a prompt, steered so."""
    gains = signed_gains(subject.geometry.heads)

    def ask(prompt, **how):
        encoded = subject.encode(prompt, raw=True, heads=gains)
        request = tools.request(encoded.ids, encoded.spans, gains=gains, max_tokens=TOKENS)
        return replace(request, steering=replace(request.steering, **how))

    return ask


def served(model, tools, requests):
    """The answers of a scheduler to requests that run together."""
    scheduler = Scheduler(model, slots=8, chunk=7)
    scheduler.start()
    heard = [tools.ask(scheduler, one) for one in requests]
    lasts = [one.last() for one in heard]
    scheduler.stop()
    assert [last.error for last in lasts] == [None] * len(lasts)
    return [one.ids for one in heard]


def generated(model, prompt, **how):
    """The answer of ``generate``, which is the same alone, in a batch with padding, and streamed."""
    options = {"raw": True, "max_new_tokens": TOKENS, "heads": signed_gains(model.geometry.heads), **how}
    alone = model.generate(prompt, **options)
    together = model.generate([OTHER, prompt], **options)
    assert together[1].ids == alone.ids
    assert together[0].ids == model.generate(OTHER, **options).ids
    assert "".join(model.stream(prompt, **options)) == alone.text
    return alone.ids


@every_kind
@pytest.mark.parametrize("target", [None, 0.6])
def test_releases_are_as_written(subject, asked, tools, target):
    """Whoever obeys is released and lifted again, as masses of the oracle say, with several strengths and windows."""
    for prompt in PROMPTS:
        watched = asked(prompt, target=target, release=Release(1.0, 0.0))
        open_loop, _, masses = tools.of.minding(subject, watched)
        mark = statistics.median(masses) + 1e-4
        marks = Release(mark, mark, 1)
        one = asked(prompt, target=target, release=marks)
        expected, levels, _ = tools.of.minding(subject, one)
        if expected != open_loop and 1.0 in levels[levels.index(0.0) :]:
            break
    else:
        pytest.fail("no prompt shows what a release does")
    plain = tools.request(one.prompt.ids, max_tokens=TOKENS)
    got = served(subject, tools, [one, plain, watched, one])
    assert got[0] == got[3] == expected
    assert got[2] == open_loop
    assert tools.of.same(subject, plain, got[1], tools.of.alone(subject, plain))
    assert generated(subject, prompt, target=target, release=marks) == expected


@every_kind
@pytest.mark.parametrize(
    "how",
    [
        {"gate": Gate(0.3)},
        {"gate": Gate(0.6, 1), "target": 0.8},
        {"phases": Phases(0.5, 1.0, 0.75), "target": 0.6},
        {"phases": Phases(reading=0.25), "gate": Gate(0.05)},
    ],
    ids=["gate", "gate and target", "phases and target", "phases and gate"],
)
def test_gates_and_phases_are_as_defined(subject, asked, tools, by_definition, how):
    """Tokens are those of whole forwards in which every query has its level."""
    defined = type(by_definition)(subject.model, subject.tokenizer)
    for prompt in PROMPTS:
        one = asked(prompt, **how)
        found = defined.write(one.prompt.ids, one.steering, TOKENS)
        others = [tools.request(one.prompt.ids, max_tokens=TOKENS), asked(prompt, target=how.get("target"))]
        if found is not None and found[0] not in [tools.of.alone(subject, other) for other in others]:
            break
    else:
        pytest.fail("no prompt shows what the levels do")
    got = served(subject, tools, [one, others[0], one])
    assert got[0] == got[2] == found[0]
    assert tools.of.same(subject, others[0], got[1], tools.of.alone(subject, others[0]))
    assert generated(subject, prompt, **how) == found[0]
