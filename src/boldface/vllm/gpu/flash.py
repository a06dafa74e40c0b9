"""vLLM's FlashAttention on heads that are widened by the columns of the fold: for GPUs where it beats Triton.

Only where it is named (``--attention-backend FLASH_ATTN``). The kernels that write the columns are tested; what
FlashAttention does with heads of 136 and 72 is read from its source (:mod:`boldface.vllm.gpu.flash_room`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor, nn
from vllm.config import get_current_vllm_config
from vllm.model_executor.layers.attention.attention import get_attention_context
from vllm.platforms import current_platform
from vllm.v1.attention.backends.fa_utils import get_flash_attn_version
from vllm.v1.attention.backends.flash_attn import FlashAttentionBackend, FlashAttentionImpl

from boldface.errors import UnsupportedModelError
from boldface.vllm.gpu.flash_room import Room, room
from boldface.vllm.gpu.rows import Bias
from boldface.vllm.gpu.widen import widen_queries, write_pages


@dataclass(frozen=True)
class Seat:
    """What a layer needs to be steered; the buffers are shared by all layers of one shape and keep their addresses.

    Attributes:
        bias: The tables.
        query: (tokens, heads, widened) zeros, as many tokens as a step may have.
        output: (tokens, heads, widened values), or None where values are not widened.
    """

    bias: Bias
    query: Tensor
    output: Tensor | None


class WidenedFlashImpl(FlashAttentionImpl):
    """Attention of one layer."""

    seat: Seat | None = None

    def __init__(self, num_heads: int, head_size: int, *args: Any, **kwargs: Any) -> None:
        super().__init__(num_heads, head_size, *args, **kwargs)
        self.size = head_size
        self.room = room_here(self.size, has_sinks=self.sinks is not None)
        self.head_size = self.room.key  # where vLLM's class cuts a page into keys and values
        self.vllm_flash_attn_version = get_flash_attn_version(
            head_size=self.room.key, head_size_v=self.room.value, has_sinks=self.sinks is not None
        )

    def do_kv_cache_update(
        self, layer: nn.Module, key: Tensor, value: Tensor, kv_cache: Tensor, slot_mapping: Tensor
    ) -> None:
        """Write keys and values of the step into their pages, with their columns."""
        metadata = get_attention_context(layer.layer_name)[0]
        if self.seat is not None and metadata is not None:
            write_pages(self.seat.bias, key, value, kv_cache, slot_mapping, metadata, self.room)

    def forward(
        self,
        layer: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        kv_cache: Tensor,
        attn_metadata: Any,
        output: Tensor,
        *args: Any,
        **options: Any,
    ) -> Tensor:
        """Attend; see vLLM's class for the shapes."""
        if attn_metadata is None:  # vLLM's profiling run
            return output.fill_(0)
        if self.seat is None:
            raise UnsupportedModelError("A layer attends before it was made ready for steering.")
        tokens, seat = attn_metadata.num_actual_tokens, self.seat
        window = self.sliding_window[0] + 1 if self.sliding_window[0] >= 0 else 0
        widen_queries(seat.bias, query[:tokens], seat.query, attn_metadata, self.scale, window)
        answer = output if seat.output is None else seat.output[: output.shape[0]]
        super().forward(layer, seat.query, key, value, kv_cache, attn_metadata, answer, *args, **options)
        if seat.output is not None:
            output.copy_(answer[..., : self.size])
        return output


class WidenedFlashBackend(FlashAttentionBackend):
    """vLLM's FlashAttention with pages for widened heads."""

    @staticmethod
    def get_impl_cls() -> type[WidenedFlashImpl]:
        """Return the class that attends."""
        return WidenedFlashImpl

    @classmethod
    def customize_spec(cls, spec: Any) -> Any:
        """Return the layout of a page, widened."""
        spec = super().customize_spec(spec)
        wide = room_here(spec.head_size)
        return replace(spec, head_size=wide.key, head_size_v=wide.value)


def room_here(size: int, *, has_sinks: bool = False) -> Room:
    """Return how heads are widened on this GPU.

    Raises:
        UnsupportedModelError: Its FlashAttention has no room for them.
    """
    capability = current_platform.get_device_capability()
    version = get_flash_attn_version(head_size=size, has_sinks=has_sinks)
    quantised = get_current_vllm_config().cache_config.cache_dtype.startswith("fp8")
    found = room(size, version or 2, (capability.major, capability.minor), sinks=has_sinks, quantised=quantised)
    if isinstance(found, str):
        raise UnsupportedModelError(found, "Start vLLM with --attention-backend TRITON_ATTN.")
    return found


def buffers(impl: WidenedFlashImpl, tokens: int, like: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return zeros for widened queries, and for widened answers where values are widened too.

    Args:
        impl: The attention of a layer of the shape.
        tokens: That a step may have.
        like: Of the type and on the device that they get.
    """
    output = None if impl.room.value == impl.size else like.new_zeros(tokens, impl.num_heads, impl.room.value)
    return like.new_zeros(tokens, impl.num_heads, impl.room.key), output
