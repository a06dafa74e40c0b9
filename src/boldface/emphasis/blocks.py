"""Blocks: the paragraphs, list items and headings of a text; fenced code is in none of them.

Bold never leaves its block. The block structure is CommonMark's, coarsely: an indented line is prose and not code,
because prompts are often indented as a whole.
"""

from __future__ import annotations

import re

_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|\Z)")
_QUOTE = re.compile(r"(?: {0,3}>)*")
_ITEM = re.compile(r"[ \t]*(?:(?:[-+*]|\d{1,9}[.)])[ \t]+)*")
_FENCE = re.compile(r"(`{3,}(?=[^`]*\Z)|~{3,})")
_ALONE = re.compile(r"[ \t]*(?:#{1,6}(?:[ \t]|\Z)|(?:=+|-+|([-*_])(?:[ \t]*\1){2,})[ \t]*\Z)")


def blocks(text: str) -> list[tuple[int, int]]:
    """Return the half-open character ranges of the blocks of ``text``, in order."""
    found: list[tuple[int, int]] = []
    joins = False
    fence, fence_depth, depth_before = "", 0, 0
    for match in _LINE.finditer(text):
        line = match[1]
        quoted = _end(_QUOTE, line)
        depth, rest = line[:quoted].count(">"), line[quoted:]
        if fence and depth >= fence_depth:
            if re.fullmatch(rf"[ \t]*{fence[0]}{{{len(fence)},}}[ \t]*", rest):
                fence = ""
            continue
        item = _end(_ITEM, rest)
        opening = _FENCE.match(rest, item)
        fence, fence_depth = (opening[1] if opening else ""), depth
        alone = _ALONE.match(rest) is not None
        begins = rest[:item].strip(" \t") != "" or depth > depth_before or alone
        depth_before = depth
        if fence or not rest.strip(" \t"):
            joins = False
            continue
        if joins and not begins:
            found[-1] = (found[-1][0], match.end())
        else:
            found.append((match.start(), match.end()))
        joins = not alone
    return found


def _end(pattern: re.Pattern[str], line: str) -> int:
    match = pattern.match(line)
    return match.end() if match else 0
