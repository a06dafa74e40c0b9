"""Levels of queries, the phases that they follow and the gate that lowers them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.span import TokenSpan
from boldface.errors import StrengthError
from boldface.profiles.heads import HeadGains
from boldface.steering.levels import Levels
from boldface.steering.phases import Gate, Phases, as_gate, as_phases
from boldface.steering.plan import Steering
from boldface.steering.prefix_law import outlives, trace

HEAD = HeadGains([(0, 1)])
SPAN = (TokenSpan(1, 3, 2.0),)
shares = st.floats(0, 1)


def lay_out(levels, start, queries, width, rows=2):
    """The levels of a forward as lists, all 1 written out."""
    levels.enter(torch.zeros(rows, queries, dtype=torch.long), start, width)
    return [[1.0]] * rows if levels.current is None else levels.current.tolist()


def test_the_last_prompt_token_is_no_reading():
    """Reading ends before the last prompt token, as under scope "answer"; a forward of one kind has one level a row."""
    levels = Levels([0.5, 1.0])
    levels.rows[0].phase, levels.rows[1].gate = 0.25, 0.0
    assert lay_out(levels, 0, 3, 3) == [[0.5, 0.5, 0.25], [1.0, 1.0, 0.0]]
    assert lay_out(levels, 0, 2, 3) == [[0.5], [1.0]]
    assert lay_out(levels, 2, 1, 3) == [[0.25], [0.0]]
    assert lay_out(levels, 7, 1, 3) == [[0.25], [0.0]]


def test_whole_levels_are_no_levels():
    """Where every level is 1 nothing is laid out, so that open loop runs as without levels."""
    levels = Levels([1.0, 1.0])
    for place in ((0, 4), (3, 1), (9, 1)):
        levels.enter(torch.zeros(2, place[1], dtype=torch.long), place[0], 4)
        assert levels.current is None


def test_a_level_is_the_product_of_its_parts():
    """Phase, release and gate each take away from the whole."""
    level = Levels([1.0]).rows[0]
    level.phase, level.release, level.gate = 0.5, 0.5, 0.25
    assert level.now == 0.0625


def test_tokens_are_followed_once_and_in_order():
    """Several tokens in one forward have the levels of their phases; one that is read again is not followed."""
    heard = []

    def follow(token):
        heard.append(token)
        return token / 10

    levels = Levels([1.0], [follow])
    levels.rows[0].phase = 0.5
    levels.enter(torch.tensor([[9, 9, 9, 1, 2]]), 0, 3)
    assert levels.current.tolist() == [pytest.approx([1.0, 1.0, 0.5, 0.1, 0.2])]
    for _ in range(2):
        levels.enter(torch.tensor([[4]]), 5, 3)
        assert levels.current.tolist() == [pytest.approx([0.4])]
    assert heard == [1, 2, 4]


@given(shares, st.integers(0, 8))
def test_tries_of_a_gate(beta, halvings):
    """Levels halve from 1 and end at 0; the likeliest token of the plain model is always let pass."""
    gate = Gate(beta, halvings)
    assert gate.levels == (*(2.0**-n for n in range(halvings + 1)), 0.0)
    logits = torch.randn(3, 11)
    assert gate.admits(logits, logits.argmax(dim=-1)).all()


@given(shares, st.lists(st.floats(-20, 20), min_size=2, max_size=9), st.data())
def test_a_gate_compares_probabilities(beta, logits, data):
    """A token is let pass exactly when the plain model finds it beta times as likely as the likeliest."""
    token, rows = data.draw(st.integers(0, len(logits) - 1)), torch.tensor([logits], dtype=torch.float64)
    ratio = float((rows[0, token] - rows[0].max()).exp())
    if abs(ratio - beta) > 1e-9:
        assert bool(Gate(beta).admits(rows, torch.tensor([token]))) == (ratio >= beta)


def test_hidden_tokens_pass_only_an_open_gate():
    """What the plain model may not say at all, because an answer may not end yet, passes gate 0 alone."""
    logits, token = torch.tensor([[0.0, -torch.inf]]), torch.tensor([1])
    assert bool(Gate(0.0).admits(logits, token))
    assert not bool(Gate(1e-300).admits(logits, token))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Phases(thinking=1.5),
        lambda: Phases(reading=-0.1),
        lambda: Phases(answer="half"),
        lambda: Phases(reading=True),
        lambda: Phases(begin=" "),
        lambda: Phases(begin="</think>"),
        lambda: Gate(1.1),
        lambda: Gate(float("nan")),
        lambda: Gate(0.5, 9),
        lambda: Gate(0.5, 1.0),
        lambda: as_phases({"thought": 0.5}),
    ],
)
def test_what_makes_no_sense_is_refused(make):
    """Levels go from 0 to 1, marks tell thinking from answer, and there are three phases."""
    with pytest.raises(StrengthError) as error:
        make()
    assert error.value.hint


def test_as_people_write_them():
    """A dictionary names what is not wholly steered, and a number is a gate."""
    assert as_phases({"thinking": 0.0, "begin": "<a>", "end": "</a>"}) == Phases(thinking=0.0, begin="<a>", end="</a>")
    assert as_phases(Phases(answer=0.5)) == Phases(answer=0.5)
    assert (as_gate(0.1), as_gate(Gate(0.2, 3)), as_gate(None), as_phases(None)) == (
        Gate(0.1),
        Gate(0.2, 3),
        None,
        None,
    )


@pytest.mark.parametrize(
    ("prompt", "opened", "thinks"),
    [
        ("Go on.<think>\n", None, True),
        ("Go on.<think> I", None, False),
        ("Say <think> once.", None, False),
        ("Go on.", True, True),
        ("Go on.<think>", False, False),
    ],
)
def test_a_prompt_may_open_the_thinking(prompt, opened, thinks):
    """As the chat templates of reasoning models do, at its very end; or the caller says so."""
    assert Phases(opened=opened).opens(prompt) is thinks


def test_no_phase_is_null():
    """A steering that is at 0 in every phase changes nothing; one that is not does."""
    nothing = Phases(0.0, 0.0, 0.0)
    assert Steering(SPAN, HEAD, phases=nothing).is_null
    assert not Steering(SPAN, HEAD, phases=Phases(0.0, 0.0, 0.1)).is_null
    assert not Steering(SPAN, HEAD, gate=Gate(1.0)).is_null


def test_keys_depend_on_the_level_of_reading():
    """A prompt read at another level differs from its first emphasised token on; read at 0 it is the plain one."""
    ids = [3, 4, 5, 6]
    whole, half = (Steering(SPAN, HEAD, phases=Phases(reading=level)) for level in (1.0, 0.5))
    none = Steering(SPAN, HEAD, phases=Phases(reading=0.0))
    assert trace(ids, whole).common(trace(ids, Steering(SPAN, HEAD))) == 3
    assert trace(ids, whole).common(trace(ids, half)) == 1
    assert trace(ids, half).common(trace(ids, half)) == 3
    assert trace(ids, none).common(trace(ids, Steering())) == 3
    assert list(trace(ids, whole).blocks(3)) != list(trace(ids, half).blocks(3))
    assert list(trace(ids, none).blocks(3)) == list(trace(ids, Steering()).blocks(3))


def test_the_last_token_of_a_gated_prompt_is_not_reused():
    """Nobody knows at which level it was read; and nothing that was written outlives the answer."""
    ids = [3, 4, 5, 6]
    assert len(trace(ids, Steering(SPAN, HEAD, gate=Gate(0.5)))) == 3
    flat = Steering(SPAN, HEAD, rule="flat")
    assert outlives(flat)
    assert not outlives(Steering(SPAN, HEAD, rule="flat", gate=Gate(0.5)))
    assert not outlives(Steering(SPAN, HEAD, rule="flat", phases=Phases(answer=0.5)))
