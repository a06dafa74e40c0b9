"""What is made for GPUs inside vLLM's own scheduler, cache and runners, its kernels interpreted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from boldface.vllm import wire

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("triton"), reason="Triton is not in this environment"),
]

LENGTHS = (3, 6, 4, 5, 3)


@pytest.mark.parametrize(
    ("runner", "name", "options"),
    [
        ("v1", "llama", {"max_num_batched_tokens": 64}),
        ("v2", "llama", {"max_num_batched_tokens": 64}),
        ("v1", "gemma_like", {}),
    ],
)
def test_answers_are_ours(runner, name, options, request, ours, cases, tmp_path):
    """Steered and plain requests of many lengths, prompts in chunks, joining as others leave, and from the cache."""
    folder = request.getfixturevalue(name)
    model = ours(folder)
    asked = [case for case in cases(model.layers, model.heads, most=70) if len(case.ids) <= 70][: len(LENGTHS)]
    torch.save(
        [
            (case.ids, None if case.steering is None else wire.write(case.steering), length)
            for case, length in zip(asked, LENGTHS, strict=True)
        ],
        tmp_path / "requests.pt",
    )
    program = Path(__file__).with_name("interpreted.py")
    files = (tmp_path / "requests.pt", tmp_path / "answers.pt")
    subprocess.run(
        [sys.executable, program, folder, runner, *files, json.dumps(options)], check=True, env=os.environ | {"CI": "1"}
    )
    first, again = torch.load(tmp_path / "answers.pt")
    assert any(cached for _, _, cached in again)
    for case, *answers in zip(asked, first, again, strict=True):
        for tokens, logprobs, _ in answers:
            said = SimpleNamespace(tokens=tokens, logprobs=logprobs)
            assert model.off(case, said) < 1e-4
            assert case.steering is None or model.off(case, said, steered=False) > 0.01
