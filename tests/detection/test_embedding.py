"""Embeddings: lengths, padding, and meaning without shared words."""

from __future__ import annotations

import pytest
import torch

from boldface.detection.embedding import embed


@pytest.mark.usefixtures("minilm")
def test_meaning_counts_without_shared_words():
    """A paraphrase is nearer than a sentence with the same words about something else."""
    question, near, far = embed(["Who owns the car?", "This automobile belongs to Peter.", "Who owns the night?"])
    stone = embed(["Granite is an igneous rock."])[0]
    assert question @ near > question @ stone
    assert near @ embed(["Peter has a vehicle."])[0] > near @ far


@pytest.mark.usefixtures("minilm")
def test_a_text_is_the_same_alone_and_in_a_batch():
    """Vectors have length 1 and do not depend on what else is embedded; very long texts and empty ones have one."""
    texts = ["Bees fly.", "Ants walk in long rows through the garden of the old mill.", "", "word " * 2000]
    together = embed(texts)
    torch.testing.assert_close(together, torch.cat([embed([text]) for text in texts]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.norm(dim=1), torch.ones(4))
