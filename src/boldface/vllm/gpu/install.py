"""What :mod:`boldface.vllm.install` puts into a vLLM that runs on GPUs: its backends, steered, and the seams.

Everything in front of the workers (gate, keys of the prefix cache) is the same on all platforms, and not here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from boldface.errors import RouteError
from boldface.vllm.seams import Seam, version

TRITON = "boldface.vllm.gpu.backend.SteeredTritonBackend"
FLASH = "boldface.vllm.gpu.flash.WidenedFlashBackend"
_TRITON = "vllm.v1.attention.backends.triton_attn"
_V1, _V2 = "vllm.v1.worker.gpu_model_runner", "vllm.v1.worker.gpu.model_runner"

_READ = {
    (_TRITON, "TritonAttentionMetadata"): (
        "num_actual_tokens",
        "max_query_len",
        "query_start_loc",
        "seq_lens",
        "block_table",
        "seq_threshold_3D",
        "softmax_segm_output",
        "softmax_segm_max",
        "softmax_segm_expsum",
    ),
    ("vllm.v1.worker.gpu.input_batch", "InputBatch"): ("idx_mapping",),
    ("vllm.v1.core.sched.output", "NewRequestData"): ("req_id", "sampling_params"),
}
"""Dataclasses of vLLM that are read, and the fields that are read of them."""

_USED = (
    Seam(
        _TRITON,
        "TritonAttentionImpl.forward",
        ("self", "layer", "query", "key", "value", "kv_cache", "attn_metadata", "output"),
    ),
    Seam(_TRITON, "TritonAttentionImpl.do_kv_cache_update", ("self", "layer", "key", "value", "kv_cache")),
    Seam(
        "vllm.v1.attention.backends.flash_attn",
        "FlashAttentionImpl.forward",
        ("self", "layer", "query", "key", "value", "kv_cache", "attn_metadata", "output"),
    ),
    Seam(
        "vllm.v1.attention.backends.fa_utils", "get_flash_attn_version", ("requires_alibi", "head_size", "head_size_v")
    ),
    Seam("vllm.model_executor.layers.attention.attention", "get_attention_context", ("layer_name",)),
    Seam(_V1, "GPUModelRunner._prepare_inputs", ("self", "scheduler_output", "num_scheduled_tokens")),
    Seam(_V1, "GPUModelRunner.execute_model", ("self", "scheduler_output"), ("_prepare_inputs",)),
    Seam(_V2, "GPUModelRunner.add_requests", ("self", "scheduler_output")),
    Seam(_V2, "GPUModelRunner.prepare_inputs", ("self", "scheduler_output")),
    Seam(_V2, "GPUModelRunner.execute_model", ("self", "scheduler_output"), ("add_requests", "prepare_inputs")),
)

_LAYOUT = "kv_cache.transpose(1, 2)"
"""How vLLM's own kernel sees a layer's cache, and ours after it: (blocks, kv_heads, block, keys and values)."""


def _seat(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
    """Worker: make the model ready once it is loaded."""
    loaded = original(self, *args, **kwargs)
    from vllm.distributed import get_tensor_model_parallel_rank, get_tensor_model_parallel_world_size

    from boldface.vllm.gpu.runners import attach

    self._boldface_heads = attach(self, get_tensor_model_parallel_rank(), get_tensor_model_parallel_world_size())
    return loaded


WRAPPERS: Mapping[Seam, Callable[..., Any]] = {
    Seam(_V1, "GPUModelRunner.load_model", ("self",)): _seat,
    Seam(_V2, "GPUModelRunner.load_model", ("self",)): _seat,
}
"""What is wrapped in the workers."""


def check() -> None:
    """Look at everything that is used and not wrapped.

    Raises:
        RouteError: This vLLM does not have it, or not like this.
    """
    for seam in _USED:
        seam.find()
    for (module, name), fields in _READ.items():
        if missing := set(fields) - _fields(getattr(import_module(module), name, object)):
            raise _refusal(f"{module}.{name} has no {', '.join(sorted(missing))}")
    _, _, forward = _USED[0].find()
    if _LAYOUT not in inspect.getsource(forward):
        raise _refusal("the cache of its Triton backend is laid out otherwise")


def register() -> None:
    """Put our backends in the place of vLLM's; engines have to name theirs: ``--attention-backend TRITON_ATTN``."""
    from vllm.v1.attention.backends.registry import AttentionBackendEnum, register_backend

    register_backend(AttentionBackendEnum.TRITON_ATTN, TRITON)
    register_backend(AttentionBackendEnum.FLASH_ATTN, FLASH)


def _fields(holder: Any) -> set[str]:
    return {name for kind in holder.__mro__ for name in getattr(kind, "__annotations__", {})}


def _refusal(what: str) -> RouteError:
    return RouteError(
        f"boldface does not fit into the GPU part of this vLLM ({version()}): {what}.",
        "docs/vllm-gpu.md names the versions that were read. Leave BOLDFACE_VLLM unset to run without steering.",
    )
