"""``boldface explain``: a page, JSON, or what the terminal shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PROMPT = "Mary is a nurse. **Answer as JSON.** Who is it?"


@pytest.fixture
def explain(boldface: Callable[..., Any], tiny: Path) -> Callable[..., Any]:
    """Run ``boldface explain`` on the tiny model with its heads named."""

    def run(*words: object, input: str | None = None) -> Any:
        fixed = ("--model", tiny, "--raw", "--max-new-tokens", 6, "--heads", "L0H1, L1H0, L1H3=-0.5")
        return boldface("explain", *fixed, *words, input=input)

    return run


def test_json_has_every_head_and_token(explain: Callable[..., Any]) -> None:
    """The object is what the API gives, on standard output alone."""
    done = explain(PROMPT, "--json")

    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert set(told["heads"]) == {f"L{layer}H{head}" for layer in range(2) for head in range(4)}
    assert len(told["answer_tokens"]) == len(told["heat"]["after"]) == 6
    assert told["written"] is True and told["plain_answer"] is not None
    assert [span["text"] for span in told["spans"]] == ["Answer as JSON."]


def test_the_terminal_shows_it_at_a_glance(explain: Callable[..., Any]) -> None:
    """The verdict first, then the answer, the attention, and every steered head with what it did."""
    done = explain(PROMPT)

    assert done.exit_code == 0, done.output
    parts = ["Why this answer?", "The answer", "Without the emphasis", "Where it looked", "Which heads did it"]
    places = [done.stdout.index(part) for part in parts]
    assert places == sorted(places)
    assert all(head in done.stdout for head in ("L0H1", "L1H0", "L1H3"))
    assert "emphasised: Answer as JSON." in done.stdout


def test_a_given_answer_is_explained(explain: Callable[..., Any], tmp_path: Path) -> None:
    """From the command line or a file, quickly or with every head left out."""
    file = tmp_path / "answer.txt"
    file.write_text(" Mary", encoding="utf-8")

    given, read = explain(PROMPT, "--answer", " Mary", "--json"), explain(PROMPT, "--answer-file", file, "--json")
    quick = json.loads(explain(PROMPT, "--answer", " Mary", "--quick", "--json").stdout)

    assert given.stdout == read.stdout
    told = json.loads(given.stdout)
    assert (told["answer"], told["written"], told["plain_answer"]) == (" Mary", False, None)
    assert told["heads"]["L0H1"]["effect"] is not None
    assert quick["heads"]["L0H1"]["effect"] is None
    assert quick["heads"]["L0H1"]["slope"] == told["heads"]["L0H1"]["slope"]


def test_the_picture_is_written(explain: Callable[..., Any], tmp_path: Path) -> None:
    """Into a folder that is made for it; the terminal says where."""
    page = tmp_path / "pictures" / "why.html"

    done = explain(PROMPT, "--html", page, "--quick")

    assert done.exit_code == 0, done.output
    assert "Why this answer?" in page.read_text("utf-8")
    assert "why.html" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("Say yes.",), "no words are emphasised"),
        ((PROMPT, "--answer", " a", "--answer-file", "b"), "given twice"),
        ((PROMPT, "--answer", "  "), "answer is empty"),
        ((PROMPT, "--html", "."), "is a folder"),
        ((PROMPT, "--factor", "10", "--alpha", "0.1"), "alpha"),
    ],
)
def test_what_makes_no_sense_is_refused_before_a_model_is_loaded(
    explain: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    """With an error that says what to do."""
    monkeypatch.setattr("boldface.cli.explain.load", lambda *args, **kwargs: pytest.fail("a model was loaded"))

    done = explain(*words)

    assert done.exit_code == 2
    assert message in done.stderr
    assert "Hint:" in done.stderr
