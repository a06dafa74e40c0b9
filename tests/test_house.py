"""The house holds: imports go up the page only, files are small and well named, and the face is light."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
FILES = sorted((SOURCE / "boldface").rglob("*.py"))

FLOORS = (
    {"errors"},
    {"emphasis"},
    {"profiles"},
    {"steering"},
    {"attention", "vllm"},
    {"engine"},
    {"records"},
    {"metrics"},
    {"detection"},
    {"tasks"},
    {"evaluation"},
    {"profiling"},
    {"sweeps"},
    {"insight"},
    {"server"},
    {"cli"},
)
"""From the top of the page down; a part may import parts of the floors above it, and not its neighbours."""

LEVEL = {part: level for level, floor in enumerate(FLOORS) for part in floor}
FACES = {"__init__", "__main__", "testing"}
"""May see everything."""

WITHOUT = {
    "errors": {"torch", "transformers", "numpy", "rich", "typer"},
    "emphasis": {"torch", "transformers", "rich", "typer"},
    "profiles": {"torch", "transformers", "rich", "typer"},
    "steering": {"transformers", "rich", "typer"},
    "attention": {"rich", "typer"},
}
"""What a part does not import from outside."""

LONGEST = 500
UNNAMED = {"utils", "util", "helpers", "helper", "common", "core", "manager", "managers", "misc"}


def imports(code: str, module: str) -> Iterator[str]:
    """Every module that the code imports, at any depth, relative ones resolved against ``module``."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(module.split(".")[: -node.level]) if node.level else ""
            base = ".".join(filter(None, (above, node.module)))
            yield from (f"{base}.{alias.name}" if base in ("boldface", "") else base for alias in node.names)


def part_of(module: str) -> str:
    """``boldface.engine.gguf`` is of the part ``engine``; the package itself is its face, ``__init__``."""
    return [*module.split("."), "__init__"][1]


def breaches(code: str, module: str) -> list[str]:
    """What the code imports and may not."""
    part, found = part_of(module), []
    if part in FACES:
        return found
    if part not in LEVEL:
        return [f"{module} is of no part of the house"]
    for target in imports(code, module):
        root = target.split(".")[0]
        if root == "boldface":
            other = part_of(target)
            if other != part and LEVEL.get(other, len(FLOORS)) >= LEVEL[part]:
                found.append(f"{module} imports {target}")
        elif root in WITHOUT.get(part, ()):
            found.append(f"{module} imports {target}")
    return found


def module_of(path: Path) -> str:
    """The dotted name of a source file, with ``__init__`` kept."""
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts)


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_imports_go_up_the_page(path: Path):
    """No part imports one below it, a neighbour, or a library that it does without."""
    assert breaches(path.read_text("utf-8"), module_of(path)) == []


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("boldface.emphasis.span", "import boldface.profiles.heads"),
        ("boldface.emphasis.span", "from boldface import engine"),
        ("boldface.emphasis.span", "from boldface import load"),
        ("boldface.emphasis.span", "def f():\n    import torch.nn"),
        ("boldface.emphasis.span", "from ..steering import plan"),
        ("boldface.emphasis.span", "from .. import steering"),
        ("boldface.attention.sdpa", "from boldface.vllm import plugin"),
        ("boldface.vllm.plugin", "from boldface.attention import sdpa"),
        ("boldface.steering.plan", "from transformers import PreTrainedModel"),
        ("boldface.errors", "from boldface.emphasis import span"),
        ("boldface.engine.model", "from boldface.testing import tiny"),
        ("boldface.stray", ""),
    ],
)
def test_a_breach_is_seen(module: str, code: str):
    """The test above would see every kind of breach."""
    assert len(breaches(code, module)) == 1


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("boldface.emphasis.span", "from boldface.errors import SpanError\nfrom .strength import x\nimport re"),
        ("boldface.emphasis.__init__", "from . import span"),
        ("boldface.engine.model", "import torch\nfrom boldface.attention import attach"),
        ("boldface.cli.generate", "from boldface import engine, emphasis"),
        ("boldface.testing", "from boldface.cli import main"),
    ],
)
def test_what_may_be_imported_is_no_breach(module: str, code: str):
    """The test above lets through what the house allows."""
    assert breaches(code, module) == []


def test_files_are_small():
    """No file is longer than 500 lines, and half of them have fewer than 150."""
    lines = {module_of(path): len(path.read_text("utf-8").splitlines()) for path in FILES}
    median = statistics.median(lines.values())
    print(f"{len(lines)} files, median {median:.0f} lines, longest {max(lines.values())}")
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}
    assert median < 150


def test_files_are_named_for_what_they_hold():
    """No file or folder is a drawer of odds and ends."""
    assert [module_of(path) for path in FILES if UNNAMED & set(module_of(path).split("."))] == []


FACE = """
import sys, time
start = time.perf_counter()
import boldface
took = time.perf_counter() - start
heavy = {"torch", "transformers", "numpy", "rich", "typer", "tokenizers"} & set(sys.modules)
print(took, *sorted(heavy))
"""


def test_the_face_is_light():
    """Importing the package loads nothing heavy, and (best of five) takes no more than a fraction of a second."""
    said = [subprocess.run([sys.executable, "-c", FACE], capture_output=True, text=True, check=True) for _ in range(5)]
    words = [process.stdout.split() for process in said]
    assert [heavy for _, *heavy in words] == [[]] * 5
    assert min(float(took) for took, *_ in words) < 0.5  # a generous bound: benchmarks/ measure the figure itself
