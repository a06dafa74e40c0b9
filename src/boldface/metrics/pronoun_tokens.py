"""The pronouns among the tokens of a text, as spaCy's English tokeniser cuts it.

PASTA counts a pronoun where it is a token of its own, so *he's*, *hed* and *he/she* hold one, *he+* and *x.org/he* do
not. These are spaCy's rules for the words in question alone; a test holds them against spaCy itself.
"""

from __future__ import annotations

import re
import unicodedata

PRONOUNS = frozenset({"she", "he", "her", "him", "hers", "his", "herself", "himself"})

_ICON = "\ue000"
"""Stands for every symbol that is no letter, mark or currency: they are cut off alike."""
_QUOTES = "\"'`´‘’‚,“”„«»「」『』（）〔〕【】《》〈〉"
_MARKS = re.escape(":;!?¿¡()[]{}<>_#*&·" + _QUOTES) + "…"
_BEFORE = re.compile(rf"(?:[{_MARKS}{_ICON}–—%=+§$£€¥]|\.\.+)+")
_AFTER = re.compile(rf"(?:[{_MARKS}{_ICON}–—]|\.\.+|['’]s|(?<=[^\W_]|[{_MARKS}%²+-])\.)$")
_CONTRACTED = re.compile(r"(s?he)(?:(['’])(?:ll|d)(?:\2ve)?|(?:ll|d)(?:ve)?|s)")
_NOT_CONTRACTED = frozenset({"hell", "shell", "shed"})
_INSIDE = re.compile(
    rf"\.\.+|[…{_ICON}]|(?<=\d)[+*^-](?=[\d-])|(?<=[^\W\d_]),(?=[^\W\d_])"
    rf"|(?<=[^\W_])(?:-{{1,3}}|–|——?|~|[:<>=/])(?=[^\W\d_])|(?<=[^\W\d_]|[{_QUOTES}])\.(?=[{_QUOTES}])"
)
_HOST = r"[a-z0-9\u00a1-\uffff]"
_ADDRESS = re.compile(
    rf"(?:[\w+.-]{{2,}}://)?(?:\S+@)?(?:{_HOST}(?:(?:{_HOST}|[_-])*{_HOST})?\.)+[^\W\d_]{{2,}}(?::\d+)?(?:[/?#]\S*)?"
)


def pronoun_tokens(text: str) -> list[str]:
    """Return the pronouns of the third person singular that are tokens of the text, in lower case."""
    plain = "".join(_ICON if unicodedata.category(char) == "So" else char for char in text.lower())
    return [word for part in plain.split() for word in _inside(part) if word in PRONOUNS]


def _inside(part: str) -> list[str]:
    opening = _BEFORE.match(part)
    core = part[opening.end() :] if opening else part
    while (shorter := _AFTER.sub("", core)) != core:
        core = shorter
    if core not in _NOT_CONTRACTED and (contracted := _CONTRACTED.fullmatch(core)):
        return [contracted[1]]
    return [core] if _ADDRESS.fullmatch(core) else _INSIDE.split(core)
