"""Choices: a few figures a place, and no more than a part of all tokens' at once."""

from __future__ import annotations

import weakref

import pytest
import torch

from boldface.insight.explaining import steps
from boldface.insight.explaining.choices import ROWS, choices
from boldface.insight.explaining.steps import Explaining


@pytest.mark.parametrize("places", [1, ROWS, ROWS + 3])
def test_choices_are_those_of_the_whole_table(places):
    """Answers of one part and of several give what comparing all log-probabilities at once gives."""
    generator = torch.Generator().manual_seed(places)
    plain, steered = (torch.randn(places, 50, generator=generator).log_softmax(-1) for _ in range(2))
    answer = torch.randint(50, (places,), generator=generator).tolist()
    apart = (plain.exp() * (plain - steered)).sum(-1)
    told = choices(plain, steered, answer)
    assert len(told) == places
    for place, choice in enumerate(told):
        assert choice.plain == float(plain[place, answer[place]])
        assert choice.steered == float(steered[place, answer[place]])
        assert choice.divergence == pytest.approx(float(apart[place]), abs=1e-5)
        assert (choice.plain_choice, choice.steered_choice) == (
            int(plain[place].argmax()),
            int(steered[place].argmax()),
        )
        assert choice.plain_choice_logprob == float(plain[place].max())


def test_nothing_as_large_as_the_vocabulary_is_kept(model, prepared_for, answer, monkeypatch):
    """Once both models have read the answer, what they expected of all tokens is gone, however long it goes on."""
    kept = []

    def watched(read):
        def reading(*args):
            told = read(*args)
            kept.append(weakref.ref(told.logprobs))
            return told

        return reading

    for name in ("read_plain", "read_steered"):
        monkeypatch.setattr(steps, name, watched(getattr(steps, name)))
    work = Explaining(model, prepared_for(), answer, "no")
    next(work), next(work)
    assert [one() for one in kept] == [None, None]
