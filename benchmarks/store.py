"""What was measured, one JSON object a line: first the facts of the machine, then a line a round, written at once."""

from __future__ import annotations

import json
import platform
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import boldface


class Rounds:
    """A file of rounds by case.

    Args:
        path: The file; its folder is made.
        facts: What must be equal for rounds to be comparable.
        resume: Go on with the file that is there; otherwise it is written anew.

    Raises:
        SystemExit: When the file to go on with was measured with other facts.
    """

    def __init__(self, path: Path, facts: Mapping[str, Any], *, resume: bool) -> None:
        self.path = path
        self.lines: list[dict[str, Any]] = []
        path.parent.mkdir(parents=True, exist_ok=True)
        if resume and path.exists():
            self.lines = read(path)
        if self.lines and self.lines[0] != {"facts": facts}:
            raise SystemExit(f"{path} was measured with {self.lines[0]}, this is {facts}. Leave --resume out.")
        with path.open("w", encoding="utf-8") as file:  # a killed run can leave half a line
            file.writelines(json.dumps(line) + "\n" for line in self.lines)
        if not self.lines:
            self._append({"facts": facts})

    def rounds(self, case: str) -> list[dict[str, float]]:
        """Return the rounds of a case so far: what every arm took."""
        return [line["took"] for line in self.lines if line.get("case") == case and "took" in line]

    def add(self, case: str, took: Mapping[str, float], unit: str = "s") -> None:
        """Append one round."""
        took = {name: float(f"{value:.6g}") for name, value in took.items()}
        self._append({"case": case, "unit": unit, "took": took})

    def note(self, case: str, **said: Any) -> None:
        """Append something else that was found."""
        line = {"case": case, "note": said}
        if line not in self.lines:
            self._append(line)

    def _append(self, line: dict[str, Any]) -> None:
        self.lines.append(line)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read(path: Path) -> list[dict[str, Any]]:
    """Return the whole lines of a file of rounds."""
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def machine() -> dict[str, Any]:
    """Return what the figures depend on, whatever is measured."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    versions = {"python": platform.python_version(), "boldface": boldface.__version__}
    versions |= {name: version(name) for name in ("torch", "transformers")}
    return {"cpu": names[0] if names else platform.processor(), **versions}


def options(
    description: str | None, sizes: Mapping[str, str], also: Callable[[ArgumentParser], None] = lambda parser: None
) -> Namespace:
    """Read the command line that all benchmarks share.

    Args:
        description: The script's docstring.
        sizes: For ``quick`` and ``full``: ``"LENGTH=ROUNDS …"``.
        also: Adds options of the script's own.
    """
    parser = ArgumentParser(description=(description or "").splitlines()[0])
    parser.add_argument("--full", action="store_true", help="all sizes, all rounds, into benchmarks/results")
    parser.add_argument("--resume", action="store_true", help="keep the rounds that are there, and go on")
    parser.add_argument("--rounds", nargs="+", metavar="LENGTH=ROUNDS", help=f"sizes; {sizes['full']!r} with --full")
    parser.add_argument("--out", type=Path, help="folder of the results")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    parser.add_argument("--only", default="", help="run only the cases that hold this text")
    also(parser)
    chosen = parser.parse_args()
    words = chosen.rounds or sizes["full" if chosen.full else "quick"].split()
    chosen.rounds = {int(length): int(rounds) for length, rounds in (word.split("=") for word in words)}
    here = Path(__file__).parent
    chosen.out = chosen.out or (here / "results" if chosen.full else here.parent / "build" / "benchmarks")
    return chosen
