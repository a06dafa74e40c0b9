"""Scorers that help others: headings, kinds of answers, openings, and the second step of a question."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.detection.catalogue import find_scorers
from boldface.detection.kinds import Kinds
from boldface.detection.leading import leading, standard
from boldface.detection.lexical import Lexical
from boldface.detection.names import HELPING
from boldface.detection.opening import Opening
from boldface.detection.searched import search
from boldface.detection.shared import Shared
from boldface.detection.titled import Titled
from boldface.errors import DetectionError

PAGE = """Answer from the documents.

Document 1: The Old Mill
It was built by Jonas Hale in 1820. Bees live there.

Document 2: Jonas Hale
He was a carpenter. He came from Norway at the age of nine.

Document 3: Anna Berg
She was a carpenter from Norway.

Question: Where did the builder of the Old Mill come from?
Answer:"""
SEARCHED = search(PAGE)
MILL = "It was built by Jonas Hale in 1820."
BIRTH = "He came from Norway at the age of nine."


def scored(scorer, searched=SEARCHED):
    words = map(searched.words, searched.sentences)
    return dict(zip(words, scorer.score(searched, searched.sentences), strict=True))


def test_a_heading_counts_for_the_sentences_below_it():
    """BM25 alone sees no shared word in them; sentences below another heading gain nothing by theirs."""
    alone, titled = scored(Lexical()), scored(Titled(Lexical()))
    assert alone[MILL] == alone["Bees live there."] == 0 < min(titled[MILL], titled["Bees live there."])
    assert titled["He was a carpenter."] == 0
    assert Titled(Lexical()).score(SEARCHED, SEARCHED.paragraphs) == Lexical().score(SEARCHED, SEARCHED.paragraphs)


@pytest.mark.parametrize(
    ("question", "holds", "lacks"),
    [
        ("When was it built?", "It was built in 1820.", "It was built of stone."),
        ("In what year did she leave?", "She left in May.", "She left for good."),
        ("How many bees live there?", "Some nine hundred live there.", "Bees live there."),
        ("Who built the mill?", "It was built by Jonas Hale.", "It was built by a carpenter."),
        ("What city is the mill in?", "The mill stands near Oslo.", "The mill stands near a river."),
    ],
)
def test_the_kind_of_answer(question, holds, lacks):
    """A date, a number or a name, as the question says; a name in the question is no answer to it."""
    searched = search(f"{holds} {lacks}", question)
    assert Kinds().score(searched, searched.sentences) == [1, 0]
    assert Kinds().score(replace(searched, question="Why is that?"), searched.sentences) == [0, 0]
    named = search("The mill of Jonas Hale stands.", "Who was Jonas Hale?")
    assert Kinds().score(named, named.sentences) == [0]


def test_openings_stand_behind_headings():
    """The first sentence of a paragraph opens it, its heading does not."""
    places = scored(Opening())
    assert places[MILL] == places["He was a carpenter."] == places["Answer from the documents."] == 1
    assert places["Bees live there."] == places[BIRTH] == 0
    assert places["Document 2: Jonas Hale"] == -1


def test_the_second_step_follows_a_name():
    """What speaks of a name that the best sentence brings in is led to; others and its own paragraph are not."""
    best = Titled(Lexical())
    assert SEARCHED.words(leading([best], SEARCHED)) in (MILL, "Bees live there.")
    mill = next(one for one in SEARCHED.sentences if SEARCHED.words(one) == MILL)

    class Mill:
        name, reason, asks = "mill", "", True

        def score(self, searched, pieces):
            return [float(piece == mill) for piece in pieces]

    steps = scored(Shared([Mill()]))
    assert steps[BIRTH] == steps["He was a carpenter."] == 2 > steps["She was a carpenter from Norway."] == 0
    assert steps[MILL] == steps["Bees live there."] == 0


def test_a_heading_leads_nowhere_unless_all_are():
    """The sentence that fits best is one that says something."""
    assert not SEARCHED.is_heading(leading([Lexical()], SEARCHED))
    bare = search("Old Mill\n", "Where is the Old Mill?")
    assert leading([Lexical()], bare) == bare.sentences[0]


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=8))
def test_standard_scores(scores):
    """They keep the order and have mean 0."""
    found = standard(scores)
    assert sum(found) == pytest.approx(0, abs=1e-6 * len(scores))
    pairs = [*zip(scores, found, strict=True)]
    assert all(y <= v for x, y in pairs for u, v in pairs if x <= u)


@given(st.text(st.sampled_from("Ab .?\n"), max_size=40), st.text(st.sampled_from("Ab ?"), max_size=10))
def test_they_score_whatever_is_written(text, question):
    """One finite number a piece; paragraphs are pieces too."""
    searched = search(text, question)
    if searched.sentences:
        for scorer in (Titled(Lexical()), Kinds(), Opening(), Shared([Lexical()])):
            for pieces in (searched.sentences, searched.paragraphs):
                found = scorer.score(searched, pieces)
                assert len(found) == len(pieces) and all(abs(score) < 1e6 for score in found)


def test_they_are_found_by_name():
    """All that help have one, and need no language model; who asks one says so."""
    assert [one.name for one in find_scorers(HELPING)] == [*HELPING]
    with pytest.raises(DetectionError, match="asks a language model"):
        find_scorers(["bm25", "looking"])
