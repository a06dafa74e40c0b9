"""``boldface demo`` shows what the models say, whatever that is."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import pytest
from rich.cells import cell_len

HEADS = ("--heads", "L0H1, L1H0")


@pytest.fixture
def demo(boldface, tiny):
    """Run the demo on the tiny model."""
    return lambda *words: boldface("demo", "--model", tiny, "--max-new-tokens", 6, *HEADS, *words)


def test_it_shows_both_answers_of_every_prompt(demo):
    """Two boxes a prompt, what was steered, and the emphasised words, marked where nothing can be bold."""
    done = demo()
    assert done.exit_code == 0, done.stderr
    assert done.stdout.count("╭─ plain · ") == done.stdout.count("╭─ steered · ") == 2
    assert "**Answer as JSON with keys name and occupation.**" in " ".join(done.stdout.split())
    assert len(re.findall(r"Steered \d+ of \d+ prompt tokens by \+4.61 nats", done.stdout)) == 2


def test_no_effect_is_admitted(demo):
    """A random model follows no emphasis; the demo says so, and that is no error."""
    done = demo()
    assert done.exit_code == 0
    assert "✓" not in done.stdout
    assert done.stdout.count("✗ not JSON") == 2
    assert "Here the effect does not show: no answer turned to the emphasis." in done.stdout


def test_an_own_prompt_is_compared_not_judged(demo):
    """For a prompt of one's own the demo tells only whether the answer changed."""
    said = demo("--prompt", "Say **it**.").stdout
    assert "≠ another answer" in said
    same = demo("--prompt", "Say [it]{x=1.0000001}.").stdout
    assert "= the same answer" in same
    assert "the effect does not show" in same


def test_an_own_prompt_needs_emphasis(demo):
    """Without emphasis there is nothing to show."""
    done = demo("--prompt", "Say it.")
    assert done.exit_code == 2
    assert "No words of the prompt are emphasised." in done.stderr


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_it_fits_the_terminal(demo, monkeypatch, columns):
    """No line is wider than the terminal."""
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = demo().stdout.splitlines()
    assert max(map(cell_len, lines)) <= columns
    assert any(line.count("╭") == 2 for line in lines) is (columns >= 100)


@pytest.mark.parametrize(
    ("followed", "said"),
    [
        ([(False, True), (False, True)], "Every answer turned to the emphasis."),
        ([(False, True)], "The answer turned with the emphasis."),
        ([(False, True), (True, True)], "1 of 2 answers turned to the emphasis."),
        ([(True, True)], "the effect does not show"),
        ([(False, False)], "the effect does not show"),
        ([(True, False), (False, True)], "1 of 2 answers turned to the emphasis. 1 followed it only without steering."),
    ],
)
def test_the_moral_counts_only_what_turned(followed, said):
    """An answer counts when it follows the emphasis steered and did not plain; the opposite is told as well."""
    from boldface.cli.demo import _moral

    assert said in _moral(followed)


def test_the_answers_are_the_models(demo, monkeypatch):
    """What stands in the boxes is what generate gave, to the word."""
    from boldface.engine.model import Model

    given: list[str] = []
    real = Model.generate

    def counted(self: Model, prompt: Any, **how: Any) -> Any:
        answer = real(self, prompt, **how)
        given.append(f"{len(given)} answers {answer.ids[:2]}")
        return SimpleNamespace(**{**vars(answer), "text": given[-1], "report": answer.report})

    monkeypatch.setattr(Model, "generate", counted)
    said = demo().stdout
    assert len(given) == 4
    assert all(text in said for text in given)


def test_the_picture_has_both_answers_and_asks_nobody_for_fonts(demo, tmp_path):
    """The hidden ``--svg`` draws the same into a file that stands alone."""
    picture = tmp_path / "demo.svg"
    assert demo("--svg", picture).stdout == ""
    drawn = picture.read_text("utf-8")
    assert "plain" in drawn and "steered" in drawn
    assert "@font-face" not in drawn
    assert "url(http" not in drawn


def test_smollm2_turns_to_the_emphasis(boldface, smollm2):
    """On the real model at least one of the demo's answers turns to the emphasis, with the shipped profile."""
    done = boldface("demo")
    assert done.exit_code == 0, done.stderr
    assert "turned to the emphasis" in done.stdout
    assert "the effect does not show" not in done.stdout
