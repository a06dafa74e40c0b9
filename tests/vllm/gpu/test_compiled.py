"""The kernel as machine code, for GPUs that are not here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not find_spec("triton"), reason="Triton is not in this environment: make gpu-test"),
]


@pytest.mark.parametrize(("longest", "segments"), [(1, 16), (512, 1)], ids=["decoding", "prefill"])
@pytest.mark.parametrize("arch", ["80", "90", "100"])
def test_it_compiles(arch, longest, segments):
    """For Ampere, Hopper and Blackwell; heads of 128 fit into the registers and a block's memory."""
    program = Path(__file__).with_name("compiled.py")
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    arguments = (arch, "128", str(longest), str(segments))
    done = subprocess.run(
        [sys.executable, program, *arguments], env=environment, capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout.splitlines()[-1])
    assert "cubin" in said["made"]
    assert said["shared"] <= 64 * 1024
    assert not said["spilled"]
