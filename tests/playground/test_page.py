"""The real page in a real browser, from a real server with a real model; the steps are told in ``playground/e2e``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

E2E = Path(__file__).parents[2] / "playground" / "e2e"
STORIES = sorted(path.name.removesuffix(".test.ts") for path in E2E.glob("*.test.ts"))


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("story", STORIES)
def test_the_page(story: str, node, chromium, server):
    """Every step of a story goes as told, and the browser complains about nothing."""
    arguments = ["run", "--config", "e2e/vitest.config.ts", f"e2e/{story}.test.ts"]
    print(node("vitest", *arguments, BOLDFACE_URL=server, CHROMIUM=chromium, PYTHON=sys.executable))


def test_there_are_stories():
    """The test above runs something."""
    assert {"asking", "editing", "looks", "sharing", "why"} <= set(STORIES)
