"""The prefix law as data: traces are alike exactly as far as the keys and values of a steered model are."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering, build_plan
from boldface.steering.prefix_law import Trace, outlives, trace

LENGTH = 12
GAINS = (HeadGains([(0, 1), (1, 2)]), HeadGains({(0, 1): 0.5, (1, 3): -1.0}))
IDS = st.lists(st.integers(3, 5), min_size=LENGTH, max_size=LENGTH)


@st.composite
def steerings(draw):
    """A steering of a prompt of LENGTH tokens: any rule and scope, no span or a few."""
    rule = draw(st.sampled_from(["pasta", "flat", "share"]))
    starts = draw(st.lists(st.integers(0, LENGTH - 1), unique=True, max_size=2))
    strengths = st.sampled_from([0.0, 2.0] if rule == "share" else [0.0, 2.0, 3.0, -1.0])
    spans = tuple(TokenSpan(start, start + 1, draw(strengths)) for start in starts)
    gains = GAINS[0] if rule == "share" else draw(st.sampled_from(GAINS))
    share = draw(st.sampled_from([0.2, 0.6])) if rule == "share" else None
    return Steering(spans, gains, draw(st.sampled_from(["all", "answer"])), rule, share)


def read(model, ids, steering, prompt=None):
    """Keys of the last layer, token by token, of a prompt (or of its first tokens, the rest being generated)."""
    prompt = len(ids) if prompt is None else prompt
    rows = torch.tensor([ids])
    with torch.no_grad():
        if steering.is_null:
            output = model(rows, use_cache=True)
        else:
            plan = build_plan([steering], [prompt], geometry(model).heads)
            with Attachment(model, plan):
                output = model(rows, use_cache=True)
    return output.past_key_values.layers[-1].keys[0].transpose(0, 1)


def alike(one, other):
    """How many of the first tokens have the same keys, to rounding."""
    close = (one - other).abs().amax(dim=(1, 2)) < 1e-4
    return next((index for index, same in enumerate(close.tolist()) if not same), len(close))


@settings(max_examples=60)
@given(ids=IDS, other=IDS, one=steerings(), two=steerings(), same=st.booleans())
def test_traces_are_alike_as_far_as_keys_and_values(byte_llama, ids, other, one, two, same):
    """No trace promises keys that differ, and what it does not promise differs unless by chance."""
    model, other = byte_llama[0], ids if same else other
    promised = trace(ids, one).common(trace(other, two))
    assert promised == trace(other, two).common(trace(ids, one))
    assert alike(read(model, ids, one), read(model, other, two)) >= promised


@settings(max_examples=40)
@given(ids=st.permutations(range(3, 3 + LENGTH)), start=st.integers(0, LENGTH - 2), nats=st.sampled_from([5.0, 9.0]))
def test_nothing_is_read_in_vain(byte_llama, ids, start, nats):
    """Where traces part, the keys do too: at the emphasised token, or behind it where it sees nothing but itself."""
    steering = Steering((TokenSpan(start, start + 1, nats),), HeadGains((0, head) for head in range(4)))
    assert trace(ids, steering).common(trace(ids, Steering())) == start
    assert alike(read(byte_llama[0], ids, steering), read(byte_llama[0], ids, Steering())) == max(1, start)


@settings(max_examples=40)
@given(ids=IDS, steering=steerings(), prompt=st.integers(2, LENGTH - 1))
def test_generated_tokens_outlive_their_turn_where_nothing_lifted_them(byte_llama, ids, steering, prompt):
    """What was generated has as prompt the keys that it had, where that is promised."""
    spans = tuple(span for span in steering.spans if span.end <= prompt)
    steering = replace(steering, spans=spans)
    whole, written = read(byte_llama[0], ids, steering), read(byte_llama[0], ids, steering, prompt)
    known = trace(ids[:prompt], steering)
    promised = len(known)
    if outlives(steering):
        promised = len(known.followed_by(ids[prompt:]))
        assert known.followed_by(ids[prompt:]) == trace(ids, steering) or steering.scope == "answer"
    assert alike(written, whole) >= promised


@pytest.mark.parametrize(
    ("steering", "lasts"),
    [
        (Steering(), True),
        (Steering((TokenSpan(0, 1, 2.0),), GAINS[0]), False),
        (Steering((TokenSpan(0, 1, -2.0),), GAINS[0]), True),
        (Steering((TokenSpan(0, 1, 2.0),), -GAINS[0]), True),
        (Steering((TokenSpan(0, 1, 2.0),), GAINS[0], rule="flat"), True),
        (Steering((TokenSpan(0, 1, 2.0),), GAINS[0], rule="share", share=0.3), True),
        (Steering((TokenSpan(0, 1, 2.0),), GAINS[0], "answer", "flat"), False),
    ],
)
def test_what_outlives(byte_llama, steering, lasts):
    """Generated tokens are stale where they were lifted, and where their queries alone were steered; both show."""
    assert outlives(steering) == lasts
    ids = [3, 4, 5, 3, 5, 5, 4, 3]
    found = alike(read(byte_llama[0], ids, steering, 4), read(byte_llama[0], ids, steering))
    assert (found == len(ids)) == lasts


def test_rules_differ_on_generated_tokens_alone():
    """A prompt under flat is the prompt under pasta; under share it is another one."""
    spans = (TokenSpan(1, 2, 2.0),)
    pasta, flat = (trace([1, 2, 3], Steering(spans, GAINS[0], rule=rule)) for rule in ("pasta", "flat"))
    assert pasta == flat
    assert trace([1, 2, 3], Steering(spans, GAINS[0], rule="share", share=0.2)).common(flat) == 1


TRACES = st.builds(
    lambda ids, start, nats, how: Trace(
        tuple(ids), tuple(nats * (index == start) for index in range(len(ids))), how if start < len(ids) else ""
    ),
    st.lists(st.integers(0, 1), min_size=9, max_size=9),
    st.integers(0, 20),
    st.sampled_from([1.0, 2.0]),
    st.sampled_from(["a", "b"]),
)


@given(one=TRACES, two=TRACES, size=st.integers(1, 4))
def test_blocks_are_alike_exactly_where_traces_are(one, two, size):
    """Keys of blocks agree as far as the common tokens fill blocks, and nowhere behind."""
    keys = [*zip(one.blocks(size), two.blocks(size), strict=True)]
    common = one.common(two) // size
    assert [a == b for a, b in keys] == [number < common for number in range(len(keys))]
    assert not set(one.blocks(size)) & set(one.blocks(size, b"another model"))


@given(one=TRACES, tokens=st.integers(0, 9))
def test_the_first_tokens_alone(one, tokens):
    """A trace and its beginning are alike for the whole of the beginning."""
    assert one.common(one.first(tokens)) == tokens
    assert one.first(tokens).plain == min(tokens, one.plain)
