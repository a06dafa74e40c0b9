"""Candidates: inside the prompt, never twice, the neighbourhood first, and every sentence of a short prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.emphasise import emphasise
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.insight.diagnosis.candidates import FURTHER, cuts_words, waves
from boldface.insight.diagnosis.words import places, quote, read_prompt, texts
from boldface.metrics.words import sentences

TEXT = "Ann is a nurse. She lives in Rome.\nAnswer in French. Be brief. Say please.\n"
PROMPTS = st.lists(st.sampled_from(["Ann", "is", "here.", "Be", "brief.", "\n", "One,", "two", "three!"]), min_size=1)


def said(prompt):
    """The words of every candidate, wave by wave."""
    words = read_prompt(prompt)
    return [[quote(words, marked, 999) for marked in wave] for wave in waves(words)]


@given(PROMPTS, st.integers(0, 30), st.integers(1, 30))
def test_candidates_are_words_of_the_prompt_and_other_ones(parts, start, length):
    """No candidate is what is emphasised, none comes twice, none is empty, and no further wave is long."""
    text = " ".join(parts)
    spans = (CharSpan(start, start + length),) if start + length <= len(text) else ()
    words = EmphasisedText(text, spans)
    found = list(waves(words))
    flat = [marked for wave in found for marked in wave]
    assert len(set(flat)) == len(flat)
    assert places(words) not in flat
    assert all(text[span.start : span.end].strip() for marked in flat for _, span in marked)
    assert all(len(wave) <= FURTHER for wave in found[bool(spans) :])


@given(PROMPTS)
def test_every_sentence_is_a_candidate(parts):
    """Of a prompt of few sentences in which nothing is emphasised, by the end of the second wave."""
    text = " ".join(parts)
    flat = {
        text[span.start : span.end] for wave in waves(EmphasisedText(text)) for marked in wave for _, span in marked
    }
    wanted = {sentence for line in text.split("\n") for sentence in sentences(line)}
    if len(wanted) + text.count("\n") < FURTHER:
        assert wanted <= flat


def test_the_neighbourhood_comes_first():
    """What is emphasised is widened, and then what is beside it is emphasised in its place, or as well."""
    first, second, *_ = said(emphasise(TEXT, "swer in Fr"))
    assert first[:2] == ["'Answer in French.'", "'She lives in Rome.'"]
    assert {"'Be brief.'", "'Answer in French. Be brief.'", "'Answer in French. Be brief. Say please.'"} <= set(first)
    assert "'Ann is a nurse. She lives in Rome.'" in first
    assert second[0] in ("'Say please.'", "'Ann is a nurse.'")
    assert not set(first) & set(second)


def test_a_chat_is_searched_message_by_message():
    """Candidates may stand in other messages, but for the model's own."""
    chat = [
        {"role": "system", "content": "Answer in French."},
        {"role": "assistant", "content": "Never."},
        {"role": "user", "content": "Who is Ann?", "emphasis": True},
    ]
    flat = [one for wave in said(chat) for one in wave]
    assert "'Answer in French.'" in flat
    assert "'Never.'" not in flat
    assert texts(read_prompt(chat))[1] == ""


@pytest.mark.parametrize(
    ("marked", "cut"),
    [
        ("rse. She", ["nurse."]),
        ("a nurse", []),
        ("is", []),
        ("n", ["Ann"]),
    ],
)
def test_words_that_are_cut_are_told(marked, cut):
    """An edge between two letters cuts a word; one beside a mark does not."""
    assert cuts_words(emphasise(TEXT, marked)) == cut
