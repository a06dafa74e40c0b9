"""The gate and the phases in the scheduler: rows that wait, twins that read along, levels that change."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boldface.emphasis.span import TokenSpan
from boldface.errors import ContextLengthError, RouteError
from boldface.steering.phases import Gate, Phases

IDS = list(b"In the beginning was the word, and the word was bold.")
SPAN = TokenSpan(17, 25, 5.0)
EXPECTED = {}
"""What requests get by definition: the same few are drawn again and again."""


def how(wanted, **fields):
    """A request that is steered so."""
    return replace(wanted, steering=replace(wanted.steering, **fields))


def expected(by_definition, wanted):
    """What a request gets by definition; None where a tie decides."""
    key = repr(wanted)
    if key not in EXPECTED:
        tokens = wanted.sampling.max_tokens
        EXPECTED[key] = by_definition.write(wanted.prompt.ids, wanted.steering, tokens, wanted.prompt.text)
    return EXPECTED[key]


def told(heard):
    """The tokens of a whole answer."""
    heard.last()
    return heard.ids


@st.composite
def levels(draw):
    """Phases, a gate and a target share, some of them or none."""
    level = st.sampled_from([0.0, 0.5, 1.0])
    marks = draw(st.sampled_from([("%", "%%"), ("@", "A"), ("}", "*"), ("<think>", "</think>")]))
    phases = Phases(draw(level), draw(level), draw(level), *marks, draw(st.booleans()))
    gate = Gate(draw(st.sampled_from([0.0, 0.1, 0.5, 1.0])), draw(st.integers(0, 2)))
    return {
        "phases": draw(st.sampled_from([None, phases])),
        "gate": draw(st.sampled_from([None, gate])),
        "target": draw(st.sampled_from([None, 0.5])),
    }


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("shape", [{"slots": 4, "chunk": 5}, {"slots": 8, "prefix_bytes": 0}], ids=["narrow", "wide"])
def test_together_as_defined(tools, serve, by_definition, shape, data):
    """Whatever comes beside it, an answer and what its gate did are those of whole forwards without a cache."""
    wanted = []
    for _ in range(data.draw(st.integers(1, 4))):
        ids = IDS[: data.draw(st.sampled_from([1, 34, 40, len(IDS)]))]
        spans = [span for span in (SPAN, TokenSpan(0, 1, 3.0)) if span.end <= len(ids) and data.draw(st.booleans())]
        one = tools.request(ids, spans, max_tokens=data.draw(st.sampled_from([1, 8])))
        wanted.append((how(one, **data.draw(levels())), data.draw(st.integers(0, 4))))
    answers = [expected(by_definition, one) for one, _ in wanted]
    scheduler, heard = serve(**shape), []
    for one, patience in wanted:
        reached = scheduler.state().tokens + patience
        while scheduler.state().tokens < reached and scheduler.state().running:
            time.sleep(0.0005)
        heard.append(tools.ask(scheduler, one))
    lasts = [one.last() for one in heard]
    scheduler.stop()
    assert [(last.finish_reason, last.error) for last in lasts] == [("length", None)] * len(lasts)
    for (one, _), answer, last, known in zip(wanted, heard, lasts, answers, strict=True):
        if known is not None:
            assert answer.ids == known[0]
            assert last.gated == (None if one.steering.is_null else known[1])


def test_levels_reach_the_answers(tools, serve):
    """The law above would see it if levels did nothing: answers differ from open loop and from plain ones."""
    scheduler = serve()
    whole = tools.request(IDS, [SPAN], max_tokens=8)
    plain = tools.alone(tools.request(IDS, max_tokens=8))
    found = {
        told(tools.ask(scheduler, how(whole, **fields)))
        for fields in (
            {},
            {"phases": Phases(reading=0.0)},
            {"phases": Phases(answer=0.5)},
            {"gate": Gate(0.1)},
        )
    }
    assert len(found - {plain}) == 4


def test_gate_1_is_the_plain_answer_and_gate_0_open_loop(tools, serve):
    """Greedily; and drawn words are those of open loop where everything passes."""
    scheduler = serve()
    steered, plain = tools.request(IDS, [SPAN]), tools.request(IDS)
    for beta, one in ((1.0, plain), (0.0, steered)):
        assert tools.same(one, told(tools.ask(scheduler, how(steered, gate=Gate(beta)))), tools.alone(one))
    drawn = {"temperature": 1.2, "top_p": 0.9, "seed": 5, "max_tokens": 10}
    one = tools.request(IDS, [SPAN], **drawn)
    open_loop = told(tools.ask(scheduler, one))
    assert told(tools.ask(scheduler, how(one, gate=Gate(0.0)))) == open_loop
    lowered = tools.ask(scheduler, how(one, gate=Gate(0.5)))
    assert told(lowered) != open_loop
    assert told(tools.ask(scheduler, how(one, gate=Gate(0.5)))) == lowered.ids


def test_refused_rows_keep_nobody(tools, serve):
    """A row whose token is refused waits for the next step while the others go on."""
    scheduler = serve(slots=4)
    gated, beside = how(tools.request(IDS, [SPAN], max_tokens=30), gate=Gate(1.0)), tools.request(IDS, max_tokens=30)
    heard = [tools.ask(scheduler, gated), tools.ask(scheduler, beside)]
    lasts = [one.last() for one in heard]
    assert lasts[0].gated.tries > 20
    scheduler.stop()  # it tells the last word before it counts it
    load = scheduler.state()
    assert load.tokens == 60
    assert load.steps <= 58 + lasts[0].gated.tries
    assert lasts[1].timings.total < lasts[0].timings.total
    assert sum(load.batches.values()) == load.steps
    assert max(load.batches) <= 2
    assert tools.same(beside, heard[1].ids, tools.alone(beside))


def test_places_and_room_count_twice(tools, serve):
    """The plain model's row is one like any other: too few places or too little room is told at once."""
    gated = how(tools.request(IDS, [SPAN], max_tokens=10), gate=Gate(0.5))
    for shape, error in (({"slots": 1}, RouteError), ({"slots": 2, "capacity_tokens": 100}, ContextLengthError)):
        scheduler = serve(**shape)
        with pytest.raises(error):
            tools.ask(scheduler, gated)
        scheduler.stop()
    scheduler = serve(slots=3, capacity_tokens=3 * 64)
    heard = [tools.ask(scheduler, gated) for _ in range(3)]
    assert {one.last().finish_reason for one in heard} == {"length"}
    assert len({one.ids for one in heard}) == 1


