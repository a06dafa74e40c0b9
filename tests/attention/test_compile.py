"""Steering under torch.compile."""

import copy

import pytest
import torch
from transformers import CompileConfig

from boldface.attention.attach import Attachment
from boldface.testing import check_generate, sample, tiny
from boldface.testing.laws import TOLERANCE, distance, forward

pytestmark = [pytest.mark.compile, pytest.mark.slow]


@pytest.fixture(autouse=True)
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_compiled_static_decoding_is_steered(architecture):
    """What `generate` compiles for a static cache gives the oracle's answers, and plain ones after detaching."""
    model = copy.deepcopy(tiny(architecture))
    config = CompileConfig(backend="eager", fullgraph=True)
    config._compile_all_devices = True
    check_generate(model, "auto", do_sample=False, cache_implementation="static", compile_config=config)
    plain = model.generate(sample(model).prompt, do_sample=False, max_new_tokens=8, pad_token_id=0)
    fresh = tiny(architecture).generate(sample(model).prompt, do_sample=False, max_new_tokens=8, pad_token_id=0)
    assert torch.equal(plain, fresh)


@pytest.mark.parametrize("route", ["sdpa", "folded", "split", "auto"])
def test_compiled_forward_equals_the_oracle(route):
    """A model compiled by its owner equals the oracle while attached, and is plain afterwards."""
    model = copy.deepcopy(tiny("llama"))
    batch = sample(model)
    expected, plain = forward(model, batch, "reference"), forward(model, batch, None)
    compiled = torch.compile(model, backend="aot_eager")
    with torch.no_grad():
        with Attachment(model, batch.plan, prompt=batch.prompt, route=route):
            steered = compiled(batch.ids, use_cache=False).logits
        after = compiled(batch.ids, use_cache=False).logits
    assert distance(steered[batch.real], expected) <= TOLERANCE
    assert distance(after[batch.real], plain) <= TOLERANCE
    assert distance(expected, plain) >= 100 * TOLERANCE
