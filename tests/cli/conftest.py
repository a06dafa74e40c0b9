"""A tiny llama in a folder, and the command line to run on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

HEADS = "L0H1, L1H0, L1H3=0.5"


@pytest.fixture(scope="session")
def tiny(byte_llama: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random llama that knows bytes and three control tokens."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    for part in byte_llama:
        part.save_pretrained(folder)
    return folder


@pytest.fixture
def boldface(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run the command line in this process: ``boldface("generate", "…", input="…")``."""
    from boldface.cli.app import app

    for name in ("BOLDFACE_DEBUG", "BOLDFACE_CACHE", "BOLDFACE_DATA", "BOLDFACE_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*words: object, input: str | None = None) -> Any:
        return CliRunner().invoke(app, [str(word) for word in words], input=input, prog_name="boldface")

    return run


@pytest.fixture
def generate(boldface: Callable[..., Any], tiny: Path) -> Callable[..., Any]:
    """Run ``boldface generate`` on the tiny model with its heads named."""

    def run(*words: object, heads: str | None = HEADS, input: str | None = None) -> Any:
        named = () if heads is None else ("--heads", heads)
        return boldface("generate", "--model", tiny, "--max-new-tokens", 8, *named, *words, input=input)

    return run
