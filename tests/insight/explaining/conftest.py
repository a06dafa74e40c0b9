"""A steered prompt of the byte model, and an answer to it."""

from __future__ import annotations

import copy

import pytest

import boldface
from boldface.engine.steer import prepare

HEADS = {(0, 1): 1.0, (0, 2): -0.7, (1, 0): 0.5, (1, 3): -0.5}
LATE = "It rains and it pours in the hills. Say **yes** now, and **no** then."
EARLY = "Say **yes** now."


@pytest.fixture
def model(byte_llama):
    """The byte model."""
    return boldface.Model(*copy.deepcopy(byte_llama))


@pytest.fixture
def prepared_for(model):
    """Prepare a prompt: ``prepared_for(LATE, rule="flat")``."""

    def prepared(prompt=LATE, **how):
        said = {"heads": HEADS, **({} if how.get("rule") == "share" else {"strength": 2.5}), **how}
        return prepare(model.model, model.tokenizer, [prompt], **said)

    return prepared


@pytest.fixture
def answer():
    """Some tokens of the byte model."""
    return [70, 31, 108, 5, 77, 70]
