"""What :mod:`boldface.vllm.install` puts into a vLLM that runs on CPUs: its backend, steered, and the seams."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from boldface.vllm.seams import Seam
from boldface.vllm.staging import texts

BACKEND = "boldface.vllm.cpu.augment.AugmentedBackend"
_ATTENTION = "vllm.v1.attention.backends.cpu_attn"

_USED = (
    Seam(_ATTENTION, "CPUAttentionBackendImpl.do_kv_cache_update", ("self", "layer", "key", "value", "kv_cache")),
    Seam(
        _ATTENTION,
        "CPUAttentionBackendImpl.forward",
        ("self", "layer", "query", "key", "value", "kv_cache", "attn_metadata", "output"),
    ),
    Seam("vllm.v1.worker.gpu_model_runner", "GPUModelRunner.execute_model", ("self",), ("_prepare_inputs",)),
    Seam("vllm.v1.worker.gpu_model_runner", "GPUModelRunner.get_kv_cache_spec", ("self",)),
)


def _seat(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
    """Worker: make the model ready once it is loaded."""
    loaded = original(self, *args, **kwargs)
    from boldface.vllm.cpu.seating import seat

    self._boldface_staging, self._boldface_heads = seat(self)
    return loaded


def _stage(original: Callable[..., Any], self: Any, scheduler_output: Any, num_scheduled_tokens: Any) -> Any:
    """Worker: lay out what the tokens of the step append, before the model runs."""
    batch = self.input_batch
    rows = slice(batch.num_reqs)
    self._boldface_staging.stage(
        texts(batch.req_ids, self.requests),
        batch.num_prompt_tokens[rows],
        batch.num_computed_tokens_cpu[rows],
        num_scheduled_tokens,
    )
    return original(self, scheduler_output, num_scheduled_tokens)


WRAPPERS: Mapping[Seam, Callable[..., Any]] = {
    Seam("vllm.v1.worker.cpu_model_runner", "CPUModelRunner.load_model", ("self",)): _seat,
    Seam(
        "vllm.v1.worker.gpu_model_runner",
        "GPUModelRunner._prepare_inputs",
        ("self", "scheduler_output", "num_scheduled_tokens"),
    ): _stage,
}
"""What is wrapped in the workers."""


def check() -> None:
    """Look at everything that is used and not wrapped.

    Raises:
        RouteError: This vLLM does not have it, or not like this.
    """
    for seam in _USED:
        seam.find()


def register() -> None:
    """Put our backend in the place of vLLM's."""
    from vllm.v1.attention.backends.registry import AttentionBackendEnum, register_backend

    register_backend(AttentionBackendEnum.CPU_ATTN, BACKEND)
