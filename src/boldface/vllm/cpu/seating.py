"""Make a model that vLLM has loaded ready for steering: every attention layer gets its seat, or the start ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vllm.distributed import get_pp_group, get_tensor_model_parallel_rank, get_tensor_model_parallel_world_size
from vllm.model_executor.layers.attention import Attention
from vllm.model_executor.layers.attention_layer_base import AttentionLayerBase
from vllm.model_executor.models.utils import extract_layer_index

from boldface.errors import UnsupportedModelError
from boldface.vllm.cpu.augment import AugmentedImpl, Buffers, Seat, width_for
from boldface.vllm.cpu.probe import probe
from boldface.vllm.refusals import refuse
from boldface.vllm.shape import Heads, heads_of
from boldface.vllm.staging import Staging
from boldface.vllm.table import Table

_HINT = "Leave BOLDFACE_VLLM unset to serve it unsteered, or serve it with the transformers engine."


def seat(runner: Any) -> tuple[Staging, Heads]:
    """Seat the layers of a runner's model.

    Args:
        runner: vLLM's runner, its model loaded.

    Returns:
        What stages the steps of this runner, and the layers that it steers, with their query heads on all ranks.

    Raises:
        UnsupportedModelError: Something in the model, or in how it is served, cannot be steered exactly.
    """
    config = runner.vllm_config
    refuse(config)
    layers = _layers(config)
    ranks, rank = get_tensor_model_parallel_world_size(), get_tensor_model_parallel_rank()
    whole = heads_of(config.model_config)
    for index, layer in layers.items():
        _check_layer(index, layer)
        if whole.get(index) != layer.num_heads * ranks:
            raise UnsupportedModelError(
                f"Layer {index} has {layer.num_heads * ranks} query heads, and the model's config says "
                f"{whole.get(index)}.",
                _HINT,
            )
    heads = config.model_config.get_num_attention_heads(config.parallel_config)
    dtype = config.model_config.dtype
    table = Table(
        config.scheduler_config.max_num_seqs,
        list(layers),
        [layer.impl.scale for layer in layers.values()],
        range(rank * heads, (rank + 1) * heads),
        dtype,
    )
    staging = Staging(table)
    buffers: dict[tuple[int, int], Buffers] = {}
    for row, layer in enumerate(layers.values()):
        shape = layer.num_kv_heads, layer.head_size
        if shape not in buffers:
            probe(layer, config.cache_config.block_size)
            buffers[shape] = Buffers(layer.num_heads, *shape, dtype)
        layer.impl.seat = Seat(staging, row, layer.sliding_window, buffers[shape])
    _check_pages(runner, layers.values())
    _make_room(runner)
    return staging, {index: whole[index] for index in layers}


def _layers(config: Any) -> Mapping[int, Any]:
    """Return the attention layers of the model on this rank, by their number."""
    found: dict[int, Any] = {}
    for name, layer in config.compilation_config.static_forward_context.items():
        if not isinstance(layer, AttentionLayerBase):
            continue  # experts are listed too
        if type(layer) is not Attention:
            raise UnsupportedModelError(f"{name} is {type(layer).__name__}, which cannot be steered.", _HINT)
        index = extract_layer_index(name)
        if index in found:
            raise UnsupportedModelError(f"Layer {index} has two attentions.", _HINT)
        found[index] = layer
    return dict(sorted(found.items()))


def _check_layer(index: int, layer: Any) -> None:
    reason = None
    if type(layer.impl) is not AugmentedImpl:
        reason = f"attends by {type(layer.impl).__name__}, not by boldface's"
    elif layer.attn_type != "decoder":
        reason = f"is an attention of kind {layer.attn_type}"
    elif layer.impl.logits_soft_cap:
        reason = "caps its scores, and a folded bias would be capped too"
    elif layer.impl.is_fp8_kv_cache:
        reason = "keeps its cache in 8 bits, which round the columns of the fold"
    if reason:
        raise UnsupportedModelError(f"Layer {index} {reason}.", _HINT)


def _check_pages(runner: Any, layers: Iterable[Any]) -> None:
    """Refuse pages that did not grow: the kernel would write across their edges."""
    specs = runner.get_kv_cache_spec()
    for layer in layers:
        spec, width = specs.get(layer.layer_name), width_for(layer.head_size, layer.dtype)
        if spec is not None and (spec.head_size, spec.head_size_v) != (width, width):
            raise UnsupportedModelError(
                f"The pages of {layer.layer_name} are for heads of {spec.head_size}, and {width} are needed.", _HINT
            )


def _make_room(runner: Any) -> None:
    """Make what a later stage of a pipeline receives into: vLLM does so as it warms up, and skips that if eager."""
    if get_pp_group().is_first_rank or runner.intermediate_tensors is not None:
        return
    runner.intermediate_tensors = runner.model.make_empty_intermediate_tensors(
        batch_size=runner.max_num_tokens, dtype=runner.model_config.dtype, device=runner.device
    )
