"""One query a row, what is lifted apart from the rest: how target shares and releases decode.

Every query attends twice, each time with the keys of the other time hidden. The log-sum-exps say how much attention
what is lifted has by itself, and so how far it has to be lifted, which only weighs the two outputs against each other.
Where much of the keys may be lifted, both go into one kernel call as two queries, which read the keys once
(:func:`goes_together`); else into one call over all keys and one over the few.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from boldface.steering.plan import Plan
from boldface.steering.tally import Tally

GROWTH = 256
"""Columns by which rows of bias grow."""
HIDDEN = -3e4
"""Bias of a key that belongs to the other part: far below any score, and a number in every type. A part that has no key
at all then has a log-sum-exp below any other, where -inf would give a kernel nothing to divide by."""
NEVER = 1e6
"""Log-odds of a target share that is never reached, far beyond what hidden keys leave: the lift is the whole lift."""

FEW, SHARE = 64, 4
"""Twice the queries take a quarter more time, a second call its part of the keys and as long as 64 more: measured with
224 to 4096 keys, one row and eight, in bfloat16."""

Attend = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""Attends from query to key and value under a bias; returns the output and its log-sum-exp in float32."""


@dataclass(slots=True)
class Apart:
    """The bias of one query a row; heads may be laid out as (kv_heads, heads of each).

    Attributes:
        other: (rows, heads, 1, key) bias of the keys that are not lifted; -inf where the query does not see.
        columns: The run of keys outside which nothing is lifted in any row.
        lifted: As ``other``, but of this run; 0 at lifted keys.
        both: (rows, heads, 2, key) ``other`` and ``lifted`` of all keys, where they go into one call; else None.
        most: (rows, heads, 1) nats of the whole lift, 0 in heads that lift nothing.
        log_odds: (rows, 1, 1) of the target share.
        level: (rows, 1, 1) how far the query is steered; None is wholly, in every row.
        nats: As ``lifted``: how far every key is lifted at most, where some row lifts by several strengths; else None.
        varied: (rows, 1, 1) bool, which rows those are.
        emphasised: As ``lifted``, without the model's own words, where the mass on the emphasis is told; else None.
        tally: Is told it.
        told: (rows, 1, 1) of which rows.
    """

    other: Tensor
    columns: slice
    lifted: Tensor
    most: Tensor
    log_odds: Tensor
    both: Tensor | None = None
    level: Tensor | None = None
    nats: Tensor | None = None
    varied: Tensor | None = None
    emphasised: Tensor | None = None
    tally: Tally | None = None
    told: Tensor | float = 1.0

    def beside(self, own: Tensor) -> Apart:
        """Return it with what a layer adds to the scores of all keys."""
        here = own[..., self.columns]
        emphasised = None if self.emphasised is None else self.emphasised + here
        both = None if self.both is None else self.both + own.repeat_interleave(2, dim=-2)
        return replace(self, other=self.other + own, lifted=self.lifted + here, both=both, emphasised=emphasised)

    def flat(self) -> Apart:
        """Return it with one axis of heads, each a head of its own, not (kv_heads, heads of each)."""

        def laid(lines: Tensor, queries: int = 1) -> Tensor:
            return lines.reshape(lines.shape[0], -1, queries, lines.shape[-1])

        return replace(
            self,
            most=self.most.reshape(self.most.shape[0], -1, 1),
            other=laid(self.other),
            lifted=laid(self.lifted),
            both=None if self.both is None else laid(self.both, 2),
            nats=None if self.nats is None else laid(self.nats),
            emphasised=None if self.emphasised is None else laid(self.emphasised),
        )


def attend_apart(
    attend: Attend, query: Tensor, key: Tensor, value: Tensor, apart: Apart, sinks: Tensor | None = None
) -> Tensor:
    """Answer single queries: shaped as ``query``, with the value's size.

    Args:
        attend: The kernel.
        query: (rows, heads, 1, head_dim), or its heads laid out as in ``apart``.
        key: (rows, kv_heads, key, head_dim).
        value: (rows, kv_heads, key, value_dim).
        apart: The bias.
        sinks: Scores of the heads' sinks, which belong to the rest, laid out as ``most`` but for the rows.
    """

    def few(bias: Tensor) -> tuple[Tensor, Tensor]:
        return attend(query, key[:, :, apart.columns], value[:, :, apart.columns], bias)

    if apart.both is None:
        output, rest = attend(query, key, value, apart.other)
        lifted, mass = few(apart.lifted)
    else:
        twice = query[..., None, :].expand(-1, -1, -1, 2, -1).flatten(2, 3)
        outputs, sums = attend(twice, key, value, apart.both)
        apiece = *query.shape[:3], 2
        output, lifted = outputs.view(*apiece, -1).unbind(3)
        rest, mass = sums.view(apiece).unbind(3)
    if sinks is not None:
        output = output * torch.sigmoid(rest - sinks)[..., None].to(output.dtype)
        rest = torch.logaddexp(rest, sinks)
    if apart.tally is not None and apart.emphasised is not None:
        emphasised = few(apart.emphasised)[1]
        apart.tally.take(torch.exp(emphasised - torch.logaddexp(rest, mass)), apart.most * apart.told)
    odds = mass - rest
    if apart.nats is None or apart.varied is None:
        raised = torch.clamp(apart.log_odds, odds, odds + apart.most)
        if apart.level is not None:
            raised = odds + (raised - odds) * apart.level
    else:
        nats = torch.minimum((apart.log_odds - odds).clamp_(min=0), apart.most)
        nats = nats if apart.level is None else nats * apart.level
        part = (nats / apart.most).nan_to_num_(nan=0.0)[..., None]
        each, theirs = few(apart.lifted + part * apart.nats)
        lifted = torch.where(apart.varied[..., None], each, lifted)
        raised = torch.where(apart.varied, theirs - rest, odds + nats)
    return torch.lerp(output, lifted, torch.sigmoid_(raised)[..., None].to(output.dtype))


