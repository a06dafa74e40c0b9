"""What detectors read: the question is found, and is no candidate; what a model reads holds the candidates alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.detection.searched import find_question, search

PAGE = "Bees fly. They hum at noon.\n\nQuestion: What do bees do?\nAnswer:"


@pytest.mark.parametrize(
    ("text", "question", "candidates"),
    [
        (PAGE, "What do bees do?", ["Bees fly.", "They hum at noon."]),
        ("Bees fly. What do they do? They hum.", "What do they do?", ["Bees fly.", "They hum."]),
        ("Bees fly.\nQ: name one insect\nThe answer is", "name one insect", ["Bees fly."]),
        ("Bees fly. Ants walk. The fastest of them is the", "The fastest of them is the", ["Bees fly.", "Ants walk."]),
        ("Bees fly. Ants walk.", "", ["Bees fly.", "Ants walk."]),
        ("Bees fly", "", ["Bees fly"]),
        ("", "", []),
    ],
)
def test_the_question_is_found_and_is_no_candidate(text, question, candidates):
    """The named question, else the last with a question mark, else what the text breaks off with; no cue either."""
    searched = search(text)
    assert searched.question == find_question(text) == question
    assert [searched.words(one) for one in searched.sentences] == candidates


def test_a_given_question_is_looked_up():
    """A question that is given counts, whatever else is asked; where it stands in the text it is no candidate."""
    searched = search("Who is Ada? Bees fly. Ants walk.", "Bees fly.")
    assert searched.question == "Bees fly."
    assert [searched.words(one) for one in searched.sentences] == ["Who is Ada?", "Ants walk."]
    assert len(search("Bees fly. Ants walk.", "Who flies?").sentences) == 2
    assert search("Who is Ada? Bees fly.", "").question == ""


@given(st.text(st.sampled_from("ab .?\n"), max_size=60))
def test_the_context_holds_the_candidates_where_it_says(text):
    """Every candidate stands in what a model reads, word for word, at the place that is told; the question does not."""
    searched = search(text)
    for one in searched.sentences:
        start, end = searched.placed(one)
        assert searched.context[start:end] == searched.words(one)
    assert sum(end - start for start, end in map(searched.placed, searched.sentences)) == sum(
        len(part) for part in searched.context.splitlines()
    ) - sum(
        one.paragraph == other.paragraph for one, other in zip(searched.sentences, searched.sentences[1:], strict=False)
    )


def test_a_paragraph_is_placed_from_its_first_candidate_to_its_last():
    """A paragraph without a candidate has no place."""
    searched = search(PAGE)
    places = [searched.context[slice(*searched.placed(one))] for one in searched.paragraphs]
    assert places[0] == "Bees fly. They hum at noon." and set(places[1:]) == {""}
