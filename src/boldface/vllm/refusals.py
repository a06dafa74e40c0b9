"""What an engine may be configured for that steering does not know, on CPUs and GPUs alike."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from boldface.errors import UnsupportedModelError

REFUSED: tuple[tuple[str, str, object], ...] = (
    ("decode context parallelism", "parallel_config.decode_context_parallel_size", 1),
    ("prefill context parallelism", "parallel_config.prefill_context_parallel_size", 1),
    ("micro-batches", "parallel_config.use_ubatching", False),
    ("fast prefill over shared KV", "cache_config.kv_sharing_fast_prefill", False),
    ("attention within images", "model_config.is_mm_prefix_lm", False),
    ("diffusion", "model_config.is_diffusion", False),
    ("sleep mode, which forgets the tables", "model_config.enable_sleep_mode", False),
    ("speculative decoding", "speculative_config", None),
    ("KV connectors, which may hash tokens alone", "kv_transfer_config", None),
)
"""What gives attention other rows or masks than it is steered by, or was not tried: name, place in config, its no."""

HINT = "Switch it off, or leave BOLDFACE_VLLM unset to serve without steering."


def refuse(config: Any) -> None:
    """Refuse an engine that is configured for what cannot be steered exactly.

    Args:
        config: vLLM's ``VllmConfig``.

    Raises:
        UnsupportedModelError: It is, or its config does not tell.
    """
    for name, path, no in REFUSED:
        try:
            value = attrgetter(path)(config)
        except AttributeError:
            raise UnsupportedModelError(f"This vLLM's config has no {path}, so {name} may be on.", HINT) from None
        if value != no:
            raise UnsupportedModelError(f"Steering does not go with {name}.", HINT)
