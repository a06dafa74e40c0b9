"""Models that cannot be batched exactly are refused by name, before any request."""

from __future__ import annotations

import pytest

from boldface.engine.batching import Scheduler
from boldface.engine.batching.bias import Biases
from boldface.engine.batching.examination import examine
from boldface.engine.model import Model
from boldface.errors import UnsupportedModelError
from boldface.testing.models import tiny


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [("qwen3_next", "linear_attention"), ("llama4", "how long the whole batch is")],
)
def test_refused_by_name(byte_llama, architecture, reason):
    """A state that is no keys and values, and positions that are one for the whole batch."""
    with pytest.raises(UnsupportedModelError, match=reason):
        Scheduler(Model(tiny(architecture), byte_llama[1])).start()


@pytest.mark.parametrize("implementation", ["flex_attention", "flash_attention_2"])
def test_masks_of_other_kinds_are_refused(byte_llama, implementation, monkeypatch):
    """The batch needs a mask of its own for every row."""
    model = Model(tiny("olmo2"), byte_llama[1])
    monkeypatch.setattr(model.model.config, "_attn_implementation_internal", implementation)
    with pytest.raises(UnsupportedModelError, match=implementation):
        examine(model)


@pytest.mark.parametrize("kind", ["dynamic", "longrope"])
def test_positions_that_depend_on_others_are_refused(byte_llama, kind, monkeypatch):
    """Frequencies that change with the longest row would let one request change another."""
    model = tiny("qwen3")
    monkeypatch.setitem(model.config.rope_parameters, "rope_type", kind)
    with pytest.raises(UnsupportedModelError, match=kind):
        examine(Model(model, byte_llama[1]))


def test_the_trial_sees_a_wrong_batch(byte_llama, monkeypatch):
    """Were the bias of the batch another than that of the request, the model would not be taken."""
    step = Biases.step

    def wrong(self, *args):
        return {layer: bias * 2 for layer, bias in step(self, *args).items()}

    monkeypatch.setattr(Biases, "step", wrong)
    with pytest.raises(UnsupportedModelError, match="other logits"):
        examine(Model(tiny("llama"), byte_llama[1]))
