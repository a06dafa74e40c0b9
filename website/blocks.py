"""The code of a page, block by block: what it is written in, what it is called, and whether it may be run.

A block runs unless a comment before it says why it does not, ``<!-- only read: takes forty minutes -->``, or it does
not say what it is written in: then what looks like commands is only read. A block of text called ``Output`` holds what
the block before it prints; one of JSON with a file's name is that file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from markdown_it import MarkdownIt

OUTPUT = "Output"
COMMANDS = ("boldface", "cat", "curl", "export", "make", "mkdir", "pip", "python")
"""What a block without a language begins with when it is for a shell."""

_READ = re.compile(r"<!-- only read: (.+?) -->", re.DOTALL)
_TITLE = re.compile(r'title="([^"]*)"')
_LONG = {"sh": "sh", "bash": "sh", "console": "sh", "py": "python"}


class Block(NamedTuple):
    """One block of code.

    Attributes:
        language: ``python``, ``sh``, ``json``, ``text`` …
        title: What it is called; empty without a name.
        why: Why it is only read; empty when it runs.
        code: What stands in it.
        line: Line of the page on which the code begins, from 1.
    """

    language: str
    title: str
    why: str
    code: str
    line: int


def blocks(markdown: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    found: list[Block] = []
    why = ""
    for token in MarkdownIt("commonmark").enable("table").parse(markdown):
        if token.type == "html_block":
            said = _READ.search(token.content)
            why = " ".join(said[1].split()) if said else ""
        elif token.type == "fence" and token.map:
            word, _, rest = token.info.strip().partition(" ")
            title = _TITLE.search(rest)
            language = _LONG.get(word, word) or _guess(token.content)
            reason = why or ("" if word else "it does not say what it is")
            found.append(Block(language, title[1] if title else "", reason, token.content, token.map[0] + 2))
            why = ""
        elif token.nesting >= 0 and token.type not in ("inline", "list_item_open"):
            why = ""
    return found


def with_output(markdown: str, block: Block, output: str) -> str:
    """Return a page with what a block of output says replaced."""
    lines = markdown.splitlines(keepends=True)
    start = block.line - 1
    stop = start + len(block.code.splitlines())
    return "".join([*lines[:start], output, *lines[stop:]])


def _guess(code: str) -> str:
    words = code.split()
    return "sh" if words and words[0] in COMMANDS else "text"
