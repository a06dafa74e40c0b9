"""``boldface evaluate``: wrong words are told before a model is loaded; a run can be shown, gone on with, compared."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.records.store import read
from boldface.tasks import catalogue
from boldface.tasks.example import Choose, Example
from boldface.tasks.task import Metric, Task

HEADS = "L0H1, L1H0, L1H3=0.5"


def _examples(data, split, variant):
    for row in range(6):
        text = f"Row {row} of {split}: say yes. Then stop."
        start = text.index("say")
        yield Example(
            str(row),
            str(row),
            EmphasisedText(text, (CharSpan(start, start + 8),)),
            Choose(("yes", "no")),
            other=(CharSpan(0, 3),),
        )


TINY = Task(
    "tiny",
    "Tiny",
    "Yes is said.",
    (Metric("yes", "Yes", "Yes is likelier."),),
    _examples,
    lambda example, answer: {"yes": float(answer.logprobs[0] >= answer.logprobs[1])},
    ("original", "shortened"),
)
OTHER = Task("other", "Other", "The same.", TINY.metrics, _examples, TINY.score)


@pytest.fixture
def evaluate(boldface, tiny, monkeypatch, tmp_path):
    """Runs ``boldface evaluate`` with two tiny tasks, in an empty folder."""
    for task in (TINY, OTHER):
        monkeypatch.setitem(catalogue.TASKS, task.name, task)
    monkeypatch.chdir(tmp_path)

    def run(*words):
        return boldface("evaluate", *words)

    run.tiny = ("--model", tiny, "--tasks", "tiny", "--rows", "3", "--profile", HEADS, "--out", "a.jsonl")
    return run


def test_a_run_from_end_to_end(evaluate, tmp_path):
    """Every answer is kept, tables are printed and written, and progress goes to standard error."""
    done = evaluate(*evaluate.tiny, "--report", "new/page.html", "--markdown", "new/tables.md")
    assert done.exit_code == 0, done.stderr
    facts, lines = read(tmp_path / "a.jsonl")
    assert facts["profile"]["heads"] == 3
    arms = [line["arm"] for line in lines if line["kind"] == "answer"]
    assert arms == [arm for arm in ("plain", "steered", "other-span", "random-heads") for _ in range(3)]
    assert done.stdout == (tmp_path / "new/tables.md").read_text(encoding="utf-8")
    assert "Tiny" in done.stdout
    assert "<html" in (tmp_path / "new/page.html").read_text(encoding="utf-8")
    assert "evaluating tiny (raw, original, test), steered: 3 rows, 3 computed" in done.stderr


def test_a_run_goes_on_and_is_shown_again(evaluate, tmp_path):
    """The same file takes more arms without a second answer of one name, and ``--from`` shows it without a model."""
    evaluate(*evaluate.tiny, "--arms", "plain")
    before = (tmp_path / "a.jsonl").read_bytes()
    done = evaluate(*evaluate.tiny, "--arms", "plain,steered")
    content = (tmp_path / "a.jsonl").read_bytes()
    assert content.startswith(before)
    assert "plain: 3 rows, 0 computed" in done.stderr
    shown = evaluate("--from", "a.jsonl")
    assert (shown.exit_code, shown.stdout) == (0, done.stdout)
    assert (tmp_path / "a.jsonl").read_bytes() == content


def test_a_file_of_another_model_or_profile_is_refused(evaluate, tmp_path):
    """Other heads, another seed: other facts, told with what differs, and nothing is written."""
    evaluate(*evaluate.tiny, "--arms", "plain")
    before = (tmp_path / "a.jsonl").read_bytes()
    for words, differs in ((("--seed", "1"), "seed 0, not 1"), (("--profile", "L0H0"), "profile")):
        done = evaluate(*evaluate.tiny, *words)
        assert done.exit_code == 2
        assert differs in done.stderr
    assert (tmp_path / "a.jsonl").read_bytes() == before


def test_two_files_are_compared_but_not_shown_as_one(evaluate):
    """``--compare`` pairs the rows of two runs; ``--from`` refuses to mix what depends on other facts."""
    evaluate(*evaluate.tiny, "--arms", "plain,steered")
    evaluate(*evaluate.tiny, "--arms", "steered", "--profile", "L0H0", "--out", "b.jsonl")
    done = evaluate("--compare", "a.jsonl", "b.jsonl")
    assert done.exit_code == 0, done.stderr
    assert "B - A" in done.stdout
    assert "steered" in done.stdout
    evaluate(*evaluate.tiny, "--arms", "plain", "--profile", "L0H0", "--out", "c.jsonl")
    for other, says in (("b.jsonl", "Two runs of the arm 'steered'"), ("c.jsonl", "differ in profile")):
        mixed = evaluate("--from", "a.jsonl", "--from", other)
        assert mixed.exit_code == 2
        assert says in mixed.stderr


def test_tuning_adds_the_best_setting(evaluate, tmp_path):
    """Settings are tried on validation rows, and the best one is asked the test rows."""
    done = evaluate(*evaluate.tiny, "--arms", "steered", "--tune", "2")
    assert done.exit_code == 0, done.stderr
    lines = read(tmp_path / "a.jsonl")[1]
    (said,) = (line for line in lines if line["kind"] == "tuned")
    tested = {line["arm"] for line in lines if line["kind"] == "answer" and line["case"]["split"] == "test"}
    assert tested == {"plain", "steered", said["chosen"]}


@pytest.fixture
def no_model(monkeypatch):
    """Nothing may be loaded."""
    from boldface.cli import generate

    def load(*args, **options):
        raise AssertionError("a model is loaded")

    monkeypatch.setattr(generate, "load", load)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("--tasks", "jsno"), 2, "Did you mean 'json'?"),
        (("--tasks", " , "), 2, "names nothing"),
        (("--arms", "steerd"), 2, "no arm 'steerd'"),
        (("--arms", "steered="), 2, "not between 0 and"),
        (("--split", "tset"), 2, "no split 'tset'"),
        (("--settings", "raw,chatty"), 2, "no setting 'chatty'"),
        (("--variants", "short"), 2, "variant 'short'"),
        (("--rows", "0"), 2, "--rows"),
        (("--batch", "0"), 2, "--batch"),
        (("--tune", "0"), 2, "--tune"),
        (("--tune", "5", "--arms", "plain,random-heads"), 2, "None of these arms can be tuned"),
        (("--dtype", "int4"), 2, "--dtype"),
        (("--out", "."), 2, "is a folder"),
        (("--out", "file/a.jsonl"), 2, "is a file, not a folder"),
        (("--report", "."), 2, "is a folder"),
        (("--markdown", "file/a.md"), 2, "is a file, not a folder"),
        (("--data", "nowhere"), 3, "does not exist"),
        (("--tasks", "tiny,wikibios"), 3, "needs a data folder"),
        (("--compare", "no.jsonl", "no.jsonl"), 2, "no.jsonl cannot be read"),
        (("--compare", "no.jsonl", "no.jsonl", "--report", "a.html"), 2, "stands alone"),
        (("--from", "no.jsonl"), 2, "no.jsonl cannot be read"),
        (("--from", "file"), 2, "no file of records"),
        (("--from", "no.jsonl", "--tune", "5"), 2, "nothing can be tuned"),
    ],
)
def test_wrong_words_are_told_before_a_model_is_loaded(evaluate, no_model, tmp_path, words, code, says):
    """Two lines on standard error, an exit code, nothing on standard output and no file."""
    (tmp_path / "file").write_text("notes\n", encoding="utf-8")
    tasks = () if "--tasks" in words else ("--tasks", "tiny")
    done = evaluate(*tasks, *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert says in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_arm_without_its_profile_is_told(evaluate, tiny, tmp_path):
    """A model that comes with no profile can be asked plainly, and nothing else is asked before that is told."""
    done = evaluate("--model", tiny, "--tasks", "tiny", "--out", "a.jsonl")
    assert done.exit_code == 2
    assert "Name one with --profile" in done.stderr
    assert {line["kind"] for line in read(tmp_path / "a.jsonl")[1]} == {"session"}
    assert evaluate("--model", tiny, "--tasks", "tiny", "--out", "a.jsonl", "--arms", "plain").exit_code == 0


def test_a_wording_that_a_task_lacks_is_told(evaluate):
    """A task without a wording is left out of it, and that is said."""
    done = evaluate(*evaluate.tiny, "--tasks", "tiny,other", "--variants", "original,shortened", "--arms", "plain")
    assert done.exit_code == 0, done.stderr
    assert "other has no wording shortened" in done.stderr
    assert "tiny has no wording" not in done.stderr


def test_the_command_is_kept(evaluate, tmp_path, monkeypatch):
    """Every session of a file says the command, the time and the threads."""
    monkeypatch.setattr(sys, "argv", ["boldface", "evaluate", "--arms", "marked=*"])
    evaluate(*evaluate.tiny, "--arms", "plain")
    (session,) = (line for line in read(tmp_path / "a.jsonl")[1] if line["kind"] == "session")
    assert session["command"] == "boldface evaluate --arms 'marked=*'"
    assert session["began"]
    assert session["threads"] >= 1


def test_help_names_every_option(boldface):
    """The help stands in four panels."""
    done = boldface("evaluate", "--help")
    assert done.exit_code == 0
    for words in ("What is measured", "What is kept", "What is shown", "--tune", "--from", "--compare", "--report"):
        assert words in done.stdout


def test_showing_needs_no_torch():
    """Records are shown and compared without torch."""
    code = "import json, sys, boldface.cli.measured; print(json.dumps('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
