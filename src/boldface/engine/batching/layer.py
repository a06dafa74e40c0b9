"""The seam of one layer for as long as a scheduler has the model: it steers the batch, or the request that joins it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from boldface.attention import seams
from boldface.attention.apart import Apart, attend_apart
from boldface.attention.geometry import LayerGeometry
from boldface.attention.layer import LayerSteering
from boldface.errors import RouteError
from boldface.steering import reference
from boldface.steering.attend import attend, examine, kernel
from boldface.steering.merge import drain_into_sink

WHY_NOT_APART = "No kernel tells how much attention the emphasis of a batch has in this model."


@dataclass
class Turn:
    """Whose turn it is; set before every forward.

    Attributes:
        joining: Steered layers of the request whose prompt is read; None while the batch decodes.
        biases: Layer to the bias of the batch, (rows, kv_heads, heads of a kv_head, columns), masks included.
        apart: Layer to the same, where some row's lifted keys are told apart from the rest.
        masks: Identities of the masks that the model is given.
    """

    joining: Mapping[int, LayerSteering] | None = None
    biases: Mapping[int, Tensor] = field(default_factory=dict)
    apart: Mapping[int, Apart] = field(default_factory=dict)
    masks: frozenset[int] = frozenset()


class Seam:
    """Answers the attention calls of one layer; the model's own function does wherever nothing is steered.

    Args:
        layer: The layer.
        turn: Whose turn it is.

    Attributes:
        route: The route that carries the bias of the batch.
    """

    def __init__(self, layer: LayerGeometry, turn: Turn) -> None:
        self.base, self.kernel = seams.base_function(layer.module), seams.kernel_function(layer.module)
        self.implementation = seams.implementation(layer.module)
        weight = next(layer.module.parameters())
        has_kernel = all(examine(weight.device.type, dtype) is None for dtype in (weight.dtype, torch.float32))
        is_capped = layer.softcap is not None and self.implementation != "sdpa"
        self.route = "fused" if has_kernel and not is_capped and layer.value_dim <= layer.head_dim else "reference"
        self._is_simple = self.route == "fused" and not layer.sinks and layer.value_dim == layer.head_dim
        self._attend, self._layer, self._turn = kernel(weight.device.type), layer.layer, turn

    def __call__(
        self,
        module: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attention_mask: Any,
        scaling: float | None = None,
        **options: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Answer one call, as the model's own function would: (batch, query, heads, value_dim)."""
        turn = self._turn
        if turn.joining is not None:
            answer = turn.joining.get(self._layer, self.base)
            return answer(module, query, key, value, attention_mask, scaling=scaling, **options)
        bias = turn.biases.get(self._layer)
        if bias is None:
            return self.base(module, query, key, value, attention_mask, scaling=scaling, **options)
        apart = turn.apart.get(self._layer)
        if id(attention_mask) not in turn.masks:  # the layer added something of its own
            own = attention_mask.expand(-1, query.shape[1], -1, -1).reshape(bias.shape)
            bias, apart = bias + own, None if apart is None else apart.beside(own)
        scale = query.shape[-1] ** -0.5 if scaling is None else scaling
        if self._is_simple:
            # The heads that share keys are queries of one head: nothing is repeated.
            rows, heads, _, width = query.shape
            grouped = query.reshape(rows, key.shape[1], -1, width)
            if apart is not None:
                attend_one = partial(self._attend_one, scale)
                return attend_apart(attend_one, grouped, key, value, apart).reshape(rows, 1, heads, width), None
            return self._attend(grouped, key, value, scale, False, bias)[0].reshape(rows, 1, heads, width), None
        if apart is not None:
            return self._attend_apart(query, key, value, apart, scale, options).transpose(1, 2), None
        bias = bias.reshape(query.shape[0], query.shape[1], 1, -1)
        return self._attend_oddly(query, key, value, bias, scale, options).transpose(1, 2), None

    def _attend_one(
        self, scale: float, query: Tensor, key: Tensor, value: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        return self._attend(query, key, value, scale, False, bias)

    def _attend_apart(
        self, query: Tensor, key: Tensor, value: Tensor, apart: Apart, scale: float, options: dict[str, Any]
    ) -> Tensor:
        """Attend where there are sinks or narrower values: (batch, heads, 1, value_dim)."""
        if options.get("position_bias") is not None:
            raise RouteError("The layer adds a position bias of its own.", "Leave it out of the heads.")
        if self.route != "fused":
            raise RouteError(WHY_NOT_APART, "Leave target and release out, or use model.generate.")
        sinks = options.get("s_aux")

        def attend_one(query: Tensor, key: Tensor, value: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
            return attend(query, key, value, scale=scale, bias=bias)

        sinks = None if sinks is None else sinks.float()[None, :, None]
        return attend_apart(attend_one, query, key, value, apart.flat(), sinks)

    def _attend_oddly(
        self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scale: float, options: dict[str, Any]
    ) -> Tensor:
        """Attend where there are sinks, soft caps, narrower values or no kernel: (batch, heads, 1, value_dim)."""
        if options.get("position_bias") is not None:
            raise RouteError("The layer adds a position bias of its own.", "Leave it out of the heads.")
        sinks = options.get("s_aux")
        if self.route == "fused":
            output, lse = attend(query, key, value, scale=scale, bias=bias)
            return output if sinks is None else drain_into_sink(output, lse, sinks)[0]
        seen = bias > torch.finfo(query.dtype).min / 2
        plain = torch.where(seen, bias, 0.0).double()
        softcap = None if self.implementation == "sdpa" else options.get("softcap")
        answer, _ = reference.attend(query, key, value, seen, plain, scale=scale, softcap=softcap, sinks=sinks)
        return answer.to(query.dtype)
