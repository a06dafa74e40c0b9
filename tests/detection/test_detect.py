"""``boldface.detect`` on texts: what is marked stays, what is found is added, and errors say what to do."""

from __future__ import annotations

import pytest

import boldface
from boldface.detection.cutting import cut
from boldface.detection.names import ALONE, ASKING, HELPING, NAMES, TOGETHER, runs_model
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import DetectionError

STORY = (
    "The old mill stands at the river. Its builder was Jonas Hale, a carpenter. Children swim there in summer. "
    "In winter the wheel freezes. A museum was opened in the mill in 1990.\n\n"
)
PROMPT = f"{STORY}Question: Who was the builder?\nAnswer:"


def words(found):
    return [one.text for one in found.found]


@pytest.mark.parametrize("by", ["bm25", "evidence", "auto"])
def test_the_evidence_is_found(by, minilm):
    """The sentence that answers comes first, and its span is in the prompt."""
    found = boldface.detect(PROMPT, by, most=1)
    assert words(found) == ["Its builder was Jonas Hale, a carpenter."]
    (span,) = found.prompt.spans
    assert found.prompt.text[span.start : span.end] == words(found)[0] and span.strength is None
    assert 0.3 <= found.found[0].proposal.confidence <= 1


def test_instructions_are_found_where_nothing_is_asked_of_a_text(minilm):
    """``auto`` looks for instructions where there is no question on a text."""
    found = boldface.detect("I have a dog called Rex. Write a poem about him. Use at most 40 words.", most=2)
    assert set(words(found)) == {"Write a poem about him.", "Use at most 40 words."}
    assert {one.proposal.proposer for one in found.found} == {"instructions"}


def test_what_is_marked_stays():
    """Markup is read; marked words are not found again, and suppressed ones stay suppressed."""
    marked = f"[Its builder]{{x=0.1}} was Jonas Hale. {STORY}Question: Who was the builder?"
    found = boldface.detect(marked, "bm25", most=5, least=0)
    assert found.prompt.spans[0].strength < 0
    assert not any(one.proposal.span.start < found.prompt.spans[0].end for one in found.found)
    whole = EmphasisedText(STORY, (CharSpan(0, len(STORY)),))
    assert boldface.detect(whole, "instructions", least=0).prompt == whole


def test_strength_is_that_of_the_detected_spans():
    """Detected spans take the strength that is asked for, in nats."""
    found = boldface.detect(PROMPT, "bm25", most=1, strength=1.5)
    assert found.prompt.spans[0].strength == 1.5


def test_any_proposer_may_be_given():
    """Whatever proposes is a detector."""

    class Last:
        name = "last"

        def propose(self, searched):
            one = searched.sentences[-1]
            return [boldface.Proposal(CharSpan(one.start, one.end), 1.0, "comes last", self.name)]

    assert words(boldface.detect(PROMPT, Last())) == ["A museum was opened in the mill in 1990."]


@pytest.mark.parametrize("text", ["", " ", "Yes", "Who?", "Who built it?\nAnswer:"])
@pytest.mark.parametrize("by", ["bm25", "instructions"])
def test_short_texts_have_nothing_to_find_or_little(text, by):
    """Nothing breaks where there is nothing to propose, and no span is outside a sentence."""
    found = boldface.detect(EmphasisedText(text), by, least=0)
    assert set(words(found)) <= {text[one.start : one.end] for one in cut(text)[0]}


def test_unknown_detectors_and_missing_models_are_refused():
    """With what was meant, or what is needed."""
    with pytest.raises(DetectionError, match="Did you mean 'evidence'"):
        boldface.detect(PROMPT, "evidense")
    for name in NAMES:
        if runs_model(name):
            with pytest.raises(DetectionError, match="asks a language model"):
                boldface.detect(PROMPT, name)


def test_every_scorer_is_part_of_a_proposer():
    """Names are unique, and joined proposers ask scorers that exist."""
    assert len(set(NAMES)) == len(NAMES)
    assert {one for group in TOGETHER.values() for one in group} <= {*ALONE, *HELPING, *ASKING}
