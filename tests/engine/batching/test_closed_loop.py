"""Target shares and releases in a running batch: every row minds itself, whoever runs beside it."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan
from boldface.engine.batching import hold
from boldface.errors import RouteError
from boldface.steering.release import Release

IDS = list(b"In the beginning was the word, and the word was bold.")
SPANS = (TokenSpan(17, 25, 4.6),)
SEVERAL = (TokenSpan(2, 6, -2.0), TokenSpan(17, 20, 1.0), TokenSpan(20, 25, 4.6))
EXPECTED = {}


def closed(request, ids=IDS, spans=SPANS, *, target=None, release=None, **options):
    """A request with a target share or a release."""
    open_loop = request(ids, spans, **options)
    return replace(open_loop, steering=replace(open_loop.steering, target=target, release=release))


@st.composite
def arrivals(draw, request):
    """Requests of every kind, each with the tokens to wait for before it comes."""
    found = []
    for _ in range(draw(st.integers(2, 5))):
        spans = draw(st.sampled_from([SPANS, SEVERAL, ()]))
        options = {"scope": draw(st.sampled_from(["all", "answer"])), "rule": draw(st.sampled_from(["pasta", "flat"]))}
        target = draw(st.sampled_from([None, 0.3, 0.7]))
        ids = IDS[: draw(st.sampled_from([34, len(IDS)]))]
        one = closed(request, ids, spans, target=target, max_tokens=draw(st.integers(1, 12)), **options)
        found.append((one, draw(st.integers(0, 4))))
    return found


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("shape", [{"slots": 3, "chunk": 5}, {"slots": 8, "chunk": 64}], ids=["narrow", "wide"])
def test_together_as_alone(tools, serve, shape, data):
    """Rows with target shares, by both rules, of one strength and of several, beside others: as each gets alone."""
    wanted = data.draw(arrivals(tools.request))
    for one, _ in wanted:
        if repr(one) not in EXPECTED:
            EXPECTED[repr(one)] = tools.alone(one)
    scheduler = serve(**shape)
    heard = []
    for one, patience in wanted:
        reached = scheduler.state().tokens + patience
        while scheduler.state().tokens < reached and scheduler.state().running:
            time.sleep(0.0005)
        heard.append(tools.ask(scheduler, one))
    for answer in heard:
        assert answer.last().finish_reason == "length"
    scheduler.stop()
    for (one, _), answer in zip(wanted, heard, strict=True):
        assert tools.same(one, answer.ids, EXPECTED[repr(one)])


def test_target_shares_reach_the_answers(tools):
    """The law above would see it if no target were kept: its answers differ from the open loop's and the plain ones."""
    for rule in ("pasta", "flat"):
        kinds = [closed(tools.request, rule=rule, target=target) for target in (None, 0.3, 0.7)]
        assert len({tools.alone(one) for one in (*kinds, tools.request(IDS))}) == 4


MARKS = Release(0.15, 0.05, 1)
"""Marks between which the byte model goes to and fro."""


@pytest.mark.parametrize("target", [None, 0.6])
@pytest.mark.parametrize("rule", ["pasta", "flat"])
def test_releases_are_as_written(byte_model, tools, serve, rule, target):
    """Whoever obeys is released and lifted again, in the batch and in `generate`, as masses of the oracle say."""
    prompt = EmphasisedText(bytes(IDS).decode(), (CharSpan(17, 25, 4.6),))
    ids = byte_model.encode(prompt, raw=True, strength=4.6).ids
    one = closed(tools.request, ids, rule=rule, target=target, release=MARKS, max_tokens=24)
    expected, levels, _ = tools.of.minding(byte_model, one)
    switched = [level for level, before in zip(levels[1:], levels, strict=False) if level != before]
    assert switched[:2] == [0.0, 1.0]
    kinds = [replace(one, steering=replace(one.steering, release=None)), tools.request(ids, max_tokens=24)]
    assert expected not in [tools.alone(kind) for kind in kinds]
    scheduler = serve(slots=8)
    heard = [tools.ask(scheduler, each) for each in (one, *kinds, one)]
    for answer in heard:
        answer.last()
    scheduler.stop()
    assert heard[0].ids == heard[3].ids == expected
    for answer, kind in zip(heard[1:3], kinds, strict=True):
        assert tools.same(kind, answer.ids, tools.alone(kind))
    how = {"heads": one.steering.gains, "rule": rule, "target": target, "release": MARKS}
    options = {"raw": True, "max_new_tokens": 24, "min_new_tokens": 24}
    alone = byte_model.generate(prompt, **options, **how)
    together = byte_model.generate([prompt, "It was.", prompt], **options, **how)
    assert alone.ids == together[0].ids == together[2].ids == expected
    assert together[1].ids == byte_model.generate("It was.", **options).ids  # it sees nothing of what they emphasise
    assert "".join(byte_model.stream(prompt, **options, **how)) == alone.text


def test_marks_that_are_never_reached_change_nothing(tools, serve):
    """A release at mass 1 is the open loop; one at any mass leaves the first two tokens as they are, and no more."""
    never, once = (closed(tools.request, release=Release(mark, 0.0, 1), max_tokens=12) for mark in (1.0, 0.0))
    scheduler = serve()
    heard = [tools.ask(scheduler, one) for one in (never, once)]
    for answer in heard:
        answer.last()
    open_loop = closed(tools.request)
    assert tools.same(open_loop, heard[0].ids, tools.alone(open_loop))
    assert heard[1].ids != heard[0].ids and heard[1].ids[:2] == heard[0].ids[:2]


def test_what_no_kernel_tells_is_refused_at_once(tools, serve, monkeypatch):
    """Where masses cannot be had, target shares and releases are refused, and nothing else is."""
    scheduler = serve()
    monkeypatch.setattr(hold.Hold, "why_not_apart", "No kernel.")
    for how in ({"target": 0.5}, {"release": MARKS}):
        with pytest.raises(RouteError, match=r"No kernel.*model\.generate"):
            scheduler.submit(closed(tools.request, **how), print)
    assert tools.ask(scheduler, closed(tools.request)).last().finish_reason == "length"
