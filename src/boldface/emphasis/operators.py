"""Asterisks that nobody means as bold: powers (``2**3``), dividers (``***``), and bold that somebody forgot to close.

CommonMark alone would make ``2**3 + 4**5`` bold, and would leave a forgotten ``**`` as text without a word.
"""

from __future__ import annotations

import re
import unicodedata

from boldface.emphasis.flanking import Run
from boldface.emphasis.strip import place
from boldface.errors import MarkupError

_OPERAND_BEFORE = re.compile(r"[A-Za-z0-9_)\]}]")
_OPERAND_AFTER = re.compile(r"[A-Za-z0-9_(\[{+-]")


def is_operator_pair(text: str, opening: int, closing: int) -> bool:
    """Tell whether ``**`` at these two offsets, a pair to CommonMark, is a pair of operators or dividers.

    Operators have digits outside both, or operands outside both and a space within; dividers have a space within
    and touch no word there, as in "(**), then (**)".
    """
    before, after = text[opening - 1 : opening], text[closing + 2 : closing + 3]
    if before.isdigit() and after.isdigit():
        return True
    if not any(char.isspace() for char in text[opening:closing]):
        return False
    if _OPERAND_BEFORE.match(before) and _OPERAND_AFTER.match(after):
        return True
    return not (_touches_word(text, opening + 2, 1) or _touches_word(text, closing - 1, -1))


def refuse_dangling(text: str, run: Run) -> None:
    """Refuse a paired-up ``run`` of which ``**`` is left that can only open, or only close, bold.

    Left alone are dividers (``***.``, touching no word) and operators (``(a+b)**2``, ``x**(1/2)``).

    Raises:
        MarkupError: With the line and column, and how to write literal asterisks.
    """
    if run.end - run.start < 2 or run.opens == run.closes:
        return
    if run.opens:
        operator = _category(text[run.start - 1 : run.start]) in ("Pe", "Pf")
        touches = _touches_word(text, run.end, 1)
        problem = "opens bold that is not closed before its paragraph ends"
    else:
        after = text[run.end : run.end + 1]
        operator = after in ("-", "+") or _category(after) in ("Ps", "Pi")
        touches = _touches_word(text, run.start - 1, -1)
        problem = "closes bold that was not opened in its paragraph"
    if touches and not operator:
        raise MarkupError(
            f"** at {place(text, run.start)} {problem}.",
            "Add the other **, with no space on its inner side, or write \\*\\* (or `code`) for literal asterisks.",
        )


def _touches_word(text: str, start: int, step: int) -> bool:
    """Tell whether more than punctuation stands between ``start`` and the first whitespace in that direction."""
    position = start
    while 0 <= position < len(text) and not text[position].isspace():
        if _category(text[position])[:1] != "P":
            return True
        position += step
    return False


def _category(char: str) -> str:
    return unicodedata.category(char) if char else ""
