"""The site's own code, which lies beside the package, and the pages that it is made of."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "website"))


@pytest.fixture(autouse=True)
def of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Keep keys and profiles of whoever runs this out of it; converted models are taken from where they are."""
    from boldface.engine.settings import settings

    monkeypatch.setenv("BOLDFACE_CACHE", str(settings().cache))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    for name in ("BOLDFACE_KEYS", "BOLDFACE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    before = os.getcwd()
    yield
    assert os.getcwd() == before
