"""Log-probabilities as OpenAI writes them: one list of objects for chats, four lists for completions."""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Callable, Iterable
from math import isnan

from boldface.engine.batching import TokenScore
from boldface.server.shapes import ChatScores, Likely, Scored, TextScores

NEVER = -9999.0
"""Stands for a log-probability of minus infinity, which JSON cannot say."""

Name = Callable[[int], str]
"""Names a control token, which has no text."""


def chat_scores(tokens: Iterable[TokenScore]) -> ChatScores:
    """Return the scores of a chat's answer; control tokens are no part of its content."""
    return {"content": [_scored(token) for token in tokens if token.text], "refusal": None}


def _scored(token: TokenScore) -> Scored:
    best = [_likely(text, logprob) for _, text, logprob in token.best]
    return {**_likely(token.text, token.logprob), "top_logprobs": best}


def _likely(text: bytes, logprob: float) -> Likely:
    return {"token": text.decode(errors="replace"), "logprob": max(logprob, NEVER), "bytes": list(text)}


class TextScoring:
    """Scores of a completion, part by part: offsets count characters of the whole text.

    Args:
        name: Names control tokens.
        count: How many of the likeliest tokens are told at each place.
    """

    def __init__(self, name: Name, count: int) -> None:
        self.name, self.count = name, count
        self._decoder = getincrementaldecoder("utf-8")(errors="replace")
        self._offset = 0

    def add(self, tokens: Iterable[TokenScore]) -> TextScores:
        """Return the scores of the next tokens; one whose log-probability is nan, as nothing precedes it, has none."""
        scores: TextScores = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
        tops: list[dict[str, float] | None] = []
        for token in tokens:
            unscored = isnan(token.logprob)
            scores["tokens"].append(self._word(token.id, token.text))
            scores["text_offset"].append(self._place(token.text))
            scores["token_logprobs"].append(None if unscored else max(token.logprob, NEVER))
            tops.append(None if unscored else self._top(token))
        scores["top_logprobs"] = tops if self.count else None
        return scores

    def _top(self, token: TokenScore) -> dict[str, float]:
        """Return the likeliest tokens by their words; the likelier one of two that read alike."""
        top: dict[str, float] = {}
        for number, text, logprob in token.best:
            word = self._word(number, text)
            top[word] = max(logprob, top.get(word, NEVER))
        return top

    def _word(self, number: int, text: bytes) -> str:
        if not text:
            return self.name(number)
        try:
            return text.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in text)

    def _place(self, text: bytes) -> int:
        """Return where a token begins, and go on behind it."""
        at = self._offset
        self._offset += len(self._decoder.decode(text))
        return at
