"""Layers below the first steered one are run once a batch, and nobody can tell from what comes out."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
import torch

from boldface.profiles.heads import HeadGains
from boldface.profiling.measure import Plain, measure
from boldface.profiling.trial import Trial
from boldface.profiling.trunks import Trunks
from boldface.testing import models

HEADS = [HeadGains(), *(HeadGains({(layer, 1): 1.0}) for layer in (0, 1))]


@pytest.fixture
def runs(tiny):
    """How often every layer computes."""
    counts = [0, 0]
    with ExitStack() as stack:
        for index, layer in enumerate(tiny.model.model.layers):

            def counted(*args, index=index, **kwargs):
                counts[index] += 1

            stack.callback(layer.mlp.register_forward_pre_hook(counted).remove)
        yield counts


@pytest.mark.parametrize("lead", [0, 12])
@pytest.mark.parametrize("role", ["asked", "other"])
def test_readings_are_the_same_bit_by_bit(tiny, teach, runs, lead, role):
    """Heads one at a time, in any order and twice; and the gains do something."""
    few = (teach(2, lead=lead, role=role), teach(5, lead=lead, role=role))
    trials = [Trial(few, gains, 2.5) for gains in (*HEADS, *reversed(HEADS))]
    alone = [replace(measure(tiny, trial), seconds=0.0) for trial in trials]
    assert len({reading.likelihood for reading in alone}) == len(HEADS)
    runs[:] = 0, 0
    plain = Plain(tiny.model)
    assert [replace(measure(tiny, trial, plain), seconds=0.0) for trial in trials] == alone
    assert runs[0] < runs[1]


def test_a_layer_runs_once_for_all_heads_above_it(tiny, teach, runs):
    """The plain model is read once; steering the top layer leaves the bottom one alone, the other way round not."""
    plain, few = Plain(tiny.model), (teach(3),)
    for gains in HEADS[0], HEADS[2], HEADS[2]:
        measure(tiny, Trial(few, gains, 2.5), plain)
    assert runs == [1, 3]
    measure(tiny, Trial(few, HEADS[1], 2.5), plain)
    assert runs == [2, 4]
    measure(tiny, Trial((teach(4),), HEADS[2], 2.5), plain)
    assert runs == [3, 5]


def test_the_model_is_left_as_it_was(tiny, teach):
    """Also after an error."""
    trunks, few = Trunks(tiny.model), (teach(1),)
    ids = torch.tensor([[4, 5, 6]])
    before = [dict(vars(block)) for block in trunks.blocks]
    with trunks.below(few, 0, None), torch.no_grad():
        first = tiny.model(ids).logits
    with pytest.raises(ZeroDivisionError), trunks.below(few, 0, 2):
        raise ZeroDivisionError
    assert [dict(vars(block)) for block in trunks.blocks] == before
    with torch.no_grad():
        assert torch.equal(tiny.model(ids).logits, first)


def test_what_was_read_longest_ago_is_dropped(tiny, teach, runs):
    """Where there is room for one batch, a second drops it; the last one is always kept."""
    plain = Plain(tiny.model)
    plain.trunks = Trunks(tiny.model, most=1)
    for words in (3, 4, 3):
        measure(tiny, Trial((teach(words),), HEADS[0], 2.5), plain)
    assert runs == [3, 3]
    measure(tiny, Trial((teach(3),), HEADS[2], 2.5), plain)
    assert runs == [3, 4]


def test_layers_that_share_keys_are_run(monkeypatch):
    """A layer that reads the keys of another needs that one to run."""
    model = models.tiny("gemma3")
    assert len(Trunks(model).blocks) == model.config.num_hidden_layers
    monkeypatch.setattr(model.config, "num_kv_shared_layers", 1, raising=False)
    assert Trunks(model).blocks == []
