"""The documentation cannot lie: its tree is made from the files, and its Python runs.

``python tests/test_docs.py`` writes the tree into the README anew.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "boldface"
WALK = ["emphasis", "profiles", "steering", "attention", "vllm", "engine", "records", "metrics", "detection"]
WALK += ["tasks", "evaluation", "profiling", "sweeps", "insight", "server", "cli", "testing"]
TREE = re.compile(r"```\nsrc/boldface/\n.*?```", re.DOTALL)


def caption(path: Path) -> str:
    """Return the first sentence of a module's docstring."""
    words = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n\n")[0].replace("\n", " ")
    return re.split(r"(?<=[.])\s", words)[0].rstrip(".:").replace("``", "")


def tree() -> str:
    """Draw the source tree with a caption for every file."""
    lines = ["```", "src/boldface/"]
    folders = {path.parent.name: path.parent for path in SOURCE.glob("*/__init__.py")}
    for folder in [SOURCE, *sorted(folders.values(), key=lambda path: WALK.index(path.name))]:
        if folder != SOURCE:
            lines.append(f"  {folder.name + '/':<18} {caption(folder / '__init__.py')}")
        files = [path for path in sorted(folder.glob("*.py")) if folder == SOURCE or path.name != "__init__.py"]
        indent = "  " if folder == SOURCE else "    "
        lines += [f"{indent}{path.name:<{20 - len(indent)}} {caption(path)}" for path in files]
        if folder != SOURCE:
            parts = [path.parent for path in sorted(folder.glob("*/__init__.py"))]
            lines += [f"{indent}{part.name + '/':<16} {caption(part / '__init__.py')}" for part in parts]
    return "\n".join([*lines, "```"])


def test_the_tree_in_the_readme_is_the_tree() -> None:
    """README shows every file with the first words of its docstring; `python tests/test_docs.py` updates it."""
    shown = TREE.search((ROOT / "README.md").read_text(encoding="utf-8"))

    assert shown is not None
    assert tree() == shown[0]


def test_the_python_of_the_readme_runs(smollm2: Any) -> None:
    """The example in the README runs as it stands, on a real model."""
    model, tokenizer = smollm2
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)

    assert code is not None
    exec(code[1], {"hf_model": model, "tokenizer": tokenizer})


def test_the_python_of_the_guide_to_scaling_out_runs() -> None:
    """What a router must hash is told by code, and it is true."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "scale-out.md").read_text(encoding="utf-8"), re.DOTALL)

    assert code is not None
    exec(code[1], {})


def test_links_in_the_docs_lead_somewhere() -> None:
    """Every relative link in README, DESIGN and docs names a file that is there."""
    pages = [ROOT / "README.md", ROOT / "DESIGN.md", *sorted((ROOT / "docs").rglob("*.md"))]
    targets = [
        (page.parent / link).resolve()
        for page in pages
        for link in re.findall(
            r"\]\((?!https?:|#)([^)#\s]+)", re.sub(r"`[^`\n]*`", "", page.read_text(encoding="utf-8"))
        )
    ]

    assert targets
    assert [] == [target for target in targets if not target.exists()]


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(TREE.sub(lambda _: tree(), readme.read_text(encoding="utf-8")), encoding="utf-8")
