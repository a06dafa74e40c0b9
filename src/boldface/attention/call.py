"""One attention call of a steered layer: what the model passed, and the bias that belongs to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_mask

from boldface.steering.plan import Plan
from boldface.steering.tally import Tally

Attention = Callable[..., tuple[Tensor, Tensor | None]]


class Mass(NamedTuple):
    """Share of every query's attention on the emphasis, on generated and on other tokens, before and after steering.

    Attributes:
        layer: Index of the layer.
        before: (3, batch, heads, query), summing to 1 over the first axis (less where a sink takes a share).
        after: The same, steered.
    """

    layer: int
    before: Tensor
    after: Tensor


@dataclass(slots=True)
class Call:
    """What a route needs to answer one attention call exactly.

    Attributes:
        module: The attention module.
        query: (batch, heads, query, head_dim).
        key: (batch, kv_heads, key, head_dim), cached keys included.
        value: (batch, kv_heads, key, value_dim).
        mask: As the model's own implementation wants it: None (causal, or everything for a single query),
            (batch, 1, query, key) bool or additive float, (batch, key) padding for flash kernels, or a BlockMask.
        scaling: Multiplies query·key.
        options: Everything else the model passed on (dropout, sliding_window, softcap, s_aux, ...).
        plan: Rows as they reach the model (expanded over beams).
        layer: Index of the layer.
        query_start: Column of the first query; a tensor for static caches.
        key_start: Column of the first key; above 0 behind a sliding-window cache.
        rows: Cached row bias of the layer, see :meth:`row_bias`.
        base: The model's own attention function.
        kernel: The function that runs widened heads: ``base``, or torch's SDPA where the model's own is eager.
        implementation: The model's own choice, as in ``attn_implementation``.
        record: Takes the masses that the split route measures, if anybody wants them.
        appends: True when the mask says no more than that the queries stand behind keys that all of them see.
        level: Levels of the queries, (batch, 1 or query); None where all are 1. See :mod:`boldface.steering.levels`.
        tally: Takes the mass on the emphasis of single queries, where a release needs it.
    """

    module: nn.Module
    query: Tensor
    key: Tensor
    value: Tensor
    mask: Any
    scaling: float
    options: dict[str, Any]
    plan: Plan
    layer: int
    query_start: int | Tensor
    key_start: int
    rows: Callable[[int, int], Tensor]
    base: Attention
    kernel: Attention
    implementation: str
    record: Callable[[Mass], None] | None = None
    appends: bool = False
    level: Tensor | None = None
    tally: Tally | None = None

    @property
    def queries(self) -> int:
        """Queries in this call."""
        return self.query.shape[2]

    @property
    def keys(self) -> int:
        """Keys in this call."""
        return self.key.shape[2]

    @property
    def softcap(self) -> float | None:
        """Cap of the scores (Gemma 2), if any; torch's SDPA has none, so a model that runs on it has none either."""
        return None if self.implementation == "sdpa" else self.options.get("softcap")

    @property
    def sinks(self) -> Tensor | None:
        """(heads,) learned sink scores (gpt-oss), if any."""
        return self.options.get("s_aux")

    @property
    def windowed(self) -> bool:
        """True when the layer sees only a sliding window or a chunk, so that the emphasis can leave it."""
        if self.options.get("sliding_window") is not None:
            return True
        # Llama 4 tells its layers of chunks by the mask alone.
        layer_types = getattr(getattr(self.module, "config", None), "layer_types", None) or ()
        return self.layer < len(layer_types) and layer_types[self.layer] == "chunked_attention"

    @property
    def is_flash(self) -> bool:
        """True when the model's own implementation is a flash kernel: masks are 2-D, windows are arguments."""
        return "flash" in self.implementation

    @property
    def needs_gradient(self) -> bool:
        """True when somebody may differentiate through this call."""
        tensors = (self.query, self.key, self.value, self.plan.gains[self.layer])
        return torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)

    def query_columns(self) -> Tensor:
        """Return the column of every query: (query,)."""
        return torch.arange(self.queries, device=self.query.device) + self.query_start

    def key_columns(self) -> Tensor:
        """Return the column of every key: (key,)."""
        return torch.arange(self.keys, device=self.query.device) + self.key_start

    def visible(self) -> Tensor:
        """Return what every query sees: (batch or 1, 1 or heads, query, key) bool."""
        if isinstance(self.mask, BlockMask):
            seen: Tensor = create_mask(
                self.mask.mask_mod, self.query.shape[0], 1, self.queries, self.keys, self.query.device.type
            )
            return seen
        if self.is_flash:
            return self._visible_to_flash()
        if self.mask is None:
            if self.queries == 1:
                return torch.ones(1, 1, 1, self.keys, dtype=torch.bool, device=self.query.device)
            square = torch.ones(self.queries, self.keys, dtype=torch.bool, device=self.query.device).tril()
            return square[None, None]
        mask: Tensor = self.mask
        return mask if mask.dtype == torch.bool else mask > torch.finfo(mask.dtype).min / 2

    def _visible_to_flash(self) -> Tensor:
        """Flash kernels are told of causality and window by arguments, and of padding by a mask (batch, key)."""
        age = self.query_columns()[:, None] - self.key_columns()[None, :]
        window = self.options.get("sliding_window")
        seen = (age >= 0 if window is None else (age >= 0) & (age < window))[None, None]
        if self.mask is None:
            return seen
        real = torch.nn.functional.pad(self.mask.bool(), (0, self.keys - self.mask.shape[-1]))
        return seen & real[:, None, None, :]

    def offset(self) -> Tensor | float:
        """Return what a float mask adds to the scores of visible keys: 0 in most models, learned in some."""
        return self.mask if isinstance(self.mask, Tensor) and self.mask.is_floating_point() else 0.0

    def row_bias(self) -> Tensor:
        """Return the bias of this call's keys for an active query: (batch, heads, 1, key).

        Exact for every query of the call unless :attr:`needs_query_axis` says otherwise.
        """
        key_stop = self.key_start + self.keys
        if self.windowed and key_stop > self.plan.width:
            bias = self.plan.row_bias(self.layer, self.key_start, key_stop, self._sees())
        else:
            bias = self.rows(self.key_start, key_stop)
        if self.plan.by_query and self.queries == 1:
            bias = bias * (self.query_start >= self.plan.start)[:, None, None, None]
        return bias if self.level is None else bias * self.level[:, None, :1, None]

    @property
    def needs_query_axis(self) -> bool:
        """True when queries of this call differ in more than what they see: a scope, window or level ends inside it."""
        if self.queries == 1:
            return False
        return (
            self.changes_level or self.plan.by_query or (self.windowed and self.key_start + self.keys > self.plan.width)
        )

    @property
    def is_apart(self) -> bool:
        """True when what is lifted has to be told apart: its mass says how far it is lifted, or whether it is."""
        return self.plan.target is not None or (self.queries == 1 and self.layer in self.plan.measured)

    @property
    def changes_level(self) -> bool:
        """True when queries of one row have different levels."""
        return self.level is not None and self.level.shape[1] > 1

    def levels(self) -> Tensor | float:
        """Return the levels of the queries for (batch, heads, query): (batch, 1, 1 or query), or 1."""
        return 1.0 if self.level is None else self.level[:, None, :]

    def bias_terms(self) -> list[tuple[Tensor, Tensor]]:
        """Return the bias as products of a query side (batch, heads, 1 or query) and a key side (batch, key)."""
        key_stop = self.key_start + self.keys
        gain = self.plan.gains[self.layer][:, :, None]
        active = torch.ones_like(gain)
        if self.plan.by_query:
            active = (self.query_columns()[None, :] >= self.plan.start[:, None])[:, None, :].to(gain.dtype)
        if self.level is not None:
            active = active * self.levels()
        prompt = self.plan.nats[:, self.key_start : key_stop]
        prompt = torch.nn.functional.pad(prompt, (0, self.keys - prompt.shape[1]))
        terms = [(gain * active, prompt)]
        if key_stop > self.plan.width:
            lifted = gain.clamp(min=0) * active
            if self.windowed:
                lifted = lifted * self._sees_by_query()[:, None, :]
            columns = (self.key_columns() >= self.plan.width).to(gain.dtype)
            terms.append((lifted, self.plan.lift[:, None] * columns))
        return terms

    def dense_bias(self) -> Tensor:
        """Return the bias entry by entry: (batch, heads, query, key)."""
        if not self.needs_query_axis:
            return self.row_bias()
        return sum(on_query[..., None] * on_key[:, None, None, :] for on_query, on_key in self.bias_terms())  # type: ignore[return-value]

    def _sees(self) -> Tensor:
        return self._sees_by_query()[:, 0]

    def _sees_by_query(self) -> Tensor:
        """Return whether a lifted prompt token is visible to a query: (batch, query) bool."""
        lifted = torch.nn.functional.pad(self.plan.nats > 0, (0, max(0, self.key_start + self.keys - self.plan.width)))
        lifted = lifted[:, self.key_start : self.key_start + self.keys]
        return (self.visible()[:, 0] & lifted[:, None, :]).any(-1)
