"""Kept prefixes: found as far as prompts begin alike, never further, and never more than may be kept."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from boldface.engine.batching.prefixes import BLOCK, Prefixes

PROMPTS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 5 * BLOCK)), max_size=12)


def prompt(first, second, length):
    """A prompt of one of few beginnings and one of few ends."""
    return (
        [first] * (2 * BLOCK) + [10 + second] * max(0, length - 2 * BLOCK) if length > 2 * BLOCK else [first] * length
    )


def cached(ids):
    """A cache whose keys say which tokens stand at and before every place; the second layer keeps nothing."""
    cache = DynamicCache()
    states = torch.tensor(ids, dtype=torch.float64).cumsum(0)[None, None, :, None]
    cache.update(states, -states, 0)
    cache.update(states, states * 2, 2)
    return cache


def common(one, other):
    """How many tokens two prompts begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@given(
    prompts=PROMPTS, asked=st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(1, 5 * BLOCK)), data=st.data()
)
def test_found_as_far_as_they_begin_alike(prompts, asked, data):
    """The longest common beginning in whole blocks, of the plain part; keys and values are those of the prompt."""
    prefixes, kept = Prefixes(2**30), []
    for one in prompts:
        ids = prompt(*one)
        plain = data.draw(st.integers(0, len(ids)))
        if ids:
            prefixes.keep(ids, plain, cached(ids))
            kept.append(ids[:plain])
    ids = prompt(*asked)
    limit = data.draw(st.integers(0, len(ids)))
    cache, found = prefixes.find(ids, limit)
    longest = max((common(ids[:limit], one[: len(one) // BLOCK * BLOCK]) for one in kept), default=0)
    assert found == longest // BLOCK * BLOCK
    assert prefixes.hits == bool(found)
    assert cache.get_seq_length() == found
    if found:
        whole = cached(ids)
        for layer in (0, 2):
            assert torch.equal(cache.layers[layer].keys, whole.layers[layer].keys[:, :, :found])
            assert torch.equal(cache.layers[layer].values, whole.layers[layer].values[:, :, :found])


@given(prompts=PROMPTS, blocks=st.integers(0, 6))
def test_never_more_than_may_be_kept(prompts, blocks):
    """What was used longest ago goes first, and no block outlives the one before it."""
    one_block = 4 * BLOCK * 8
    prefixes = Prefixes(blocks * one_block)
    for one in prompts:
        ids = prompt(*one)
        if ids:
            prefixes.keep(ids, len(ids), cached(ids))
        assert prefixes.size == len(prefixes) * one_block <= prefixes.most
        assert prefixes.find(ids, len(ids))[1] == min(len(ids) // BLOCK, blocks) * BLOCK


def test_a_found_prefix_is_the_callers_own():
    """Writing behind it changes nothing that is kept."""
    prefixes, ids = Prefixes(2**30), [1] * BLOCK
    prefixes.keep(ids, BLOCK, cached(ids))
    cache, _ = prefixes.find(ids, BLOCK)
    cache.layers[0].keys.zero_()
    again, _ = prefixes.find(ids, BLOCK)
    assert torch.equal(again.layers[0].keys, cached(ids).layers[0].keys)
