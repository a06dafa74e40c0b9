"""The command as a whole: light, helpful, and failing in two lines with a telling exit code."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from boldface.errors import BoldfaceError, HeadError, MissingError

SOURCE = str(Path(__file__).parents[2] / "src")
HELP = """
import sys, time
start = time.perf_counter()
sys.argv = ["boldface", "--help"]
from boldface.cli import main
try:
    main()
except SystemExit as stop:
    took = time.perf_counter() - start
    print(stop.code, took, *({"torch", "transformers", "numpy"} & set(sys.modules)), file=sys.stderr)
"""


def command(*words: object, **options):
    """Run the real command in a process of its own."""
    env = {**os.environ, "PYTHONPATH": SOURCE, **options.pop("env", {})}
    return subprocess.run(
        [sys.executable, "-m", "boldface", *map(str, words)], capture_output=True, text=True, env=env, **options
    )


def test_help_loads_no_torch():
    """The help comes without torch, and (best of three) in a fraction of a second."""
    env = {**os.environ, "PYTHONPATH": SOURCE}
    said = [
        subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, env=env, check=True).stderr.split()
        for _ in range(3)
    ]
    assert [(code, heavy) for code, _, *heavy in said] == [("0", [])] * 3
    assert min(float(took) for _, took, *_ in said) < 1.0  # a generous bound on a busy machine; 0.3 s on a quiet one


def test_the_real_command_tells_its_version():
    """``python -m boldface --version`` is the command."""
    import boldface

    done = command("--version")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, f"boldface {boldface.__version__}", "")


def test_without_a_verb_it_says_what_there_is(boldface):
    """No verb is no error: the help with every verb and the exit codes."""
    done = boldface()
    assert done.exit_code == 0
    assert all(word in done.stdout for word in ("demo", "generate", "profiles", "doctor", "Exit codes"))


@pytest.mark.parametrize(
    "words",
    [
        ("--bogus",),
        ("gener",),
        ("generate", "--route", "flash", "x"),
        ("generate", "--max-new-tokens", "0", "x"),
        ("generate", "a", "b"),
        ("profiles", "show"),
    ],
)
def test_wrong_usage_is_two_lines_and_exit_code_2(boldface, words):
    """What the parser refuses is told like every other error."""
    done = boldface(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.fullmatch(r"Error: .+\nHint: Run: boldface.* --help\n", done.stderr)


def test_a_typo_is_put_right(boldface):
    """An unknown verb that is nearly a known one is answered with that."""
    assert "Did you mean 'generate'?" in boldface("gener").stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BoldfaceError("It is so.", "Do this."), 2),
        (HeadError("It is so.", "Do this."), 2),
        (MissingError("It is so.", "Do this."), 3),
        (RuntimeError("It is so."), 1),
    ],
)
def test_exit_codes_tell_errors_apart(boldface, monkeypatch, error, code):
    """2 for what a person can put right, 3 for what must be installed, 1 for the unforeseen; never a traceback."""

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("boldface.cli.examination.examine", fail)
    done = boldface("doctor")
    assert (done.exit_code, done.stdout) == (code, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert "It is so." in lines[0]
    assert lines[1].startswith("Hint: ")


@pytest.mark.parametrize("wanted", ["option", "variable"])
def test_debug_shows_the_traceback(boldface, monkeypatch, wanted):
    """``--debug`` and BOLDFACE_DEBUG add the traceback; the two lines and the exit code stay."""
    if wanted == "variable":
        monkeypatch.setenv("BOLDFACE_DEBUG", "1")
    done = boldface(*(["--debug"] if wanted == "option" else []), "profiles", "show", "nobody")
    assert done.exit_code == 2
    assert "Traceback" in done.stderr
    assert "Error: There is no shipped profile 'nobody'." in done.stderr


def test_long_errors_stay_on_their_line(boldface):
    """Errors are not wrapped, so that scripts can read them."""
    done = boldface("generate", "--emphasise", "absent", "x " * 300)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 2


def test_an_interrupt_is_130(tiny):
    """Ctrl-C ends the real command with 130 and without a traceback."""
    env = {**os.environ, "PYTHONPATH": SOURCE}
    words = ("generate", "--model", tiny, "--heads", "L0H1", "--max-new-tokens", "8000", "--stream", "**Go** on.")
    process = subprocess.Popen(
        [sys.executable, "-m", "boldface", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells ignore it for background jobs
    )
    process.stdout.read(1)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said


def test_who_stops_reading_ends_it_quietly(tiny):
    """``boldface … | head -c 1`` is no error worth a word."""
    env = {**os.environ, "PYTHONPATH": SOURCE}
    words = f"generate --show-spans --json --heads L0H1 -m {tiny} '**{'ab ' * 3000}ab**'"
    line = f"{sys.executable} -m boldface {words} | head -c 1"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, env=env)
    assert done.stdout == "{"
    assert "Broken" not in done.stderr
    assert "Error" not in done.stderr
