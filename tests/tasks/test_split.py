from __future__ import annotations

from collections import Counter

from boldface.tasks.split import SPLITS, split_of

FIXED = ["validation", "train", "train", "train", "train", "train", "test", "train"]


def test_splits_never_change():
    """What a row belongs to is fixed for ever: published numbers depend on it."""
    assert [split_of("wikibios", key) for key in range(8)] == FIXED
    assert split_of("wikibios", 7) == split_of("wikibios", "7")


def test_shares():
    """Six tenths are for learning, two for choosing, two for telling, in every data set."""
    for kind in ("wikibios", "counterfact"):
        counts = Counter(split_of(kind, key) for key in range(10_000))
        assert [round(counts[split] / 10_000, 1) for split in SPLITS] == [0.6, 0.2, 0.2]
