"""Files outside docs/ that its pages link to are shown on the site below ``repository/``, and links are led there.

So the same link works in the repository and on the site. Markdown becomes a page; any other text is shown as it is.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

SHELF = "repository"
"""Where such files stand on the site."""

_LINK = re.compile(
    r"^ *(?P<fence>`{3,}|~{3,}).*?^ *(?P=fence) *$"  # code holds no links
    r"|`[^`\n]+`"
    r"|\]\((?P<target>[^)\s#:]+)(?P<rest>[^)]*)\)",
    re.MULTILINE | re.DOTALL,
)
_LANGUAGES = {".py": "python", ".json": "json", ".yml": "yaml", ".yaml": "yaml", ".toml": "toml"}


def pages(docs: Path) -> dict[str, str]:
    """Return the pages of all files outside ``docs`` that its pages lead to, directly or by way of each other.

    Returns:
        Place on the site to Markdown.
    """
    found: dict[str, str] = {}
    waiting = sorted(docs.rglob("*.md"))
    while waiting:
        page = waiting.pop()
        for target in _targets(page):
            uri = _uri(target, docs)
            if uri.startswith(SHELF) and uri not in found:
                found[uri] = _shown(target, docs)
                waiting += [target] if target.suffix == ".md" else []
    return found


def relink(markdown: str, uri: str, docs: Path) -> str:
    """Return a page's Markdown with its links to files led to their places on the site.

    Args:
        markdown: The page.
        uri: Its place on the site.
        docs: The folder of the documentation.
    """
    page = _origin(uri, docs)

    def lead(link: re.Match[str]) -> str:
        target = _file(page, link["target"]) if link["target"] else None
        if target is None:
            return link[0]
        return f"]({posixpath.relpath(_uri(target, docs), posixpath.dirname(uri) or '.')}{link['rest']})"

    return _LINK.sub(lead, markdown)


def _targets(page: Path) -> Iterator[Path]:
    for link in _LINK.finditer(page.read_text(encoding="utf-8")):
        if link["target"] and (target := _file(page, link["target"])):
            yield target


def _file(page: Path, target: str) -> Path | None:
    """Return the file that a link on a page leads to, or None where there is none."""
    path = (page.parent / target).resolve()
    return path if path.is_file() else None


def _uri(path: Path, docs: Path) -> str:
    """Return the place of a file on the site."""
    if path.is_relative_to(docs):
        return path.relative_to(docs).as_posix()
    shown = path.relative_to(docs.parent).as_posix()
    return f"{SHELF}/{shown}" if path.suffix == ".md" else f"{SHELF}/{shown}.md"


def _origin(uri: str, docs: Path) -> Path:
    """Return the file that a place on the site shows."""
    return docs.parent / uri.removeprefix(f"{SHELF}/") if uri.startswith(f"{SHELF}/") else docs / uri


def _shown(path: Path, docs: Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    name = path.relative_to(docs.parent).as_posix()
    fence = "`" * max(3, 1 + max((len(ticks) for ticks in re.findall(r"`+", text)), default=0))
    code = f"{fence}{_LANGUAGES.get(path.suffix, 'text')}\n{text}{fence}\n"
    return f"---\nsearch:\n  exclude: true\n---\n\n# {name}\n\n{code}"
