"""Fits: probabilities, one fit for texts of one paragraph and one for texts of several."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from boldface.detection.evidence import PER_SCORER
from boldface.detection.fitted import SEVERAL, Fit, fitted
from boldface.detection.instructions import FEATURES
from boldface.detection.names import ALONE, ASKING, TOGETHER, scorers


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2))
def test_confidences_are_probabilities(features):
    """They lie between 0 and 1, and grow with what speaks for the piece."""
    fit = Fit((1.0, -1.0), 0.5)
    sure = fit.confidence(features)
    assert 0 <= sure <= 1
    assert fit.confidence([features[0] + 1, features[1]]) >= sure


def test_several_paragraphs_have_a_fit_of_their_own():
    """Where there is one; else the only one holds for all texts."""
    few, several = Fit((1.0,), 0.0), Fit((2.0,), 1.0)
    both = Fit((1.0,), 0.0, several)
    assert both.of(SEVERAL) is several and both.of(SEVERAL - 1) is both
    assert few.of(SEVERAL) is few


def test_every_shipped_fit_weighs_what_its_scorers_say():
    """A weight for every feature, and a fit for every proposer that the docs name."""
    assert fitted().keys() == {"instructions", *ALONE, *ASKING, *TOGETHER}
    for name, fit in fitted().items():
        count = len(FEATURES) if name == "instructions" else len(PER_SCORER) * len(scorers(name)) + 1
        assert len(fit.weights) == count
        assert fit.several is None or len(fit.several.weights) == count
