"""Run every benchmark, each in a process of its own: ``python benchmarks [--full] [--resume] [--threads N]``.

Quick mode (the default) takes a few minutes, writes to build/benchmarks and prints the tables; ``--full`` takes about
two hours, writes to benchmarks/results and renders docs/benchmarks.md.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = ("import_time", "null_law", "steering_cost", "memory", "routes", "sessions", "serve", "closed_loop")


def main() -> None:
    """Run the scripts one after the other with this command's own options."""
    given = sys.argv[1:]
    for name in SCRIPTS:
        print(f"— {name}", flush=True)
        subprocess.run([sys.executable, HERE / f"{name}.py", *given], check=True)
    where = [] if "--full" in given else [HERE.parent / "build" / "benchmarks"]
    subprocess.run([sys.executable, HERE / "table.py", *where], check=True)


if __name__ == "__main__":
    main()