def goes_together(columns: slice, keys: int) -> bool:
    """Whether one call for both is faster than one over all keys and one over the run of those that may be lifted."""
    return bool(SHARE * (columns.stop - columns.start + FEW) >= keys)


class Rows:
    """The bias of one layer's rows, what is lifted apart: made once, and grown as the answer grows.

    Args:
        plan: The batch, on the device of the queries.
        layer: A layer in ``plan.gains``.
        tally: Is told the mass on the emphasis; None where nobody asks.
    """

    def __init__(self, plan: Plan, layer: int, tally: Tally | None) -> None:
        self._plan, self._layer, self._tally = plan, layer, tally
        self._capacity, self._told = 0, plan.measured.get(layer)
        columns = (plan.nats > 0).any(0).nonzero().flatten().tolist() or [0]
        self._first, self._last = columns[0], columns[-1] + 1
        self._lifts_own = bool((plan.lift > 0).any())
        self._bias = self._lifts = self._nats = self._other = self._lifted = self._both = self._emphasised = plan.nats
        gain = plan.gains[layer].clamp(min=0)
        self._most = (gain * plan.nats.amax(1).clamp(min=0)[:, None])[..., None]
        target = torch.ones_like(plan.lift) if plan.target is None else plan.target
        self._log_odds = torch.logit(target).clamp(max=NEVER)[:, None, None]

    def of(self, keys: int, level: Tensor | None, mask: Tensor | None) -> Apart:
        """Return the bias of single queries.

        Args:
            keys: How many keys there are.
            level: (batch, 1) levels of the queries; None is 1 for all.
            mask: (batch or 1, 1, 1, key) what they see, as the model says it; None is everything.
        """
        if keys > self._capacity:
            self._grow(keys)
        other = self._other[..., :keys]
        if level is not None:
            other = torch.where(self._lifts[..., :keys], HIDDEN, self._bias[..., :keys] * level[:, :, None, None])
        varied = self._plan.varied
        columns = slice(self._first, keys if self._lifts_own else self._last)
        here = None if mask is None else mask[..., columns]
        told = self._tally is not None and self._told is not None
        both = None
        if level is None and goes_together(columns, keys):
            both = _hidden(self._both[..., :keys], mask)
        return Apart(
            _seen(other, mask),
            columns,
            _hidden(self._lifted[..., columns], here),
            self._most,
            self._log_odds,
            both,
            None if level is None else level[:, :, None],
            None if varied is None else self._nats[..., columns],
            None if varied is None else varied[:, None, None],
            _hidden(self._emphasised[..., columns], here) if told else None,
            self._tally,
            self._told[:, None, None] if told else 1.0,  # type: ignore[index]
        )

    def _grow(self, keys: int) -> None:
        self._capacity = -(-(keys + GROWTH) // GROWTH) * GROWTH
        self._bias = self._plan.row_bias(self._layer, 0, self._capacity)
        positive = self._plan.gains[self._layer][:, :, None, None] > 0
        self._nats = torch.where(positive, self._bias.clamp(min=0), 0.0)
        self._lifts = self._nats > 0
        self._other = torch.where(self._lifts, HIDDEN, self._bias)
        self._lifted = torch.where(self._lifts, 0.0, HIDDEN)
        self._both = torch.cat([self._other, self._lifted], dim=2)
        self._emphasised = self._lifted.clone()
        self._emphasised[..., self._plan.width :] = HIDDEN


def _seen(bias: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return bias
    return torch.where(mask, bias, -torch.inf) if mask.dtype == torch.bool else bias + mask


def _hidden(bias: Tensor, mask: Tensor | None) -> Tensor:
    """As ``_seen`` for a part of the keys, of which a row may see none: kernels have nothing to divide by then."""
    return bias if mask is None else _seen(bias, mask).clamp(min=HIDDEN)
