from __future__ import annotations

import pytest

from boldface.engine.settings import settings
from boldface.tasks.data import Data


@pytest.fixture(scope="session")
def data() -> Data:
    folder = settings().data
    if folder is None:
        pytest.skip("BOLDFACE_DATA is not set")
    return Data(folder)
