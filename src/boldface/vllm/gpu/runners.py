"""Joining vLLM's model runners: the tables when the model is loaded, their contents before every step.

Both hooks sit where vLLM has settled who is in the step and has not launched anything of it: behind ``_prepare_inputs``
of runner V1, behind ``add_requests`` and ``prepare_inputs`` of runner V2. Writes go to the stream that the model runs
on, so a step in flight still reads what it was started with.
"""

from __future__ import annotations

from typing import Any

from boldface.errors import UnsupportedModelError
from boldface.steering.plan import Steering
from boldface.vllm import wire
from boldface.vllm.gpu.rows import Rows
from boldface.vllm.gpu.seating import layers_of, seat
from boldface.vllm.gpu.staging import ByName, ByState
from boldface.vllm.refusals import HINT, refuse
from boldface.vllm.shape import Heads, heads_of


def attach(runner: Any, rank: int, ranks: int) -> Heads:
    """Build the tables of a worker whose model is loaded, and have its runner fill them.

    Args:
        runner: vLLM's model runner, V1 or V2.
        rank: Of the tensor-parallel group.
        ranks: Of the group in all.

    Returns:
        The layers that it steers, with their query heads on all ranks.

    Raises:
        UnsupportedModelError: Something of this engine cannot be steered exactly; it must not start.
    """
    config = runner.vllm_config
    refuse(config)
    layers, whole = dict(layers_of(runner.model)), heads_of(config.model_config)
    for index, layer in layers.items():
        if layer.impl.num_heads * ranks != whole.get(index):
            raise UnsupportedModelError(
                f"Layer {index} has {layer.impl.num_heads * ranks} query heads, and the model's config says "
                f"{whole.get(index)}.",
                HINT,
            )
    seats = config.scheduler_config.max_num_seqs
    rows = Rows(
        {index: layer.impl.num_heads for index, layer in layers.items()},
        slots=seats,
        rows=seats,
        positions=config.model_config.max_model_len,
        rank=rank,
        device=runner.device,
    )
    seat(config, runner.model, rows)
    if hasattr(runner, "_prepare_inputs"):
        _attach_v1(runner, rows, seats)
    else:
        _attach_v2(runner, rows, seats)
    return {index: whole[index] for index in layers}


def steering_of(params: Any) -> Steering | None:
    """Return what a request's sampling parameters say; pooling requests have none."""
    said = None if params is None else (params.extra_args or {}).get(wire.KEY)
    return None if said is None else wire.steering(said)


def _attach_v1(runner: Any, rows: Rows, seats: int) -> None:
    by_name, prepare = ByName(rows, seats), runner._prepare_inputs

    def prepare_inputs(*args: Any, **kwargs: Any) -> Any:
        prepared = prepare(*args, **kwargs)
        requests = runner.requests
        by_name.step(
            [(name, requests[name].num_prompt_tokens) for name in runner.input_batch.req_ids],
            lambda name: steering_of(requests[name].sampling_params),
        )
        return prepared

    runner._prepare_inputs = prepare_inputs


def _attach_v2(runner: Any, rows: Rows, seats: int) -> None:
    by_state, add, prepare = ByState(rows, seats), runner.add_requests, runner.prepare_inputs

    def add_requests(scheduled: Any) -> None:
        add(scheduled)
        for new in scheduled.scheduled_new_reqs:
            state = runner.req_states.req_id_to_index[new.req_id]
            by_state.join(state, steering_of(new.sampling_params), new.prompt_len)
        if scheduled.scheduled_new_reqs:
            by_state.send()

    def prepare_inputs(*args: Any, **kwargs: Any) -> Any:
        batch = prepare(*args, **kwargs)
        by_state.step(batch.idx_mapping)
        return batch

    runner.add_requests, runner.prepare_inputs = add_requests, prepare_inputs
