"""What goes ahead is kept as long as there is room, and what is handed out is the caller's own."""

from __future__ import annotations

import pytest
import torch

from boldface.engine.prompts import pad
from boldface.profiling.prefixes import Prefixes


@pytest.fixture
def calls(tiny):
    """How often the model runs."""
    found = []
    hook = tiny.model.register_forward_pre_hook(lambda *_: found.append(None))
    yield found
    hook.remove()


def rows(teach, *words):
    """Prompts of so many words."""
    return pad([teach(count, lead=10).prompt for count in words], pad_id=0)


def states(cache):
    """All keys and values."""
    return [tensor.clone() for layer in cache.layers for tensor in (layer.keys, layer.values)]


def test_a_prefix_is_computed_once(tiny, teach, calls):
    """For the same prompts and columns; others are others."""
    prefixes = Prefixes(tiny.model)
    for _ in range(3):
        prefixes.of(rows(teach, 1, 2), 20)
    assert len(calls) == 1
    prefixes.of(rows(teach, 1, 2), 19)
    prefixes.of(rows(teach, 2, 1), 20)
    prefixes.of(rows(teach, 1), 20)
    assert len(calls) == 4


def test_what_is_handed_out_may_grow(tiny, teach):
    """The next one gets what the first one got."""
    prefixes = Prefixes(tiny.model)
    first = prefixes.of(rows(teach, 1), 20)
    before = states(first)
    with torch.no_grad():
        tiny.model(torch.tensor([[5, 6]]), past_key_values=first)
    assert first.get_seq_length() == 22
    again = prefixes.of(rows(teach, 1), 20)
    assert again.get_seq_length() == 20
    assert all(torch.equal(one, two) for one, two in zip(states(again), before, strict=True))


def test_what_was_asked_for_longest_ago_is_dropped(tiny, teach, calls):
    """Where there is room for two, a third drops the one that was used least lately."""
    one = sum(state.nbytes for state in states(Prefixes(tiny.model).of(rows(teach, 1), 20)))
    prefixes = Prefixes(tiny.model, most=2 * one)
    prefixes.of(rows(teach, 1), 20)
    prefixes.of(rows(teach, 2), 20)
    prefixes.of(rows(teach, 1), 20)
    prefixes.of(rows(teach, 3), 20)
    calls.clear()
    prefixes.of(rows(teach, 1), 20)
    prefixes.of(rows(teach, 3), 20)
    assert calls == []
    prefixes.of(rows(teach, 2), 20)
    assert len(calls) == 1
