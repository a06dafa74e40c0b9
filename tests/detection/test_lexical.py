"""BM25: rare shared words count, other words do not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from boldface.detection.lexical import bm25

TEXTS = ["The bee is a flying insect.", "The ant is an insect.", "Stones are hard."]


def test_shared_rare_words_rank_first():
    """A text with more of the question's words, and rarer ones, is put first; one without any gets nothing."""
    bee, ant, stone = bm25(TEXTS, "Which insects are flying?")
    assert bee > ant > stone == 0


def test_words_count_whatever_their_ending():
    """Endings are taken off; stop words count for nothing."""
    assert bm25(TEXTS, "insects")[:2] == bm25(TEXTS, "insect")[:2]
    assert bm25(TEXTS, "The is a?") == [0, 0, 0]


@given(st.lists(st.text(max_size=30), max_size=4), st.text(max_size=30))
def test_it_answers_whatever_is_written(texts, question):
    """Every text gets a score that is no less than nothing."""
    scores = bm25(texts, question)
    assert len(scores) == len(texts) and all(score >= 0 for score in scores)
