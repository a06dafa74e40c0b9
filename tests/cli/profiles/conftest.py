"""A home of one's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of one's own profiles, empty and away from the real one."""
    folder = tmp_path / "home" / "profiles"
    for verb in ("listing", "importing"):
        monkeypatch.setattr(f"boldface.cli.profiles.{verb}.own_folder", lambda: folder)
    return folder
