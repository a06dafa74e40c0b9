"""Fixtures that every folder of tests may use."""

from __future__ import annotations

import os
from importlib.metadata import version

import pytest
from hypothesis import settings

EMBEDDED = ("smollm2", "gemma")

settings.register_profile("boldface", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("boldface")


def pytest_report_header() -> str:
    """Say what the tests run with."""
    return ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "tokenizers"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the weights of an embedded model."""
    for item in items:
        if set(EMBEDDED) & set(getattr(item, "fixturenames", ())):
            item.add_marker("models")


@pytest.fixture(scope="session")
def smollm2():
    """SmolLM2-135M-Instruct and its tokenizer, in float32; shared, so leave them as they were."""
    return _load("smollm2")


@pytest.fixture(scope="session")
def gemma():
    """Gemma 3 270M (base) and its tokenizer, in float32; shared, so leave them as they were."""
    return _load("gemma")


def _load(name: str):
    from boldface.engine.loading import load_pretrained

    model, tokenizer, _ = load_pretrained(name)
    return model, tokenizer
