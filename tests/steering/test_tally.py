"""What releases are told, one forward at a time."""

import pytest
import torch

from boldface.steering.tally import Tally


def test_the_mean_is_over_heads_that_lift():
    """Layer by layer, row by row; a head that lifts nothing does not count."""
    tally = Tally()
    tally.take(torch.tensor([[0.2, 0.9], [0.4, 0.6]]), torch.tensor([[1.0, 0.0], [1.0, 2.0]]))
    tally.take(torch.tensor([[0.6, 0.9], [0.1, 0.3]]), torch.tensor([[3.0, 0.0], [0.0, 0.0]]))
    assert tally.means() == pytest.approx([0.4, 0.5])
    assert tally.means() == []


def test_a_forward_that_failed_is_forgotten():
    """What it left is another batch's: the next forward but one is told rightly."""
    tally = Tally()
    tally.take(torch.ones(3, 1), torch.ones(3, 1))
    tally.take(torch.ones(2, 1), torch.ones(2, 1))
    with pytest.raises(RuntimeError):
        tally.means()
    tally.take(torch.full((2, 1), 0.5), torch.ones(2, 1))
    assert tally.means() == [0.5, 0.5]
