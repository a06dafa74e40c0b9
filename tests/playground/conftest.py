"""What the playground's tests need: Node with its modules, a browser, and a server with a real model."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "playground"
STARTED = re.compile(r"running on (http://[\w.:]+)")


@pytest.fixture(scope="session")
def node():
    """Run a tool of the playground's modules in its folder and return what it wrote; skipped where there is no Node."""
    if shutil.which("node") is None:
        pytest.skip("needs Node: https://nodejs.org")
    if not (SOURCE / "node_modules" / ".bin").is_dir():
        pytest.skip("needs the modules of the playground: npm ci --prefix playground")

    def run(tool: str, *arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [SOURCE / "node_modules" / ".bin" / tool, *arguments],
            cwd=SOURCE,
            env={**os.environ, "NO_COLOR": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where the browser is; the variable CHROMIUM names another one."""
    places = (os.environ.get("CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    found = next(filter(None, places), None)
    if found is None:
        pytest.skip("needs Chromium: apt-get install chromium, or set CHROMIUM")
    return found


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The address of a running ``boldface serve``.

    In float32: a batch's sums differ in the last bits from those of a single request, and in bfloat16 that turns
    greedy answers much oftener.
    """
    log = tmp_path_factory.mktemp("server") / "log"
    command = [sys.executable, "-m", "boldface", "serve", "--port", "0", "--dtype", "float32", "--offline"]
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        yield f"{_address(process, log)}/"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the server says where it listens."""
    patience = time.monotonic() + 180
    while time.monotonic() < patience and process.poll() is None:
        if found := STARTED.search(log.read_text("utf-8")):
            return found[1]
        time.sleep(0.2)
    raise RuntimeError(f"The server did not start:\n{log.read_text('utf-8')}")
