"""Put steering into the vLLM of this process: all seams are looked at before the first one is touched."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from vllm.platforms import current_platform

from boldface.errors import RouteError, UnsupportedModelError
from boldface.vllm import gate, prefix_keys, wire
from boldface.vllm.seams import Seam
from boldface.vllm.shape import Heads, heads_of

installed = False
"""Whether that has been done."""

_HINT = "Leave BOLDFACE_VLLM unset to run without steering."
_READY = f"boldface_heads_{wire.VERSION}"
"""Name of the method by which a worker says what it steers; one of another version has another."""


def _admit(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
    """Front end: let a request in, or say what is wrong with it."""
    request = original(self, *args, **kwargs)
    gate.admit(request, heads_of(self.model_config))
    return request


def _beams(original: Callable[..., Any], self: Any, *args: Any, **kwargs: Any) -> Any:
    """Front end: vLLM drops the arguments of a request that wants beams, and would answer it unsteered."""
    gate.refuse_beams(self)
    return original(self, *args, **kwargs)


def _check(original: Callable[..., Any], self: Any, request: Any) -> Any:
    """Engine: let a request in once more; what is refused here ends with an error, alone."""
    gate.check(request, heads_of(self.vllm_config.model_config))
    return original(self, request)


def _ask_workers(original: Callable[..., Any], self: Any, vllm_config: Any) -> Any:
    """Engine: ask all workers what they steer; one without this plugin has no such method, and ends the start."""
    found: dict[int, int] = {}
    for heads in self.model_executor.collective_rpc(_READY):
        found |= heads
    said = heads_of(vllm_config.model_config)
    if found != said:
        raise UnsupportedModelError(
            f"The model's config tells of {len(said)} layers of attention, and its workers steer {len(found)}.", _HINT
        )
    return original(self, vllm_config)


def _key(original: Callable[..., Any], request: Any, start_token_idx: int, end_token_idx: int) -> Any:
    """Engine: say what beside the tokens decides what a block holds."""
    keys = original(request, start_token_idx, end_token_idx)
    text = gate.said(request)
    if isinstance(text, str):
        mine = getattr(request, "_boldface_keys", None)
        if mine is None:  # they live as long as the request
            mine = request._boldface_keys = prefix_keys.keys(text, request.num_prompt_tokens)
        key = mine.of(start_token_idx, end_token_idx)
        if key is not None:
            return [*keys, (prefix_keys.TAG, key)]
    return keys


def _heads(worker: Any) -> Heads:
    """Worker: say what is steered here, layer by layer."""
    heads: Heads | None = getattr(worker.model_runner, "_boldface_heads", None)
    if heads is None:
        runner = type(worker.model_runner)
        raise UnsupportedModelError(f"{runner.__module__}.{runner.__name__} runs the model, and is not steered.", _HINT)
    return heads


_CORE, _HASHES = "vllm.v1.engine.core", "vllm.v1.core.kv_cache_utils"
_INPUT, _API = "vllm.v1.engine.input_processor", "vllm.entrypoints.openai"
_SPEECH = "vllm.entrypoints.speech_to_text"

_WRAPPERS = {
    Seam(_INPUT, "InputProcessor.process_inputs", ("self", "request_id", "prompt", "params")): _admit,
    Seam(f"{_API}.chat_completion.protocol", "ChatCompletionRequest.to_beam_search_params", ("self",)): _beams,
    Seam(f"{_API}.completion.protocol", "CompletionRequest.to_beam_search_params", ("self",)): _beams,
    Seam(f"{_SPEECH}.transcription.protocol", "TranscriptionRequest.to_beam_search_params", ("self",)): _beams,
    Seam(f"{_SPEECH}.translation.protocol", "TranslationRequest.to_beam_search_params", ("self",)): _beams,
    Seam(_CORE, "EngineCore.preprocess_add_request", ("self", "request")): _check,
    Seam(_CORE, "EngineCore._initialize_kv_caches", ("self", "vllm_config")): _ask_workers,
    Seam(_HASHES, "_gen_prompt_embeds_extra_hash_keys", ("request", "start_token_idx", "end_token_idx")): _key,
}
_USED = (
    Seam(_CORE, "EngineCore.__init__", ("self", "vllm_config"), ("_initialize_kv_caches",)),
    Seam(
        f"{_API}.chat_completion.serving",
        "OpenAIServingChat._create_chat_completion",
        calls=("use_beam_search", "to_beam_search_params"),
    ),
    Seam(
        f"{_API}.completion.serving",
        "OpenAIServingCompletion._create_completion",
        calls=("use_beam_search", "to_beam_search_params"),
    ),
    Seam(
        _CORE,
        "EngineCoreProc.process_input_sockets",
        calls=("preprocess_add_request", "_handle_request_preproc_error"),
    ),
    Seam("vllm.v1.engine.core_client", "InprocClient.add_request", calls=("preprocess_add_request",)),
    Seam(_HASHES, "generate_block_hash_extra_keys", ("request",), ("_gen_prompt_embeds_extra_hash_keys",)),
)


def install() -> None:
    """Wrap the seams and register the attention, once.

    Raises:
        RouteError: This vLLM, or this platform, is not one that can be steered exactly.
    """
    global installed
    if installed:
        return
    part = _part()
    part.check()
    wrappers = _WRAPPERS | part.WRAPPERS
    for seam in (*wrappers, *_USED):
        seam.find()
    from vllm.v1.worker.worker_base import WorkerBase

    part.register()
    setattr(WorkerBase, _READY, _heads)
    for seam, wrapper in wrappers.items():
        seam.wrap(wrapper)
    installed = True


def _part() -> Any:
    """Return what steers on this platform: a module with ``WRAPPERS``, ``check`` and ``register``."""
    if current_platform.is_cpu():
        return import_module("boldface.vllm.cpu.install")
    if current_platform.is_cuda():
        return import_module("boldface.vllm.gpu.install")
    raise RouteError(f"Steering inside vLLM runs on CPUs and CUDA, and this is {current_platform.device_name}.", _HINT)
