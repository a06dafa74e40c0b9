"""Words that options take are those that the package knows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from boldface.cli import options


def test_words_are_those_of_their_owners():
    """Routes, rules, scopes and overlaps on the command line are exactly the package's."""
    from boldface.attention.routes import ROUTES
    from boldface.emphasis.tokens import Overlap
    from boldface.steering.plan import SCOPES
    from boldface.steering.rules import RULES

    assert get_args(options.RouteName) == ("auto", *ROUTES)
    assert get_args(options.RuleName) == RULES
    assert get_args(options.ScopeName) == SCOPES
    assert get_args(options.OverlapName) == get_args(Overlap)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("generate --model s", {"smollm2"}),
        ("generate --dialect ", {"markdown", "a1111", "compel", "spa", "guide", "mark"}),
        ("generate --route f", {"fused", "folded", "flex"}),
        ("generate --scope ", {"all", "answer"}),
        ("generate --occurrence l", {"last"}),
        ("profiles show sm", {"smollm2", "smollm2-evidence"}),
        ("gen", {"generate"}),
    ],
)
def test_the_shell_completes(line, words):
    """The completion script's question is answered with the words that fit."""
    env = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2] / "src"),
        "_BOLDFACE_COMPLETE": "complete_bash",
        "COMP_WORDS": f"boldface {line}",
        "COMP_CWORD": str(len(line.split(" "))),
    }
    done = subprocess.run([sys.executable, "-m", "boldface"], capture_output=True, text=True, env=env)
    assert set(done.stdout.split()) == words, done.stderr
