"""vLLM's Triton backend with our kernel in place of its own: cache, metadata and everything around stay vLLM's.

A layer gets its bias when the model is loaded (:mod:`boldface.vllm.gpu.seating`). The keys and values that are written
are the plain ones, so nothing is padded.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from vllm.v1.attention.backends.triton_attn import (
    TritonAttentionBackend,
    TritonAttentionImpl,
    TritonAttentionMetadata,
)

from boldface.errors import UnsupportedModelError
from boldface.vllm.gpu.attend import Parts, attend, padded_size
from boldface.vllm.gpu.rows import Bias


class SteeredTritonImpl(TritonAttentionImpl):
    """Attention of one layer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.bias: Bias | None = None
        self.window = self.sliding_window[0] + 1 if self.sliding_window[0] >= 0 else None
        self.softcap = self.logits_soft_cap or None

    def fused_output_quant_supported(self, quant_key: Any) -> bool:
        """Return False: our kernel writes what the model computes in."""
        return False

    def forward(
        self,
        layer: nn.Module,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        kv_cache: torch.Tensor,
        attn_metadata: TritonAttentionMetadata,
        output: torch.Tensor,
        output_scale: torch.Tensor | None = None,
        output_block_scale: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend; see vLLM's class for the shapes."""
        if attn_metadata is None:  # vLLM's profiling run
            return output.fill_(0)
        if self.bias is None:
            raise UnsupportedModelError("A layer attends before it was made ready for steering.")
        tokens = attn_metadata.num_actual_tokens
        cache = kv_cache.transpose(1, 2)
        attend(
            query[:tokens],
            cache[..., : self.head_size],
            cache[..., self.head_size :],
            attn_metadata.block_table,
            attn_metadata.query_start_loc,
            attn_metadata.seq_lens,
            self.bias,
            output[:tokens],
            scale=self.scale,
            longest_query=attn_metadata.max_query_len,
            window=self.window,
            softcap=self.softcap,
            sinks=self.sinks,
            parts=_parts(attn_metadata, self.num_heads, self.head_size),
        )
        return output


class SteeredTritonBackend(TritonAttentionBackend):
    """The backend that is registered in the place of ``TRITON_ATTN``."""

    @staticmethod
    def get_impl_cls() -> type[SteeredTritonImpl]:
        """Return the class of a layer's attention."""
        return SteeredTritonImpl

    @classmethod
    def supports_batch_invariance(cls) -> bool:
        """Return False: how the work is cut depends on the longest row."""
        return False


def _parts(metadata: TritonAttentionMetadata, heads: int, head_dim: int) -> Parts | None:
    """Return vLLM's scratch where every row has one query and they are few: the keys are cut into segments there.

    A captured graph has the shapes of its capture, and so the same answer.
    """
    out = metadata.softmax_segm_output
    if metadata.max_query_len > 1 or len(metadata.seq_lens) > metadata.seq_threshold_3D:
        return None
    if (out.shape[1], out.shape[3]) != (heads, padded_size(head_dim)):  # made for other layers of the model
        return None
    return Parts(out, metadata.softmax_segm_max, metadata.softmax_segm_expsum)
