"""Where answered examples come from, and how batches are laid out."""

from __future__ import annotations

import pytest

from boldface.evaluation.aim import aim
from boldface.evaluation.arms import find_arm
from boldface.evaluation.asking import Asker
from boldface.evaluation.layout import batches, put, shots_of
from boldface.evaluation.record import Case
from boldface.tasks.data import Data

DATA = Data(None)


@pytest.mark.parametrize(("split", "source"), [("test", "train"), ("validation", "train"), ("train", "validation")])
def test_shots_are_never_of_the_split_that_is_asked(chores, split, source):
    """Answered examples are of the training split, or of validation where training rows are asked."""
    shots = shots_of(chores, Case("chores", "raw", "original", split), DATA, 3)
    assert [shot.group for shot in shots] == ["0", "1", "2"]
    assert all(shot.prompt.text.startswith(source) for shot in shots)


def test_a_batch_has_one_kind_of_question_and_like_lengths(llama, profile, chores):
    """Batches hold all that was put, sorted by kind and length, however the examples came."""
    asker = Asker(llama, find_arm("steered"), aim(find_arm("steered"), llama.geometry.heads, profile, 0))
    examples = list(chores.examples(DATA, "test", "original"))
    case = Case("chores", "raw", "original", "test")
    laid, again = (
        list(batches(put(asker, chores, case, order, DATA)[0], 3)) for order in (examples, reversed(examples))
    )
    assert [[each.example.id for each in batch] for batch in laid] == [
        [each.example.id for each in batch] for batch in again
    ]
    assert sorted(each.example.id for batch in laid for each in batch) == sorted(example.id for example in examples)
    assert all(len({type(each.example.question) for each in batch}) == 1 for batch in laid)
    for batch in laid:
        lengths = [len(each.encoded.ids) for each in batch]
        assert lengths == sorted(lengths)
