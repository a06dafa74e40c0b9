"""The model's own attention: where the question looks, and what is looked at whatever is asked (LLMSteer)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from boldface.detection.attended import Attended, attended
from boldface.detection.cutting import Piece
from boldface.detection.searched import Searched
from boldface.engine.model import Model

_READINGS = (
    "Read the following text carefully, and remember the facts that matter most.\n\n",
    "Below is a text. Find its key points, so that any question about it can be answered.\n\n",
)
"""What stands before the text in the two readings; neither says anything of a question."""
_TOP = 0.2
"""Share of a layer's tokens that are kept."""
_NOTHING = "N/A"


class Attention:
    """Ranks pieces by the tokens that two readings under different orders, and no question, both look at.

    After LLMSteer (Gu et al. 2024, arXiv 2411.13009): the attention that a token gets is summed over a layer's heads
    and queries, every layer keeps its top tokens, and what both readings keep counts. Later tokens are seen by fewer
    queries, so the sum is divided by how many see the token.

    Args:
        model: The model.
    """

    name = "attention"
    reason = "the model looks at it whatever is asked"
    asks = False

    def __init__(self, model: Model) -> None:
        self.model = model

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return the share of layers whose both readings keep a token, mean over a piece's tokens."""
        text = searched.context
        first, second = (_kept(attended(self.model, order + text), len(order), len(text)) for order in _READINGS)
        both = {place: (first[place] & second[place]).double().mean() for place in first.keys() & second.keys()}
        return [_mean(both, searched.placed(piece)) for piece in pieces]


class Looking:
    """Ranks pieces by how much the question looks at them, beyond how much an empty question would.

    In the manner of in-context re-ranking (Chen et al. 2024, arXiv 2410.02642): the text is read with the question
    behind it, the attention of the question's tokens is summed over all heads, and what a question without content
    gives is taken off.

    Args:
        model: The model.
    """

    name = "looking"
    reason = "the question looks at it"
    asks = True

    def __init__(self, model: Model) -> None:
        self.model = model

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return the share of a head's attention that a token of the piece gets more of, times a thousand."""
        asked, empty = (self._shares(searched, question) for question in (searched.question, _NOTHING))
        more = {place: asked[place] - empty[place] for place in asked.keys() & empty.keys()}
        return [_mean(more, searched.placed(piece)) for piece in pieces]

    def _shares(self, searched: Searched, question: str) -> dict[tuple[int, int], Tensor]:
        lead = f"{searched.context}\n\nQuestion: "
        read = attended(self.model, lead + question, (len(lead), len(lead) + len(question)))
        received = read.received.sum(dim=0)
        return dict(zip(read.prompt.offsets, 1000 * received / received.sum(), strict=True))


def _kept(read: Attended, start: int, length: int) -> dict[tuple[int, int], Tensor]:
    """Return which layers keep each token of the text behind the order, by its characters in the text."""
    columns = [index for index, (begin, end) in enumerate(read.prompt.offsets) if start <= begin < end]
    seen = len(read.prompt.ids) - torch.arange(len(read.prompt.ids))
    fair = (read.received / seen)[:, columns]
    count = max(1, round(_TOP * len(columns)))
    kept = torch.zeros_like(fair, dtype=torch.bool).scatter_(1, fair.topk(count, dim=1).indices, True)
    places = [read.prompt.offsets[column] for column in columns]
    return {(begin - start, end - start): kept[:, index] for index, (begin, end) in enumerate(places)}


def _mean(by_token: dict[tuple[int, int], Tensor], piece: tuple[int, int]) -> float:
    values = [float(value) for (start, end), value in by_token.items() if start < piece[1] and piece[0] < end]
    return sum(values) / len(values) if values else 0.0
