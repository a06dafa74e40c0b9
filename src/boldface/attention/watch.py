"""Watching: be told of the attention calls of some layers while the model runs as it is, nothing steered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask

from boldface.attention import seams
from boldface.attention.call import Call
from boldface.attention.geometry import geometry
from boldface.steering.plan import Plan

Watch = Callable[[Call], None]


@contextmanager
def watched(model: nn.Module, plan: Plan, watch: Watch) -> Iterator[None]:
    """Tell ``watch`` of every attention call of the layers that ``plan`` would steer; the model answers it by itself.

    Only for forwards over whole prompts, without a cache of earlier ones.
    """
    layers = geometry(model).layers
    with ExitStack() as stack:
        for index in plan.gains:
            module = layers[index].module
            stack.enter_context(seams.replaced(module, _telling(module, index, plan, watch)))
        yield


def _telling(module: Any, index: int, plan: Plan, watch: Watch) -> Callable[..., tuple[Tensor, Tensor | None]]:
    base, kernel = seams.base_function(module), seams.kernel_function(module)
    implementation = seams.implementation(module)

    def answer(
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Any,
        scaling: float | None = None,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None]:
        call = Call(
            module=module,
            query=query,
            key=key,
            value=value,
            mask=attention_mask,
            scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
            options=options,
            plan=plan,
            layer=index,
            query_start=0,
            key_start=0,
            rows=partial(plan.row_bias, index),
            base=base,
            kernel=kernel,
            implementation=implementation,
        )
        watch(call)
        return base(module, query, key, value, attention_mask, scaling=scaling, **options)

    return answer


def last_query(call: Call) -> Call:
    """Return the part of a call that is about its last query."""
    mask = call.mask
    if isinstance(mask, BlockMask):
        mask = call.visible()[:, :, -1:]
    elif isinstance(mask, Tensor) and mask.ndim == 4:
        mask = mask[:, :, -1:]
    return replace(call, query=call.query[:, :, -1:], query_start=call.query_start + call.queries - 1, mask=mask)


def some_queries(call: Call, start: int, stop: int) -> Call:
    """Return the part of a call over a whole prompt that is about its queries ``[start, stop)``."""
    return replace(
        call,
        query=call.query[:, :, start:stop],
        query_start=call.query_start + start,
        mask=_of_queries(call, start, stop),
    )


def _of_queries(call: Call, start: int, stop: int) -> Tensor:
    """The mask of these queries; that of a causal flag is written out."""
    if isinstance(call.mask, Tensor) and call.mask.ndim == 4:
        return call.mask[:, :, start:stop]
    return call.visible()[:, :, start:stop]
