"""Having a model to oneself for a long time: a seam in every layer, and everybody else refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from boldface.attention import seams
from boldface.attention.attach import claim, refuse_copying
from boldface.attention.geometry import geometry
from boldface.engine.batching.layer import WHY_NOT_APART, Seam, Turn
from boldface.engine.model import Model


class Hold:
    """The seams of a model.

    Args:
        model: The model.
        turn: Whose turn it is.

    Attributes:
        seams: Layer to its seam.
    """

    def __init__(self, model: Model, turn: Turn) -> None:
        self._model = model
        self.seams: Mapping[int, Seam] = {
            index: Seam(layer, turn) for index, layer in geometry(model.model).layers.items()
        }

    @property
    def why_not_apart(self) -> str | None:
        """Why target shares and releases cannot be had; None where they can."""
        return None if all(seam.route == "fused" for seam in self.seams.values()) else WHY_NOT_APART

    @contextmanager
    def on(self) -> Iterator[None]:
        """Put the seams in until the block ends; wait until nobody else runs the model.

        Raises:
            ModelBusyError: When the model is steered.
        """
        with ExitStack() as stack:
            with self._model.alone():
                stack.callback(claim(self._model.model, self))
            for index, layer in geometry(self._model.model).layers.items():
                stack.enter_context(seams.replaced(layer.module, self.seams[index]))
            yield

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_copying()
