"""Docstrings as they are written here (Google's sections, reST's literals and roles) become Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")
Link = Callable[[str], str | None]
"""From a dotted name to where its reference is, or None where it has none."""

_SECTION = re.compile(rf"^({'|'.join(SECTIONS)}):\n", re.MULTILINE)
_ITEM = re.compile(r"^(\*{0,2}\w+): ", re.MULTILINE)
_ROLE = re.compile(r":(?:func|class|meth|mod|data|attr):`(~?)([\w.]+)`")
_LITERAL = re.compile(r"``(.+?)``", re.DOTALL)
_BLOCK = re.compile(r"::\n\n((?:(?: {4}.*)?\n)+)")
_TITLES = {"Args": "argument", "Attributes": "attribute", "Raises": "raises"}


def to_markdown(docstring: str, link: Link) -> str:
    """Return a docstring as Markdown: its words, then a table for every section.

    Args:
        docstring: As it stands in the source.
        link: Finds the reference of a name.
    """
    prose, *sections = _SECTION.split(inspect.cleandoc(docstring) + "\n")
    parts = [_prose(prose, link)]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        parts.append(_section(title, inspect.cleandoc(body), link))
    return "\n\n".join(part for part in parts if part)


def _prose(text: str, link: Link) -> str:
    """Return running text, with literal blocks as code."""
    pieces = _BLOCK.split(text)
    words = [_words(piece, link).strip() for piece in pieces[::2]]
    code = [f"```text\n{inspect.cleandoc(block)}\n```" for block in pieces[1::2]]
    told = [word for pair in zip(words, [*code, ""], strict=True) for word in pair]
    return "\n\n".join(word for word in told if word)


def _section(title: str, body: str, link: Link) -> str:
    pieces = _ITEM.split(body)
    if title not in _TITLES or pieces[0].strip():
        return f"**{title}** {_flat(body, link)}"
    rows = [
        f"| {_named(name, title, link)} | {_flat(told, link)} |"
        for name, told in zip(pieces[1::2], pieces[2::2], strict=True)
    ]
    return "\n".join([f"| {_TITLES[title]} | |", "|---|---|", *rows])


def _named(name: str, title: str, link: Link) -> str:
    place = link(name) if title == "Raises" else None
    return f"[`{name}`]({place})" if place else f"`{name}`"


def _flat(text: str, link: Link) -> str:
    """Return text on one line, fit for a cell of a table."""
    return " ".join(_words(text, link).split()).replace("|", "&#124;")


def _words(text: str, link: Link) -> str:
    def role(found: re.Match[str]) -> str:
        shown = found[2].rpartition(".")[2] if found[1] else found[2]
        place = link(found[2])
        return f"[`{shown}`]({place})" if place else f"`{shown}`"

    return _LITERAL.sub(lambda found: f"`{found[1]}`", _ROLE.sub(role, text))
