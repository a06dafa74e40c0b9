"""The tables: what they hold of a request, and that they stay where they are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.span import TokenSpan
from boldface.errors import StrengthError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering, build_plan
from boldface.vllm.gpu.rows import NEVER, PLAIN, Rows
from boldface.vllm.gpu.staging import ByName, ByState

HEADS = {0: 4, 2: 4, 3: 2}
GAINS = HeadGains({(0, 1): 0.5, (2, 3): -1.0, (3, 0): 2.0})
SIZES = (1.0, 0.25, 1e39, 1e300)
"""What gains are multiplied and strengths divided by."""
MARKED = Steering((TokenSpan(2, 4, 3.0), TokenSpan(6, 7, -1.0)), GAINS)


def tables(rank=0, ranks=1, slots=3):
    return Rows({layer: heads // ranks for layer, heads in HEADS.items()}, slots=slots, rows=4, positions=50, rank=rank)


def bias(rows, slot, layer, position, keys, window=None):
    """What the kernel adds for a query at ``position``: (heads, keys), from the tables alone."""
    of = rows.of(layer)
    prompt, start, last = of.facts[slot].tolist()
    gain = of.gains[slot] * (position >= start)
    key = torch.arange(keys)
    nats = torch.where(key < prompt, of.nats[slot, :keys], 0.0)
    sees = window is None or last > position - window
    return gain[:, None] * nats + gain.clamp(min=0)[:, None] * (of.lift[slot] * sees * (key >= prompt))


def lift(rows, slot):
    """What a head of gain 2, the largest of :data:`GAINS`, lifts generated tokens by, a unit of gain."""
    return float(rows.of(3).gains[slot, 0] * rows.lift[slot]) / 2


@st.composite
def steerings(draw):
    edges = sorted(draw(st.sets(st.integers(0, 12), min_size=2, max_size=6)))
    size = draw(st.sampled_from(SIZES))
    nats = st.floats(-5, 5, width=32).map(lambda number: number / size)
    spans = [TokenSpan(a, b, draw(nats)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    rule, scope = draw(st.sampled_from(["pasta", "flat"])), draw(st.sampled_from(["all", "answer"]))
    return Steering(tuple(spans), GAINS * draw(st.sampled_from([-1.0, 1.0, 0.3])) * size, scope, rule), size


@given(drawn=steerings(), position=st.integers(0, 30))
def test_rows_say_what_a_plan_says(drawn, position):
    """For every layer, query and key the tables give the bias of the plan, however gain and nats share a product."""
    rows, (steering, size) = tables(), drawn
    row = rows.lay_out(steering, 12)
    assert (row is None) == steering.is_null
    if row is None:
        return
    rows.write(2, row)
    spans = tuple(replace(span, strength=span.strength * size) for span in steering.spans)
    plan = build_plan([replace(steering, spans=spans, gains=steering.gains * (1 / size))], [12], HEADS)
    for layer in plan.gains:
        wanted = plan.row_bias(layer, 0, position + 1)[0, :, 0] * float(position >= int(plan.start[0]))
        torch.testing.assert_close(bias(rows, 2, layer, position, position + 1), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("gain", [1e300, 1e39, 1e-60, 5e-324])
@pytest.mark.parametrize("nats", [1e-300, 1e-39, 30.0, 5e-324])
def test_whatever_passes_the_cap_is_finite(gain, nats):
    """32 bits hold neither factor; nothing a request says makes an infinity, or a NaN of nothing times infinity."""
    try:
        steering = Steering((TokenSpan(0, 2, nats),), HeadGains({(0, 1): gain, (2, 2): -gain}))
    except StrengthError:
        return
    rows = tables()
    rows.write(1, rows.lay_out(steering, 12))
    assert bias(rows, 1, 0, 20, 21).isfinite().all()
    assert float(bias(rows, 1, 0, 20, 21)[1, 0]) == pytest.approx(gain * nats, abs=1e-6)


def test_slot_zero_is_plain_and_others_start_plain():
    """Whatever has not been written steers no query."""
    rows = tables()
    rows.write(1, rows.lay_out(MARKED, 12))
    for slot in (PLAIN, 2, 3):
        assert not bias(rows, slot, 0, 30, 31).any()
        assert rows.facts[slot, 1] == NEVER
    assert bias(rows, 1, 0, 30, 31).any()


def test_a_slot_holds_nothing_of_who_had_it_before():
    """A shorter prompt in the slot of a longer one: old strengths behind its end are never read."""
    rows = tables()
    rows.write(1, rows.lay_out(Steering((TokenSpan(30, 40, 5.0),), GAINS), 45))
    rows.write(1, rows.lay_out(MARKED, 12))
    fresh = tables()
    fresh.write(1, fresh.lay_out(MARKED, 12))
    for layer in HEADS:
        assert torch.equal(bias(rows, 1, layer, 45, 46), bias(fresh, 1, layer, 45, 46))


def test_addresses_stay():
    """Writing, showing and clearing never make a tensor: a captured graph reads what is current."""
    rows = tables()

    def addresses():
        return [tensor.data_ptr() for layer in HEADS for tensor in vars(rows.of(layer)).values()]

    before = addresses()
    by_name, by_state = ByName(rows, 3), ByState(rows, 3)
    by_name.step([("a", 12), ("b", 9)], {"a": MARKED, "b": None}.get)
    by_state.join(1, MARKED, 12)
    by_state.send()
    by_state.step(torch.tensor([1, 0]))
    assert addresses() == before
    assert rows.slot_of_row.tolist() == [2, 0, 0, 0]


@pytest.mark.parametrize("ranks", [1, 2])
def test_ranks_hold_their_own_heads(ranks):
    """The heads of all ranks put together are the heads of one, in order; what a key holds is the same on all."""
    whole = tables()
    whole.write(1, whole.lay_out(MARKED, 12))
    parts = [tables(rank, ranks) for rank in range(ranks)]
    for part in parts:
        part.write(1, part.lay_out(MARKED, 12))
    for layer in HEADS:
        together = torch.cat([bias(part, 1, layer, 20, 21) for part in parts])
        assert torch.equal(together, bias(whole, 1, layer, 20, 21))
        assert together.any()


def test_ranks_of_a_pipeline_hold_their_own_layers():
    """Gains of layers that stand on another rank are left to it."""
    whole, part = tables(), Rows({2: HEADS[2]}, slots=3, rows=4, positions=50)
    for rows in (whole, part):
        rows.write(1, rows.lay_out(MARKED, 12))
    assert torch.equal(bias(part, 1, 2, 20, 21), bias(whole, 1, 2, 20, 21))
    assert bias(part, 1, 2, 20, 21).any()


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4, unique=True), min_size=1, max_size=12),
    st.integers(0, 255),
)
def test_requests_come_and_go(steps, steered):
    """In every step every steered request has a slot of its own with its own strength, and plain ones have none."""
    rows = tables(slots=4)
    by_name = ByName(rows, 4)

    def steering_of(name):
        number = ord(name) - ord("a")
        return Steering((TokenSpan(0, 2, number + 1.0),), GAINS) if steered >> number & 1 else None

    for names in steps:
        by_name.step([(name, 12) for name in names], steering_of)
        slots = rows.slot_of_row.tolist()
        assert slots[len(names) :] == [PLAIN] * (4 - len(names))
        for name, slot in zip(names, slots, strict=False):
            steering = steering_of(name)
            assert (slot == PLAIN) == (steering is None)
            if steering is not None:
                assert lift(rows, slot) == pytest.approx(steering.spans[0].strength)
        taken = [slot for slot in slots if slot != PLAIN]
        assert len(set(taken)) == len(taken)


def test_a_session_that_goes_on_is_laid_out_anew():
    """The same name with a longer prompt is another request."""
    rows = tables()
    by_name = ByName(rows, 3)
    by_name.step([("a", 12)], lambda name: MARKED)
    by_name.step([("a", 20)], lambda name: MARKED)
    assert rows.facts[rows.slot_of_row[0], 0] == 20


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), min_size=1, max_size=8), st.permutations([0, 1, 2]))
def test_states_have_slots_of_their_own(joined, order):
    """Rows of runner V2 find the slot of their state, by whoever joined last."""
    rows = tables(slots=3)
    by_state = ByState(rows, 3)
    latest = {}
    for index, (state, is_steered) in enumerate(joined):
        steering = Steering((TokenSpan(0, 2, index + 1.0),), GAINS) if is_steered else None
        by_state.join(state, steering, 12)
        by_state.send()
        latest[state] = None if steering is None else index + 1.0
    by_state.step(torch.tensor(order))
    for row, state in enumerate(order):
        slot = int(rows.slot_of_row[row])
        wanted = latest.get(state)
        assert (slot == PLAIN) == (wanted is None)
        if wanted is not None:
            assert lift(rows, slot) == pytest.approx(wanted)
