"""Sentences and words of English text, without any model or file that has to be fetched."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from typing import Any

from boldface.errors import MissingError

_END = re.compile(r"[.!?…]+[\"'”’)\]]*\s+")
_OPENING = re.compile(r"[\"'“‘(\[]*(\w+)")
_SHORT = re.compile(
    r"\w|\w(\.\w)+|(adm|al|approx|apr|aug|ave|bros|ca|capt|cf|co|col|cpl|dec|dept|dr|ed|eds|eg|esp|est|etc|feb|fig|fl|fr"
    r"|ft|gen|gov|hon|inc|jan|jr|lt|ltd|maj|messrs|mlle|mme|mr|mrs|ms|mt|mts|(?-i:Nos?)|nov|oct|op|pp|ph\.d|prof|rep|rev"
    r"|sen|sep|sept|sgt|sr|st|ste|vol|vs)",
    re.IGNORECASE,
)
_OPENER = re.compile(
    r"he|she|it|they|we|you|his|her|its|their|this|these|those|the|a|an|in|on|at|as|after|before|during|since|when|while"
    r"|from|for|with|by|but|and|however|although",
    re.IGNORECASE,
)
_FUNCTION = re.compile(
    r"a|an|the|and|or|but|nor|so|yet|if|than|that|which|who|whom|whose|this|these|those|there|here|of|in|on|at|by|for|to"
    r"|from|with|into|as|about|after|before|during|until|since|between|through|over|under|out|up|off|he|she|it|they|we|i"
    r"|you|him|her|them|us|me|his|hers|its|their|theirs|our|my|your|himself|herself|itself|themselves|is|are|was|were|be"
    r"|been|being|am|has|have|had|having|do|does|did|will|would|can|could|may|might|shall|should|must|not|no|also|both"
    r"|when|where|while|then|s|t"
)


def sentences(text: str) -> list[str]:
    """Return the sentences of a text, each without the space around it.

    A sentence ends at ``.``, ``!``, ``?`` or ``…`` before a space and a word that does not begin in lower case. After
    an abbreviation or an initial it ends only if that word is one that opens sentences (*He*, *The*, *In*, …).
    """
    found, start = [], 0
    for end in _END.finditer(text):
        if _ends(text[start : end.start()], text[end.end() :], dot=end[0].rstrip() == "."):
            found.append(text[start : end.end()].strip())
            start = end.end()
    return [sentence for sentence in (*found, text[start:].strip()) if sentence]


def word_tokens(text: str) -> list[str]:
    """Return the words and marks of a text as nltk's ``word_tokenize`` does, its sentences cut by :func:`sentences`.

    Raises:
        MissingError: nltk is not installed.
    """
    tokeniser = _treebank()
    return [word for sentence in sentences(text) for word in tokeniser.tokenize(sentence)]


def content_words(text: str) -> list[str]:
    """Return the words and numbers of a text in lower case; no pronouns, articles, prepositions or auxiliaries."""
    return [word for word in re.findall(r"[^\W_]+", text.lower()) if not _FUNCTION.fullmatch(word)]


def _ends(before: str, after: str, *, dot: bool) -> bool:
    opening = _OPENING.match(after)
    if opening is None:
        return True
    if opening[1][0].islower():
        return False
    last = before.split()[-1:]
    short = dot and last and _SHORT.fullmatch(last[0].lstrip("\"'“‘(["))
    return not short or bool(_OPENER.fullmatch(opening[1]))


@cache
def _treebank() -> Any:
    try:
        return import_module("nltk.tokenize.destructive").NLTKWordTokenizer()
    except ModuleNotFoundError as error:
        raise MissingError(
            "Words are counted with nltk, which is missing.", "Run: pip install 'boldface[evaluate]'"
        ) from error
