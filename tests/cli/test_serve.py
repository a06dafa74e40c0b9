"""``boldface serve``: what it refuses before it loads anything, and the whole of it on a port."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--profile", "nowhere.json"], "cannot be read"),
        (["--model", "smollm2", "--model", "smollm2"], "given twice"),
        (["--policy", "POLICY"], "There is no source 'root'"),
        (["--policy", "nowhere.json"], "cannot be read"),
        (["--max-strength", "inf"], "The limit strength is inf"),
        (["--port", "70000"], "'--port'"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    words: list[str], reason: str, boldface: Callable[..., Any], tmp_path: Path
) -> None:
    """With one line that says why, and exit code 2."""
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"may": {"root": 3}}), encoding="utf-8")

    ended = boldface("serve", *(str(policy) if word == "POLICY" else word for word in words))

    assert ended.exit_code == 2
    assert reason in " ".join(ended.stderr.split())


@pytest.fixture
def port(free_port: Callable[[], int]) -> int:
    """A port that is free now."""
    return free_port()


def test_it_serves_until_it_is_told_to_end(
    tiny: Path, tmp_path: Path, port: int, until_healthy: Callable[..., None]
) -> None:
    """The command serves a model with a profile of a file, logs no prompt, and ends well on SIGTERM."""
    from boldface.profiles.heads import HeadGains
    from boldface.profiles.profile import Profile

    profile = tmp_path / "mine.json"
    Profile("mine", "bytes", HeadGains({(0, 1): 1.0})).save(profile)
    command = [sys.executable, "-m", "boldface", "serve", "--model", str(tiny), "--profile", str(profile)]
    process = subprocess.Popen([*command, "--port", str(port)], stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until_healthy(client, process, lambda: process.communicate()[1], 60)
            body = {"messages": [{"role": "user", "content": "my secret", "emphasis": True}], "max_tokens": 3}
            answer = client.post("/v1/chat/completions", json=body, headers={"x-request-id": "mine-1"})
            rebound = client.get("/health", headers={"host": "evil.example"})
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]

    assert answer.status_code == 200
    assert answer.json()["model"] == tiny.name
    assert answer.json()["boldface"]["profile"] == "mine"
    assert answer.headers["x-request-id"] == "mine-1"
    assert rebound.status_code == 400
    assert process.returncode in (0, -signal.SIGTERM)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert any(line.get("request_id") == "mine-1" and line.get("code") == 200 for line in lines)
    assert "secret" not in said
    assert str(tiny.parent) not in answer.text


BROKEN = """
from boldface.cli import main
from boldface.engine.batching.runner import Runner

def turn(self, waiting):
    raise RuntimeError("out of order")

Runner.turn = turn
main()
"""


def test_it_ends_when_its_model_can_answer_no_more(tiny: Path, port: int, until_healthy: Callable[..., None]) -> None:
    """With an exit code that a supervisor sees, and the place of the failure in the log."""
    command = [sys.executable, "-c", BROKEN, "serve", "--model", str(tiny), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until_healthy(client, process, lambda: process.communicate()[1], 60)
            answer = client.post("/v1/completions", json={"prompt": "one", "max_tokens": 3})
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()

    assert answer.status_code == 500
    assert process.returncode == 2
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    (told,) = (line for line in lines if line["event"] == "model_failed")
    assert told["model"] == tiny.name
    assert told["exception"]["kind"] == "RuntimeError"
    assert "a model can answer no more" in said
