"""The executor on CPUs: vLLM's own attention kernel on heads that are widened by the columns of the fold.

Queries, keys and values are copied into buffers that are wider and zero behind, which live as long as the engine. The
kernel takes only some head sizes, so the pages of the cache grow to the next one that has room (64 to 80, 128 to 160).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from vllm.v1.attention.backends import cpu_attn

from boldface.errors import UnsupportedModelError
from boldface.vllm import columns
from boldface.vllm.staging import Staging


@dataclass(frozen=True, slots=True)
class Cut:
    """The buffers of one shape, cut to the tokens of a step: whole, without the columns (front), the columns (tail).

    Cutting costs as much as copying the few tokens of a decoding step, so a cut is kept while steps are of one size.
    """

    tokens: int
    query: Tensor
    query_front: Tensor
    query_tail: Tensor
    key: Tensor
    key_front: Tensor
    value: Tensor
    value_front: Tensor
    output: Tensor
    output_front: Tensor


class Buffers:
    """Widened queries, keys, values and outputs, shared by all layers of one shape.

    Args:
        heads: Query heads.
        kv_heads: Heads of keys and values.
        size: Of a head, without the columns.
        dtype: Of them all.
    """

    def __init__(self, heads: int, kv_heads: int, size: int, dtype: torch.dtype) -> None:
        self._size, self._end = size, size + columns.count(dtype)
        self._heads, self._kv_heads, self._dtype = heads, kv_heads, dtype
        self._queries_used = self._keys_used = 0
        self._staged: Tensor | None = None
        self._cut: Cut
        self._grow(64)

    def cut(self, tokens: int) -> Cut:
        """Return the buffers of so many tokens."""
        if tokens != self._cut.tokens:
            if tokens > len(self._query):
                self._grow(tokens)
            self._cut = self._cut_to(tokens)
        return self._cut

    def widen_keys(self, key: Tensor, value: Tensor, staged: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return keys and values of a step with their columns: (tokens, kv_heads, width)."""
        cut = self.cut(key.shape[0])
        if staged is not self._staged:  # once a step: the columns are the same in every layer
            tail = self._key[..., self._size : self._end]
            tail[: self._keys_used] = 0
            self._keys_used, self._staged = 0 if staged is None else len(staged), staged
            if staged is not None:
                tail[: self._keys_used] = staged[:, None]
        cut.key_front.copy_(key)
        cut.value_front.copy_(value)
        return cut.key, cut.value

    def widen_queries(self, query: Tensor, staged: Tensor | None) -> Cut:
        """Put the queries of a step, and their columns, into the buffers of its tokens."""
        cut = self.cut(query.shape[0])
        if staged is not None:
            cut.query_tail.copy_(staged)
            self._queries_used = max(self._queries_used, cut.tokens)
        elif self._queries_used:
            self._query[: self._queries_used, :, self._size : self._end] = 0
            self._queries_used = 0
        cut.query_front.copy_(query)
        return cut

    def _grow(self, tokens: int) -> None:
        tokens = 1 << (tokens - 1).bit_length()
        width = width_for(self._size, self._dtype)
        self._query = torch.zeros(tokens, self._heads, width, dtype=self._dtype)
        self._key = torch.zeros(tokens, self._kv_heads, width, dtype=self._dtype)
        self._value, self._output = torch.zeros_like(self._key), torch.zeros_like(self._query)
        self._queries_used, self._keys_used, self._staged = 0, 0, None
        self._cut = self._cut_to(tokens)

    def _cut_to(self, tokens: int) -> Cut:
        query, key, value, output = (buffer[:tokens] for buffer in (self._query, self._key, self._value, self._output))
        size, end = self._size, self._end
        return Cut(
            tokens=tokens,
            query=query,
            query_front=query[..., :size],
            query_tail=query[..., size:end],
            key=key,
            key_front=key[..., :size],
            value=value,
            value_front=value[..., :size],
            output=output,
            output_front=output[..., :size],
        )


@dataclass(frozen=True)
class Seat:
    """What one layer needs to be steered.

    Attributes:
        staging: The steps of its engine.
        layer: Its row in the table.
        window: Tokens that its queries see; None for all.
        buffers: The buffers of its shape.
    """

    staging: Staging
    layer: int
    window: int | None
    buffers: Buffers


class AugmentedImpl(cpu_attn.CPUAttentionBackendImpl):
    """vLLM's attention on CPUs, on widened heads."""

    seat: Seat | None = None

    def do_kv_cache_update(
        self, layer: Any, key: Tensor, value: Tensor, kv_cache: Tensor, slot_mapping: Tensor
    ) -> None:
        """Write keys and values of the step into their pages, with their columns."""
        seat = self._seated(layer)
        key, value = seat.buffers.widen_keys(key, value, seat.staging.keys)
        super().do_kv_cache_update(layer, key, value, kv_cache, slot_mapping)

    def forward(
        self,
        layer: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        kv_cache: Tensor,
        attn_metadata: Any,
        output: Tensor,
        *args: Any,
        **options: Any,
    ) -> Tensor:
        """Attend, steered where a request says so: the output, (tokens, heads, head size)."""
        if attn_metadata is None:  # warming up, before there is a cache
            return output
        seat, tokens = self._seated(layer), attn_metadata.num_actual_tokens
        staged = None if seat.staging.keys is None else seat.staging.queries(seat.layer, seat.window)
        if tokens != query.shape[0]:
            query = query[:tokens]
        cut = seat.buffers.widen_queries(query, staged)
        super().forward(layer, cut.query, key, value, kv_cache, attn_metadata, cut.output, *args, **options)
        output[:tokens].copy_(cut.output_front)
        return output

    def _seated(self, layer: Any) -> Seat:
        if self.seat is None:
            raise UnsupportedModelError(
                f"{layer.layer_name} attends before it was made ready for steering.",
                "Leave BOLDFACE_VLLM unset to serve this model unsteered.",
            )
        return self.seat


class AugmentedBackend(cpu_attn.CPUAttentionBackend):
    """vLLM's attention on CPUs, with pages for widened heads."""

    @staticmethod
    def get_impl_cls() -> type[AugmentedImpl]:
        """Return the class that attends."""
        return AugmentedImpl

    @classmethod
    def customize_spec(cls, spec: Any) -> Any:
        """Return the layout of a page, widened."""
        spec = super().customize_spec(spec)
        width = width_for(spec.head_size, spec.dtype)
        return replace(spec, head_size=width, head_size_v=width)


def width_for(size: int, dtype: torch.dtype) -> int:
    """Return the head size to which heads of ``size`` are widened: the next one with room.

    Where the kernel has matrix tiles for 16 bits (AMX), it has them for multiples of 32 only, which are then preferred.

    Raises:
        UnsupportedModelError: The kernel has none with room.
    """
    sizes = cpu_attn.CPUAttentionBackend.get_supported_head_sizes()
    room = [wide for wide in sizes if wide >= size + columns.count(dtype)]
    if size not in sizes or not room:
        raise UnsupportedModelError(
            f"vLLM's attention on CPUs has no head size with room for {columns.count(dtype)} columns above {size}.",
            "Serve the model with the transformers engine.",
        )
    tiled = [wide for wide in room if cpu_attn._get_attn_isa(dtype, 32, wide) == "amx"]
    return int(min(tiled or room))
