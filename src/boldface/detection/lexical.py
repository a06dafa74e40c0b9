"""BM25 (Robertson et al. 1994): the words that a piece shares with the question, rare ones counting more."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Any

from boldface.detection.cutting import EXTRA, Piece
from boldface.detection.searched import Searched
from boldface.errors import MissingError


class Lexical:
    """Ranks pieces by BM25; the collection is the other pieces."""

    name = "bm25"
    reason = "shares rare words with the question"
    asks = True

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return the BM25 score of every piece; 0 for those that share no word with the question."""
        return bm25([searched.words(piece) for piece in pieces], searched.question)


def bm25(texts: Sequence[str], question: str) -> list[float]:
    """Return the BM25 score of every text for the distinct stemmed words of a question, English stop words left out.

    Raises:
        MissingError: The library is not installed.
    """
    library, stem = _libraries()
    *tokens, asked = library.tokenize(
        [*texts, question], stopwords="en", stemmer=stem, show_progress=False, return_ids=False
    )
    known = set().union(*tokens) & set(asked)
    if not known:
        return [0.0] * len(texts)
    index = library.BM25(method="lucene")
    index.index(tokens, show_progress=False)
    return [float(score) for score in index.get_scores(sorted(known))]


@cache
def _libraries() -> tuple[Any, Any]:
    try:
        return import_module("bm25s"), import_module("Stemmer").Stemmer("english")
    except ModuleNotFoundError:
        raise MissingError("BM25 is computed by bm25s and PyStemmer, which are missing.", EXTRA) from None
