"""The fingerprint: the same for the same model, another for any other."""

from __future__ import annotations

import copy
import re

import pytest
import torch

from boldface.engine.fingerprint import fingerprint


def renamed(tokenizer):
    """The tokenizer with one more word."""
    other = copy.deepcopy(tokenizer)
    other.add_tokens(["more"])
    return other


def retrained(model):
    """The model with one weight matrix moved a little."""
    model.model.layers[1].mlp.up_proj.weight.data.mul_(1.001)
    return model


def test_it_depends_on_the_content_alone(byte_llama):
    """A copy has the fingerprint of the original: 16 hex digits."""
    model, tokenizer = byte_llama
    first = fingerprint(model, tokenizer)
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert fingerprint(copy.deepcopy(model), copy.deepcopy(tokenizer)) == first


@pytest.mark.parametrize(
    "changed",
    [
        lambda model, tokenizer: (copy.deepcopy(model).to(torch.bfloat16), tokenizer),
        lambda model, tokenizer: (retrained(copy.deepcopy(model)), tokenizer),
        lambda model, tokenizer: (model, renamed(tokenizer)),
    ],
    ids=["dtype", "weights", "vocabulary"],
)
def test_every_change_shows(byte_llama, changed):
    """Other types, weights or words give another fingerprint."""
    assert fingerprint(*changed(*byte_llama)) != fingerprint(*byte_llama)


def test_a_wrapped_model_is_the_model_itself(byte_llama):
    """A compiled wrapper does not change what a file of records belongs to."""
    model, tokenizer = byte_llama
    assert fingerprint(torch.compile(model, backend="eager"), tokenizer) == fingerprint(model, tokenizer)
