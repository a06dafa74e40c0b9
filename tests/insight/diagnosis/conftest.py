"""A tiny model whose heads are known, and how it answers when everything is right."""

from __future__ import annotations

import pytest

import boldface
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile

GAINS = HeadGains({(0, 1): 1.0, (0, 2): -0.5, (1, 0): 1.0, (1, 3): 0.5})


@pytest.fixture(scope="session")
def model(byte_llama) -> boldface.Model:
    """The tiny model of bytes; texts are put to it as they are."""
    return boldface.Model(*byte_llama, chat=False)


@pytest.fixture(scope="session")
def known(model) -> Profile:
    """Heads that are known to fit it."""
    return Profile("known", "tiny", GAINS, 3.0, identity=model.identity)