def test_whoever_leaves_takes_the_twin_along(tools, serve):
    """A cancelled request frees both of its rows."""
    scheduler = serve(slots=2)
    held = tools.ask(scheduler, how(tools.request(IDS, [SPAN], max_tokens=3000), gate=Gate(0.0)))
    held.next()
    assert scheduler.state().running == 1
    held.ticket.cancel()
    assert held.last().finish_reason == "cancelled"
    one = how(tools.request(IDS, [SPAN]), gate=Gate(0.5))
    assert tools.ask(scheduler, one).last().finish_reason == "length"


def test_what_both_models_read_alike_is_read_once(tools, serve):
    """Blocks before the first emphasised token are the plain model's; a second request finds those of both."""
    scheduler = serve()
    one = how(tools.request(IDS, [TokenSpan(40, 44, 5.0)], max_tokens=4), gate=Gate(0.3))
    first, again = tools.ask(scheduler, one), tools.ask(scheduler, one)
    assert (first.last().usage.cached_tokens, again.last().usage.cached_tokens) == (0, 32)
    assert first.ids == again.ids


def test_mass_is_that_of_the_level(tools, serve):
    """What is measured at the last prompt token is measured at the level at which its token was taken."""
    scheduler = serve()
    whole = tools.request(IDS, [SPAN], measure=True)
    masses = [tools.ask(scheduler, how(whole, phases=Phases(answer=level))).last().mass for level in (1.0, 0.5, 0.0)]
    if masses[0] is None:
        pytest.skip("no kernel measures here")
    assert masses[0].after > masses[1].after > masses[2].after
    assert masses[2].after == pytest.approx(masses[2].before, rel=1e-4)
