"""What is installed is what the source builds, and it runs nothing but itself."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from importlib import resources
from pathlib import Path

import pytest

BUILT = Path(str(resources.files("boldface.server"))) / "playground"
LARGEST = 100_000
"""Bytes that a browser loads, compressed."""


class Elements(HTMLParser):
    """Collects elements with their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.found.append((tag, dict(attributes)))


@pytest.fixture(scope="module")
def elements() -> list[tuple[str, dict[str, str | None]]]:
    """The elements of the built page."""
    reader = Elements()
    reader.feed((BUILT / "index.html").read_text("utf-8"))
    return reader.found


def test_the_page_has_its_files(elements):
    """Every address in the page is a file beside it, and every file there is used or a licence."""
    addresses = [values.get("src") or values.get("href") or "#" for _, values in elements]
    files = {str(Path(address)) for address in addresses if not address.startswith("#")}
    assert {file for file in files if not (BUILT / file).is_file()} == set()
    there = {str(path.relative_to(BUILT)) for path in BUILT.rglob("*") if path.is_file()}
    assert there - files == {"index.html", "assets/licenses.md"}


def test_the_page_runs_nothing_but_its_own_script(elements):
    """No script or style stands in the page, nothing comes from elsewhere, and the policy forbids both."""
    for tag, values in elements:
        assert tag != "style" and (tag != "script" or values.get("src"))
        assert not [name for name in values if name == "style" or name.startswith("on")]
        assert not [value for value in values.values() if value and re.match(r"(https?:)?//|javascript:|data:", value)]
    policy = next(
        values["content"] for tag, values in elements if values.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy and "unsafe" not in policy
    assert {"default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'"} <= set(policy.split("; "))


def test_the_page_is_small():
    """All of it is fewer bytes than a picture."""
    import gzip

    sizes = {
        path.name: len(gzip.compress(path.read_bytes()))
        for path in BUILT.rglob("*")
        if path.is_file() and path.suffix != ".md"
    }
    print(sizes, sum(sizes.values()))
    assert sum(sizes.values()) < LARGEST


def test_what_is_installed_is_what_the_source_builds(node, tmp_path):
    """Building the source gives the committed files, byte by byte."""
    node("vite", "build", PLAYGROUND_OUT=str(tmp_path / "built"))

    def content(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert content(tmp_path / "built") == content(BUILT), "run: npm run build --prefix playground"


def test_the_source_is_well_typed_and_formatted(node):
    """The checks of TypeScript and of its formatter."""
    node("tsc")
    node("prettier", "--check", ".")


def test_the_pure_parts(node):
    """The page's own tests: spans and documents, links, commands for the shell and for Python."""
    print(node("vitest", "run"))
