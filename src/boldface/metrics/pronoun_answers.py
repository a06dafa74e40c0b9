"""Scores of texts in which *she* and *he* should have become *they*: the published ones, and stricter ones."""

from __future__ import annotations

import re
from collections.abc import Collection

from boldface.metrics.pronoun_tokens import pronoun_tokens
from boldface.metrics.words import content_words

SUBJECTS = frozenset({"she", "he"})


def free_of(text: str, pronouns: Collection[str]) -> bool:
    """Tell whether none of the pronouns is a token of the text in any case (PASTA's accuracies)."""
    return not any(word in pronouns for word in pronoun_tokens(text))


def share_gone(text: str, before: str) -> float:
    """Return the share of the pronouns of ``before`` that ``text`` no longer has; 1 where there was none."""
    had, has = len(pronoun_tokens(before)), len(pronoun_tokens(text))
    return max(0.0, 1 - has / had) if had else float(not has)


def share_kept(text: str, before: str) -> float:
    """Return the share of the different content words of ``before`` that ``text`` has too."""
    had = set(content_words(before))
    return len(had & set(content_words(text))) / len(had) if had else 1.0


def changed(text: str, before: str) -> bool:
    """Tell whether the text was rewritten as asked.

    No *she* or *he* is left, a form of *they* has come where there was one, at least 60 % of the content words are
    kept, and the text has at least half as many words as before.
    """
    replaced = free_of(before, SUBJECTS) or re.search(r"\b(they|them|their|theirs|themsel\w+)\b", text, re.IGNORECASE)
    long_enough = 2 * len(text.split()) >= len(before.split())
    return bool(free_of(text, SUBJECTS) and replaced and share_kept(text, before) >= 0.6 and long_enough)
