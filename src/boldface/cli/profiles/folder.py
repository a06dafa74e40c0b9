"""The folder of a person's own profiles."""

from __future__ import annotations

from pathlib import Path

import platformdirs


def own_folder() -> Path:
    """Return where the platform keeps data of this person; it need not exist."""
    return platformdirs.user_data_path("boldface", appauthor=False) / "profiles"
