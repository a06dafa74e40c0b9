"""Allowed answers: one of them is written, and it is the one that the model finds likeliest word by word."""

from __future__ import annotations

import pytest
import torch

from boldface.emphasis.span import EmphasisedText
from boldface.errors import CheckError
from boldface.insight.diagnosis.choosing import only


@pytest.mark.parametrize(
    "choices", [("nurse",), ("nurse", "pilot"), ("Ann", "Anna", "Bo"), ("pilot", "nurse", "baker")]
)
def test_one_of_the_answers_is_written(model, choices):
    """Whole, and nothing behind it; with others allowed another one may win."""
    prompt = EmphasisedText("Ann is a")
    found = model.generate(
        prompt, raw=True, max_new_tokens=12, prefix_allowed_tokens_fn=only(model.tokenizer, choices, prompt.text, [0])
    )
    assert found.text.strip() in choices
    assert found.finish_reason == "stop"


def test_the_likeliest_way_is_taken(model):
    """At the first letter in which two answers differ, the model's own preference decides."""
    with model.steer("Ann is a ") as inputs, torch.no_grad():
        logits = model.model(**inputs).logits[0, -1]
    ids = {word: model.tokenizer(word, add_special_tokens=False).input_ids[0] for word in ("nurse", "pilot", "baker")}
    likeliest = max(ids, key=lambda word: float(logits[ids[word]]))
    allowed = only(model.tokenizer, tuple(ids), "Ann is a ", [0])
    found = model.generate("Ann is a ", raw=True, max_new_tokens=12, prefix_allowed_tokens_fn=allowed)
    assert found.text == likeliest


def test_no_answer_is_no_choice(model):
    """There must be one, and an end."""
    for choices, ends in (((), [0]), (("a",), [])):
        with pytest.raises(CheckError, match="no answer to choose"):
            only(model.tokenizer, choices, "Ann", ends)
