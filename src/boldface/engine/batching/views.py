"""What the single queries of a batch see: everything so far, a sliding window or a chunk, by kind of layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from boldface.attention.geometry import geometry, transformer
from boldface.errors import UnsupportedModelError


@dataclass(frozen=True)
class View:
    """What a query of one kind of layer sees of the columns up to its own.

    Attributes:
        size: Columns of its window or chunk; None for all.
        in_chunks: True when the columns are cut into chunks that do not see each other.
    """

    size: int | None = None
    in_chunks: bool = False

    def first(self, position: int) -> int:
        """Return the first column that the query at ``position`` sees."""
        if self.size is None:
            return 0
        return position // self.size * self.size if self.in_chunks else max(0, position - self.size + 1)

    def mask(self, positions: Tensor, columns: int, dtype: torch.dtype) -> Tensor:
        """Return the additive mask of one query a row: (rows, 1, 1, columns), 0 where it sees.

        Args:
            positions: (rows,) column of every query.
            columns: How many columns there are.
            dtype: Of the mask.
        """
        column, position = torch.arange(columns, device=positions.device), positions[:, None]
        hidden = column > position
        if self.size is not None:
            first = position // self.size * self.size if self.in_chunks else position - self.size + 1
            hidden |= column < first
        mask = torch.zeros(hidden.shape, dtype=dtype, device=positions.device)
        return mask.masked_fill_(hidden, torch.finfo(dtype).min)[:, None, None, :]


@dataclass(frozen=True)
class Views:
    """The views of a model.

    Attributes:
        kinds: Name of a kind of layer, as the model's masks are named, to what its queries see.
        layers: Layer to the name of its kind.
    """

    kinds: Mapping[str, View]
    layers: Mapping[int, str]

    def of(self, layer: int) -> View:
        """Return what the queries of a layer see."""
        return self.kinds[self.layers[layer]]

    def masks(self, positions: Tensor, columns: int, dtype: torch.dtype) -> dict[str, Tensor]:
        """Return the mask of every kind; see :meth:`View.mask`."""
        return {name: view.mask(positions, columns, dtype) for name, view in self.kinds.items()}


def views(model: nn.Module) -> Views:
    """Return what the queries of every layer of ``model`` see.

    Raises:
        UnsupportedModelError: When some layer is of a kind that is not known here, or the kinds cannot be told.
    """
    known, config = geometry(model), transformer(model).config.get_text_config()
    types = getattr(config, "layer_types", None)
    if types:
        layers = dict(enumerate(types[: known.depth]))
        sizes = {
            "full_attention": View(),
            "sliding_attention": View(getattr(config, "sliding_window", None)),
            "chunked_attention": View(getattr(config, "attention_chunk_size", None), in_chunks=True),
        }
        if odd := sorted(set(layers.values()) - sizes.keys()):
            raise UnsupportedModelError(
                f"Layers of type {odd[0]!r} keep something else than keys and values.",
                "Such a model answers one batch at a time: use model.generate.",
            )
        return Views({name: sizes[name] for name in dict.fromkeys(layers.values())}, layers)
    windows = {layer.window for layer in known.layers.values()}
    if len(windows) > 1:
        raise UnsupportedModelError(
            "The layers have different windows, and the model does not say which has which.",
            "Such a model answers one batch at a time: use model.generate.",
        )
    return Views({"": View(windows.pop())}, dict.fromkeys(range(known.depth), ""))
