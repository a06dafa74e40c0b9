"""The text that carries a steering: what is written is read back, and nothing else is."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.span import TokenSpan
from boldface.errors import BoldfaceError, HeadError, RequestError, RouteError
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.steering.phases import Gate, Phases
from boldface.steering.plan import Steering
from boldface.steering.release import Release
from boldface.vllm import wire

NATS = st.floats(-5, 5, allow_nan=False)
GAINS = st.dictionaries(st.tuples(st.integers(0, 40), st.integers(0, 40)), st.floats(-6, 6), max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def steerings(draw):
    """Any steering that vLLM can carry out."""
    edges = sorted(draw(st.sets(st.integers(0, 60), max_size=8)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return Steering(
        tuple(TokenSpan(start, end, draw(NATS)) for start, end in pairs),
        HeadGains(draw(GAINS)),
        draw(st.sampled_from(("all", "answer"))),
        draw(st.sampled_from(("pasta", "flat"))),
    )


@given(steerings())
def test_what_is_written_is_read_back(steering):
    """To the last bit."""
    assert wire.steering(wire.write(steering)) == steering
    assert wire.read(wire.write(steering, "00ff")).prompt == "00ff"


@pytest.mark.parametrize("how", [{"gate": Gate(0.5)}, {"phases": Phases(thinking=0.5)}])
def test_what_changes_from_token_to_token_is_refused(how):
    """Workers lay a steering out once: they carry neither phases nor a gate."""
    with pytest.raises(RouteError, match="neither phases nor a gate"):
        wire.write(Steering((TokenSpan(0, 1, 1.0),), HeadGains([(0, 1)]), **how))


@pytest.mark.parametrize("how", [{"target": 0.5}, {"release": Release(0.2, 0.1)}])
def test_what_needs_the_masses_is_refused(how):
    """Their kernels do not tell them."""
    with pytest.raises(RouteError, match="which target shares and releases need"):
        wire.write(Steering((TokenSpan(0, 1, 1.0),), HeadGains([(0, 1)]), **how))


@given(st.text() | JSON | JSON.map(json.dumps))
def test_anything_else_is_refused_by_name(text):
    """Whatever a client sends, it is a steering or a BoldfaceError."""
    try:
        wire.read(text)
    except BoldfaceError:
        return
    assert isinstance(json.loads(text), dict)


@given(st.sampled_from(wire._FIELDS), JSON)
def test_whatever_a_field_holds(name, value):
    """A field that holds nonsense is refused, and says so."""
    try:
        wire.read(json.dumps({name: value})).resolve()
    except BoldfaceError as error:
        assert len(str(error)) < 1000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"spans":[[1,2]],"spans":[]}', "twice"),
        ('{"spans":[[1,2,NaN]]}', "NaN"),
        ('{"spans":[[1,2,1e999]]}', "not finite"),
        ('{"spans":[[2,1]]}', "empty"),
        ('{"spans":[[-1,1]]}', "before 0"),
        ('{"spans":[[true,2]]}', "whole numbers"),
        ('{"spans":[[1.0,2]]}', "whole numbers"),
        ('{"spans":[[1,2,99]]}', "cap"),
        ('{"spans":[[1,2,"x"]]}', "not a number"),
        ('{"heads":{"1":[2]},"profile":"a"}', "heads and a profile"),
        ('{"heads":{"' + "9" * 5000 + '":[1]}}', "heads"),
        ('{"heads":"L1"}', "not a head"),
        ('{"profile":"' + "a" * 300 + '"}', "not a name"),
        ('{"highlight":["x"]}', "highlight"),
        ('{"version":2}', "version"),
        ('{"version":true}', "version"),
        ('{"rule":"boost"}', "no rule"),
        ('{"scope":7}', "scope"),
        ('{"alpha":0.01,"factor":3}', "twice"),
        (" " * (wire.LONGEST + 1), "characters"),
        (b"{}", "bytes"),
        (None, "NoneType"),
    ],
)
def test_says_what_is_wrong(text, says):
    """Every refusal names its reason."""
    with pytest.raises(BoldfaceError, match=says):
        wire.read(text)


def test_what_is_left_open_is_the_profiles():
    """Heads, strength, scope and rule of a request go before those of the profile."""
    profile = Profile("p", "m", HeadGains({(1, 2): 0.5}), strength=2.0, scope="answer", rule="flat")
    spans = (TokenSpan(0, 1, 2.0), TokenSpan(3, 4, -1.0))
    open_ = wire.read('{"spans":[[0,1],[3,4,-1]],"profile":"p"}')
    assert open_.resolve(profile) == Steering(spans, profile.gains, "answer", "flat")
    said = wire.read('{"spans":[[0,1]],"heads":"L0H0","factor":3,"scope":"all","rule":"pasta"}')
    assert said.resolve(profile) == Steering((TokenSpan(0, 1, math.log(3)),), HeadGains([(0, 0)]))
    with pytest.raises(HeadError, match="no head is named"):
        wire.read('{"spans":[[0,1]]}').resolve()
    assert wire.read("{}").resolve().is_null


def test_a_name_never_reaches_the_engine():
    """What the engine reads has its profile looked up."""
    with pytest.raises(RequestError, match="profile"):
        wire.steering('{"profile":"smollm2"}')


def test_a_digest_tells_prompts_apart():
    """By their tokens, and not by how their digits stand beside each other."""
    assert wire.digest([1, 23]) == wire.digest([1, 23]) != wire.digest([12, 3])
    assert len(wire.digest([])) == 16
