"""What the plain model's layers give below the first steered one, kept from trial to trial.

No gain reaches the layers below it, so that trials of other gains on the same lessons share them: steering the heads of
a model one at a time costs half of the layers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn
from transformers.modeling_layers import GradientCheckpointingLayer

from boldface.attention.geometry import geometry, transformer
from boldface.profiling.lesson import Lesson

MOST_BYTES = 2**29
_FORWARD = "forward"


class Trunks:
    """Keeps what layers gave for the batches that were read last. Of one model, whose weights do not change.

    Args:
        model: The model.
        most: Bytes that may be kept.
    """

    def __init__(self, model: nn.Module, most: int = MOST_BYTES) -> None:
        self.blocks, self.most = blocks_of(model), most
        self._kept: OrderedDict[tuple[object, ...], list[Any]] = OrderedDict()

    @contextmanager
    def below(self, lessons: Sequence[Lesson], ahead: int, layer: int | None) -> Iterator[None]:
        """Let the layers below one give what they gave for these lessons before, or keep what they give now.

        Args:
            lessons: The batch, read without gradients inside the block.
            ahead: Columns of it that went through the model before.
            layer: The first steered layer; None when none is.
        """
        wanted = self.blocks[:layer]
        key = (ahead, *(lesson.digest for lesson in lessons))
        known = self._kept.setdefault(key, [])
        self._kept.move_to_end(key)
        with ExitStack() as stack:
            for block, output in zip(wanted, list(known), strict=False):
                stack.enter_context(giving(block, output))
            for block in wanted[len(known) :]:
                hook = block.register_forward_hook(lambda block, args, output: known.append(output))
                stack.callback(hook.remove)
            yield
        while len(self._kept) > 1 and sum(map(_size, self._kept.values())) > self.most:
            self._kept.popitem(last=False)


def blocks_of(model: nn.Module) -> list[nn.Module]:
    """Return the decoder layers in their order; none where a layer needs more of those below than what they give."""
    config = transformer(model).config.get_text_config()
    blocks: list[nn.Module] = [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
    layers = geometry(model).layers
    inside = len(blocks) == geometry(model).depth and all(
        one.module in set(blocks[index].modules()) for index, one in layers.items()
    )
    return blocks if inside and not getattr(config, "num_kv_shared_layers", 0) else []


@contextmanager
def giving(block: nn.Module, output: Any) -> Iterator[None]:
    """Let a layer give ``output`` without being run."""
    own = vars(block).get(_FORWARD)
    vars(block)[_FORWARD] = lambda *args, **kwargs: output
    try:
        yield
    finally:
        del vars(block)[_FORWARD]
        if own is not None:
            vars(block)[_FORWARD] = own


def _size(outputs: Sequence[Any]) -> int:
    tensors = [one if isinstance(one, Tensor) else one[0] for one in outputs]
    return sum(tensor.nbytes for tensor in tensors)
