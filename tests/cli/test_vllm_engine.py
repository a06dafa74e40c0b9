"""``--engine vllm``: what is refused at once, and one answer and one evaluation of the real thing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest

ABSENT = find_spec("vllm") is None
OPTIONS = ["--engine", "vllm", "--engine-option", "enforce_eager=true", "--engine-option", "max_model_len=512"]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["generate", "--engine-option", "max_model_len=9", "hi"], "The engine transformers has no options"),
        (["generate", "--engine", "vllm", "--engine-option", "max_model_len", "hi"], "has no value"),
        (["generate", "--engine", "llama.cpp", "hi"], "'--engine'"),
        (["serve", "--engine", "vllm", "--check-profile"], "--check-profile needs the engine transformers"),
    ],
)
def test_what_cannot_be_is_refused_at_once(words: list[str], reason: str, boldface: Callable[..., Any]) -> None:
    """With one line that says why."""
    ended = boldface(*words)
    assert ended.exit_code == 2
    assert reason in " ".join(ended.stderr.split())


@pytest.mark.skipif(not ABSENT, reason="vLLM is installed here")
@pytest.mark.parametrize("verb", ["serve", "generate"])
def test_without_vllm_it_says_what_to_install(verb: str, boldface: Callable[..., Any]) -> None:
    """Before a model is read."""
    ended = boldface(verb, "--engine", "vllm", *(["hi"] if verb == "generate" else []))
    assert ended.exit_code == 3
    assert "boldface[vllm]" in " ".join(ended.stderr.split())


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_it_answers_as_the_other_engine_does(wide_folder: Path) -> None:
    """On standard output nothing but the answer."""
    asked = ["generate", "--model", str(wide_folder), "--heads", "L0H1, L1H3=-0.5", "--max-new-tokens", "12", "--json"]
    asked += ["The cat sat **on the mat**."]
    found, wanted = (json.loads(_run(*asked, *more)) for more in (OPTIONS, []))
    assert found["answer"] == wanted["answer"]
    assert found["steered"].pop("routes") == ["vllm"]
    assert wanted["steered"].pop("routes")
    assert found["steered"] == wanted["steered"]


@pytest.mark.vllm
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_whose_vllm_dies_ends(
    wide_folder: Path, free_port: Callable[[], int], until_healthy: Callable[..., None]
) -> None:
    """It answers until then, and the exit code tells a supervisor."""
    import psutil

    port = free_port()
    command = [sys.executable, "-m", "boldface", "serve", "--model", str(wide_folder), "--port", str(port), *OPTIONS]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            until_healthy(client, process, lambda: process.communicate()[1])
            answer = client.post("/v1/completions", json={"prompt": "one", "max_tokens": 3})
        assert answer.status_code == 200, answer.text
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        said = process.communicate(timeout=120)[1]
    finally:
        process.kill()
    assert process.returncode == 2
    assert "a model can answer no more" in " ".join(said.split())


def _run(*words: str) -> str:
    ended = subprocess.run([sys.executable, "-m", "boldface", *words], capture_output=True, text=True, timeout=400)
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout
