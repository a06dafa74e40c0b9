"""The state of one steered layer: it answers the layer's attention calls in place of the model's own function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from boldface.attention import fused, routes, split
from boldface.attention.apart import GROWTH, Rows
from boldface.attention.call import Attention, Call, Mass
from boldface.attention.positions import Positions
from boldface.steering.levels import Levels
from boldface.steering.plan import Plan
from boldface.steering.tally import Tally


class LayerSteering:
    """Answers the attention calls of one layer.

    The model's own function is called, with the very same arguments, whenever nothing has to be steered.

    Args:
        layer: Index of the layer.
        plan: The batch.
        positions: Where queries and keys of the current forward stand.
        base: The model's own attention function.
        kernel: The function that runs widened heads.
        implementation: Name of the model's own attention implementation.
        route: A route's name, or ``auto``.
        record: Takes the masses that the split route measures.
        watch: Told of every call of a prefill in which something is steered, before it is answered.
        levels: Levels of the queries; None is 1 for all.
        tally: Takes the mass on the emphasis of single queries, where a release needs it.
    """

    def __init__(
        self,
        layer: int,
        plan: Plan,
        positions: Positions,
        *,
        base: Attention,
        kernel: Attention,
        implementation: str,
        route: str,
        record: Callable[[Mass], None] | None = None,
        watch: Callable[[Call], None] | None = None,
        levels: Levels | None = None,
        tally: Tally | None = None,
    ) -> None:
        self.layer, self.plan, self.positions, self.route = layer, plan, positions, route
        self.base, self.kernel, self.implementation, self.record = base, kernel, implementation, record
        self.watch, self.levels, self.tally = watch, levels, tally
        self.used: set[str] = set()
        self._expanded = plan
        self._rows: Tensor | None = None
        self._apart: Rows | None = None
        self._is_simple = False

    def __call__(
        self,
        module: nn.Module,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Any,
        scaling: float | None = None,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Answer one call: (batch, query, heads, value_dim), as the model's own function would."""
        if self.levels is not None and self.levels.is_off:
            return self.base(module, query, key, value, attention_mask, scaling=scaling, **options)
        level = None if self.levels is None else self.levels.current
        if (
            self._is_simple
            and level is None
            and self.route in ("auto", "fused")
            and attention_mask is None
            and not module.training
            and query.shape[2] == 1
            and query.shape[0] == self._expanded.batch
        ):
            return fused.decode(query, key, value, self._row_bias(0, key.shape[2]), scaling), None
        if (
            self._apart is not None
            and self.record is None
            and not module.training
            and not (torch.is_grad_enabled() and any(one.requires_grad for one in (query, key, value)))
            and query.shape[2] == 1
            and query.shape[0] == self._expanded.batch
        ):
            return split.decode(query, key, value, self._apart.of(key.shape[2], level, attention_mask), scaling), None
        plan = self._plan_for(query)
        start, queries = self.positions.query_start, query.shape[2]
        if queries > 1 and isinstance(start, int) and start + queries <= plan.earliest_start:
            return self.base(module, query, key, value, attention_mask, scaling=scaling, **options)
        call = Call(
            module=module,
            query=query,
            key=key,
            value=value,
            mask=attention_mask,
            scaling=query.shape[-1] ** -0.5 if scaling is None else scaling,
            options=options,
            plan=plan,
            layer=self.layer,
            query_start=start,
            key_start=self.positions.key_start,
            rows=self._row_bias if queries == 1 else partial(plan.row_bias, self.layer),
            base=self.base,
            kernel=self.kernel,
            implementation=self.implementation,
            record=self.record,
            appends=self.positions.appends(attention_mask, queries, key.shape[2]),
            level=level,
            tally=self.tally if queries == 1 and self.layer in plan.measured else None,
        )
        if self.watch is not None:
            self.watch(call)
        name = routes.choose(call) if self.route == "auto" else routes.check(call, self.route)
        self.used.add(name)
        self._is_simple = self._is_simple or (name == "fused" and fused.is_simple(call))
        if name == "split" and split.is_simple(call):
            self._apart = Rows(plan, self.layer, self.tally)
        output = routes.ROUTES[name].run(call)
        return output.transpose(1, 2).contiguous(), None

    def _plan_for(self, query: Tensor) -> Plan:
        if self._expanded.batch != query.shape[0] or self._expanded.nats.device != query.device:
            self._expanded = self.plan.expand(query.shape[0]).to(query.device)
            self._rows = self._apart = None
        return self._expanded

    def _row_bias(self, key_start: int, key_stop: int) -> Tensor:
        """Slice the bias row of every head, computed once and grown as the answer grows.

        Not for prefills: a small block that outlives the forward pins the heap below the large ones, 5 % of the peak.
        """
        if self._expanded.gains[self.layer].requires_grad:
            return self._expanded.row_bias(self.layer, key_start, key_stop)
        if self._rows is None or self._rows.shape[-1] < key_stop:
            capacity = -(-(key_stop + GROWTH) // GROWTH) * GROWTH
            self._rows = self._expanded.row_bias(self.layer, 0, capacity)
        return self._rows[..., key_start:key_stop]
