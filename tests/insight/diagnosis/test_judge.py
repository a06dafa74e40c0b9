"""Judge: yes or no, whichever the model finds likelier."""

from __future__ import annotations

import math

import pytest

import boldface
from boldface.errors import CheckError
from boldface.insight.diagnosis.judge import Judge


@pytest.mark.parametrize("chat", [False, True])
def test_the_verdict_is_the_likelier_reply(byte_llama, chat):
    """A probability of yes beside no, which decides; other answers and other questions get others."""
    judge = Judge(boldface.Model(*byte_llama, chat=chat), "Is it polite?")
    shares = [judge.certainty(answer) for answer in ("Please.", "Now!", "Thank you very much.")]
    assert all(0 < share < 1 for share in shares)
    assert len(set(shares)) == 3
    assert [judge.check(answer).passed for answer in ("Please.", "Now!")] == [share > 0.5 for share in shares[:2]]
    other = Judge(judge.model, "Is it polite?", request="Ask for salt.")
    assert not math.isclose(other.certainty("Please."), shares[0])
    assert "Is it polite?" in judge.name
    assert not judge.is_settled("Please.")


def test_a_judge_needs_a_question(model):
    """Nothing is asked of nobody."""
    with pytest.raises(CheckError, match="asked nothing"):
        Judge(model, " ")


def test_a_real_judge_tells_yes_from_no(smollm2):
    """A fact that even a small model knows, asked both ways round."""
    model = boldface.Model(*smollm2)
    right, wrong = (Judge(model, f"Is the answer the word {word}?").certainty("Paris") for word in ("Paris", "banana"))
    assert right > wrong
