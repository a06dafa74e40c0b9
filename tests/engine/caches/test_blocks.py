"""Kept prefixes: found as far as prompts begin alike under one emphasis, never further, never more than may be kept."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from boldface.emphasis.span import TokenSpan
from boldface.engine.caches.blocks import BLOCK, Prefixes, cut
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering
from boldface.steering.prefix_law import trace

PLACES = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 5 * BLOCK))
SPANS = st.sampled_from([None, 0, 5, 2 * BLOCK + 3])
GAINS = (HeadGains([(0, 1)]), HeadGains([(0, 1), (1, 0)]))
PROMPTS = st.lists(st.tuples(PLACES, SPANS, st.sampled_from(GAINS)), max_size=12)


def prompt(first, second, length):
    """A prompt of one of few beginnings and one of few ends."""
    return [first] * min(length, 2 * BLOCK) + [10 + second] * max(0, length - 2 * BLOCK)


def traced(place, start, gains):
    """What the keys and values of a prompt depend on that is emphasised in one place, or nowhere."""
    ids = prompt(*place)
    spans = () if start is None or start >= len(ids) else (TokenSpan(start, start + 1, 2.0),)
    return trace(ids, Steering(spans, gains))


def cached(known):
    """A cache whose keys say what stands at and before every place; the second layer keeps nothing."""
    cache = DynamicCache()
    numbers = torch.tensor(known.ids, dtype=torch.float64) + 100 * torch.tensor(known.nats) * len(known.how)
    states = numbers.cumsum(0)[None, None, :, None]
    cache.update(states, -states, 0)
    cache.update(states, states * 2, 2)
    return cache


def block(number, ids):
    """The block of some tokens, without steering."""
    return cut(cached(trace(ids, Steering())), number * BLOCK, (number + 1) * BLOCK)


@given(prompts=PROMPTS, asked=st.tuples(PLACES, SPANS, st.sampled_from(GAINS)), data=st.data())
def test_found_as_far_as_they_are_alike(prompts, asked, data):
    """The longest common beginning in whole blocks; keys and values are those of the prompt."""
    prefixes, kept = Prefixes(2**30), []
    for one in prompts:
        known = traced(*one)
        known = known.first(data.draw(st.integers(0, len(known))))
        if known.ids:
            prefixes.keep(known, cached(known))
            kept.append(known)
    wanted = traced(*asked)
    most = data.draw(st.integers(0, len(wanted)))
    longest = max((wanted.first(most).common(one.first(len(one) // BLOCK * BLOCK)) for one in kept), default=0)
    assert prefixes.count(wanted, most) == longest // BLOCK * BLOCK
    cache, found = prefixes.recall(wanted, most)
    assert found == longest // BLOCK * BLOCK
    assert prefixes.hits == bool(found)
    assert cache.get_seq_length() == found
    if found:
        whole = cached(wanted)
        for layer in (0, 2):
            assert torch.equal(cache.layers[layer].keys, whole.layers[layer].keys[:, :, :found])
            assert torch.equal(cache.layers[layer].values, whole.layers[layer].values[:, :, :found])


@given(prompts=PROMPTS, blocks=st.integers(0, 6))
def test_never_more_than_may_be_kept(prompts, blocks):
    """What was used longest ago goes first, and no block outlives the one before it."""
    one_block = 4 * BLOCK * 8
    prefixes = Prefixes(blocks * one_block)
    for one in prompts:
        known = traced(*one)
        if known.ids:
            prefixes.keep(known, cached(known))
        assert prefixes.size == len(prefixes) * one_block <= prefixes.most
        assert prefixes.recall(known, len(known))[1] == min(len(known) // BLOCK, blocks) * BLOCK


def test_a_found_prefix_is_the_callers_own():
    """Writing behind it changes nothing that is kept."""
    prefixes, known = Prefixes(2**30), trace([1] * BLOCK, Steering())
    prefixes.keep(known, cached(known))
    cache, _ = prefixes.recall(known, BLOCK)
    cache.layers[0].keys.zero_()
    again, _ = prefixes.recall(known, BLOCK)
    assert torch.equal(again.layers[0].keys, cached(known).layers[0].keys)


def test_owners_share_nothing():
    """The blocks of one model are none of another's."""
    prefixes, known = Prefixes(2**30), trace([1] * BLOCK, Steering())
    prefixes.keep(known, cached(known), b"one")
    assert prefixes.count(known, BLOCK, b"other") == prefixes.recall(known, BLOCK, b"other")[1] == 0
    assert prefixes.recall(known, BLOCK, b"one")[1] == BLOCK


@pytest.mark.parametrize("room", [0, 1, 3])
def test_blocks_from_elsewhere_are_taken_in(room):
    """They are found behind those that are here, count as they do, and stay within the bound."""
    ids = prompt(1, 2, 4 * BLOCK)
    known = trace(ids, Steering())
    elsewhere = {key: block(number, ids) for number, key in enumerate(known.blocks(BLOCK))}
    one_block = elsewhere[next(iter(elsewhere))].size
    prefixes = Prefixes(room * one_block, elsewhere)
    prefixes.keep(known.first(BLOCK), cached(known))
    cache, found = prefixes.recall(known, len(ids))
    assert found == len(ids)
    assert torch.equal(cache.layers[2].values, cached(known).layers[2].values)
    assert len(prefixes) == min(room, 4)
