"""Cutting: sentences and paragraphs lie in the text, in order, and cover its words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from boldface.detection.cutting import cut

TEXTS = st.text(st.sampled_from("ab .?!\nD:\t")) | st.text(max_size=80)


@given(TEXTS)
def test_sentences_cover_the_text_in_order(text):
    """Every character that is no white space is in exactly one sentence, and every sentence in its paragraph."""
    sentences, paragraphs = cut(text)
    places = [place for one in sentences for place in range(one.start, one.end)]
    assert places == sorted(set(places))
    assert {place for place, letter in enumerate(text) if letter.strip()} <= set(places)
    for one in sentences:
        assert text[one.start : one.end].strip() == text[one.start : one.end] != ""
        assert paragraphs[one.paragraph].start <= one.start < one.end <= paragraphs[one.paragraph].end
        assert "\n" not in text[one.start : one.end]


def words(text):
    sentences, paragraphs = cut(text)
    return (
        [(text[one.start : one.end], one.paragraph) for one in sentences],
        [text[one.start : one.end] for one in paragraphs],
    )


def test_abbreviations_end_no_sentence():
    """Titles and initials do not end a sentence; an end of a line does."""
    assert words("Dr. A. Smith left. He was late\nand tired.")[0] == [
        ("Dr. A. Smith left.", 0),
        ("He was late", 0),
        ("and tired.", 0),
    ]


def test_a_heading_belongs_to_what_follows():
    """A short line without a mark at its end is of the paragraph below, over empty lines too; a sentence is not."""
    text = "Document 1: Bees\nThey fly. They hum.\n\nDocument 2: Ants\n\nThey walk.\nThey carry."
    sentences, paragraphs = words(text)
    assert paragraphs == ["Document 1: Bees\nThey fly. They hum.", "Document 2: Ants\n\nThey walk.", "They carry."]
    assert [paragraph for _, paragraph in sentences] == [0, 0, 0, 1, 1, 2]
