"""A batch of steered prompts as tensors: emphasis x gains x scope by a rule, one row a prompt.

The bias that row ``b`` adds to the score of query column ``q`` and key column ``k`` in head ``h`` is::

    active[b, q] * (gain[b, h] * nats[b, k]                          k is prompt
                    + max(0, gain[b, h]) * lift[b] * sees[b, q])     k is generated

``nats`` is 0 for unemphasised prompt tokens, so a query before the first emphasised token sees only zeros
(the prefix law). ``lift`` is ``max(0, strongest nats of the row)``: PASTA leaves the model's own words undamped
(Zhang et al. 2024, section 3.1 and their code), and suppression or negative gains never push them down.
The rules ``flat`` and ``share`` have no lift, ``share`` no nats, and a target share takes of positive gains only what
it needs: see :mod:`boldface.steering.rules`.
``sees`` is 1 while a lifted prompt token is visible to the query; behind a sliding window it becomes 0 once the
emphasis has left the window, and the head is then the plain head. ``active`` carries the scope.

Columns are positions of the padded batch: prompt columns are ``[0, width)``, everything from ``width`` on is generated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from boldface.emphasis.span import TokenSpan
from boldface.emphasis.strength import MAX_STRENGTH
from boldface.errors import HeadError, SpanError, StrengthError
from boldface.profiles.heads import HeadGains
from boldface.steering.phases import Gate, Phases
from boldface.steering.release import Release, looked
from boldface.steering.rules import Rule, check_raising, check_rule

Scope = Literal["all", "answer"]
SCOPES: tuple[Scope, ...] = ("all", "answer")
NEVER = 2**62


@dataclass(frozen=True)
class Steering:
    """How one prompt is steered.

    Attributes:
        spans: Disjoint token spans with their strengths in nats.
        gains: Which heads are steered, and how far.
        scope: ``all`` steers every query (the paper); ``answer`` only queries from the last prompt token on.
        rule: What the bias is: ``pasta``, ``flat`` or ``share``; see :mod:`boldface.steering.rules`.
        share: For ``share``, and only there: the target share, between 0 and 1. How large the strength of a span is
            then makes no difference; strength 0 is no emphasis, as ever.
        target: For ``pasta`` and ``flat``: the target share, between 0 and 1, beyond which nothing is lifted; None is
            an open loop.
        phases: How far while reading, thinking and answering; None is wholly, always.
        gate: Lowers the level of tokens that the plain model finds implausible; None is no gate.

    Raises:
        SpanError: When spans overlap, or scope or rule is unknown.
        StrengthError: When some gain x strength exceeds the cap, or share, strengths or gains do not go with the rule.
    """

    spans: tuple[TokenSpan, ...] = ()
    gains: HeadGains = field(default_factory=HeadGains)
    scope: Scope = "all"
    rule: Rule = "pasta"
    share: float | None = None
    phases: Phases | None = None
    gate: Gate | None = None
    target: float | None = None
    release: Release | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "spans", tuple(sorted(self.spans)))
        for left, right in zip(self.spans, self.spans[1:], strict=False):
            if right.start < left.end:
                raise SpanError(
                    f"Token spans {left} and {right} overlap.", "Flatten them first: boldface.emphasis.span.flatten."
                )
        if self.scope not in SCOPES:
            raise SpanError(f"Unknown scope {self.scope!r}.", f"Choose one of {', '.join(SCOPES)}.")
        check_rule(self.rule, self.share, self.target)
        if self.rule == "share":  # its bias is no product of gain and strength, and the target bounds what it does
            check_raising((span.strength for span in self.spans), self.gains.values())
            return
        largest = max((abs(span.strength) for span in self.spans), default=0.0)
        reach = largest * max((abs(gain) for gain in self.gains.values()), default=0.0)
        if reach > MAX_STRENGTH:
            raise StrengthError(
                f"Gain x strength reaches {reach:.1f} nats; the cap is {MAX_STRENGTH:g}.",
                "Lower the strength or the largest gain.",
            )

    @property
    def is_null(self) -> bool:
        """True when this steering changes nothing (null law): no span of non-zero strength, no head, or no phase."""
        if self.phases is not None and self.phases.is_null:
            return True
        return not self.gains or all(span.strength == 0 for span in self.spans)

    @property
    def reading(self) -> float:
        """Level of the queries of the prompt, its last token excepted."""
        return 1.0 if self.phases is None else self.phases.reading


@dataclass(frozen=True)
class Plan:
    """The tensors of a steered batch.

    Attributes:
        nats: (batch, width) float32, strength of every prompt column; 0 at padding and in rows of rule ``share``.
        lift: (batch,) float32, strength that generated columns get.
        start: (batch,) int64, first steered query column: the first emphasised one, or the last of the prompt for
            scope ``answer``; NEVER for null rows.
        gains: Layer to (batch, heads) float32; only layers with a steered head.
        earliest_start: Smallest ``start``; queries before it are plain in every row.
        by_query: True when some row's scope is ``answer``, so that being active depends on the query.
        one_start: True when all queries from ``earliest_start`` on may be treated as active.
        share: (batch, width) float32, the target share at the emphasised columns of rows of rule ``share``, 0
            elsewhere; None without such a row.
        target: (batch,) float32, the target share of the rows that have one, 1 of others; None where none has one.
        varied: (batch,) bool, which rows lift their keys by several strengths; None where none does.
        measured: Layer to (batch,) bool, of which rows the mass on the emphasis is looked at there, at every token of
            the answer; only layers in which it is of some row.
    """

    nats: Tensor
    lift: Tensor
    start: Tensor
    gains: Mapping[int, Tensor]
    earliest_start: int
    by_query: bool
    one_start: bool
    share: Tensor | None = None
    target: Tensor | None = None
    varied: Tensor | None = None
    measured: Mapping[int, Tensor] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        """Rows."""
        return self.nats.shape[0]

    @property
    def width(self) -> int:
        """Prompt columns, padding included; columns from here on are generated."""
        return self.nats.shape[1]

    def expand(self, batch: int) -> Plan:
        """Repeat every row for beams or several returned sequences, as ``generate`` repeats its inputs.

        Raises:
            SpanError: When ``batch`` is not a multiple of the rows.
        """
        if batch == self.batch:
            return self
        if batch % self.batch:
            raise SpanError(
                f"{batch} rows reached the model, {self.batch} were steered.", "Steer exactly the rows you run."
            )
        copies = batch // self.batch

        def repeat(tensor: Tensor) -> Tensor:
            return tensor.repeat_interleave(copies, dim=0)

        return replace(
            self,
            nats=repeat(self.nats),
            lift=repeat(self.lift),
            start=repeat(self.start),
            gains={layer: repeat(gain) for layer, gain in self.gains.items()},
            share=None if self.share is None else repeat(self.share),
            target=None if self.target is None else repeat(self.target),
            varied=None if self.varied is None else repeat(self.varied),
            measured={layer: repeat(rows) for layer, rows in self.measured.items()},
        )

    def to(self, device: torch.device) -> Plan:
        """Return the plan with its tensors on ``device``."""
        return replace(
            self,
            nats=self.nats.to(device),
            lift=self.lift.to(device),
            start=self.start.to(device),
            gains={layer: gain.to(device) for layer, gain in self.gains.items()},
            share=None if self.share is None else self.share.to(device),
            target=None if self.target is None else self.target.to(device),
            varied=None if self.varied is None else self.varied.to(device),
            measured={layer: rows.to(device) for layer, rows in self.measured.items()},
        )

    def row_bias(self, layer: int, key_start: int, key_stop: int, sees: Tensor | None = None) -> Tensor:
        """Return the bias of an active query on key columns ``[key_start, key_stop)``: (batch, heads, 1, keys).

        Args:
            layer: A layer in ``gains``.
            key_start: First key column.
            key_stop: One past the last key column.
            sees: (batch,) bool, whether generated columns are lifted; None for all.
        """
        gain = self.gains[layer]
        lift = self.lift if sees is None else self.lift * sees
        prompt = self.nats[:, key_start : min(key_stop, self.width)]
        generated = key_stop - max(key_start, self.width)
        bias = gain[:, :, None] * prompt[:, None, :]
        if generated > 0:
            lifted = (gain.clamp(min=0) * lift[:, None])[:, :, None]
            bias = torch.cat([bias, lifted.expand(-1, -1, generated)], dim=-1)
        return bias[:, :, None, :]


def build_plan(
    rows: Sequence[Steering],
    lengths: Sequence[int],
    heads: Mapping[int, int],
    *,
    padding: Literal["left", "right"] = "left",
    width: int | None = None,
    device: torch.device | str = "cpu",
) -> Plan:
    """Lay out one plan for a padded batch.

    Args:
        rows: One steering a row; a null steering leaves its row untouched.
        lengths: Prompt tokens of every row, without padding.
        heads: Query heads of every layer that can be steered.
        padding: Side on which rows are padded to the width of the longest.
        width: Prompt columns; the longest row unless given.
        device: Where the tensors lie.

    Raises:
        SpanError: When a span ends beyond its prompt.
        HeadError: When a layer or head does not exist or cannot be steered.
    """
    width = max(lengths) if width is None else width
    nats, share = torch.zeros(2, len(rows), width, dtype=torch.float32)
    target = torch.ones(len(rows))
    start, answers = [], []
    steered = sorted({layer for row in rows if not row.is_null for layer in row.gains.layers})
    for row in rows:
        check_heads(row.gains, heads)
    gains = {layer: [[0.0] * heads[layer] for _ in rows] for layer in steered}
    for index, (row, length) in enumerate(zip(rows, lengths, strict=True)):
        offset = width - length if padding == "left" else 0
        for span in row.spans:
            if span.end > length:
                raise SpanError(f"{span} ends beyond the prompt of {length} tokens.", "Token spans are half-open.")
            nats[index, offset + span.start : offset + span.end] = span.strength
        columns = [] if row.is_null else nats[index].nonzero().flatten().tolist()
        if not columns:
            nats[index] = 0
        answers.append(bool(columns) and row.scope == "answer")
        first = columns[0] if columns else NEVER
        start.append(offset + length - 1 if answers[-1] else first)
        if columns:
            for (layer, head), gain in row.gains.items():
                gains[layer][index][head] = gain
        if row.share is not None:
            share[index] = row.share * (nats[index] != 0)
            nats[index] = 0
        if row.target is not None and columns:
            target[index] = row.target
    lifted = torch.tensor([row.rule == "pasta" for row in rows])
    looks = [_looked(row) for row in rows]
    varied = torch.tensor([len({span.strength for span in row.spans if span.strength > 0}) > 1 for row in rows])
    return Plan(
        nats.to(device),
        (nats.clamp(min=0).amax(dim=1) * lifted).to(device),
        torch.tensor(start, device=device),
        {layer: torch.tensor(gain, dtype=torch.float32, device=device) for layer, gain in gains.items()},
        earliest_start=min(start),
        by_query=any(answers),
        one_start=not any(answers) or len({column for column in start if column != NEVER}) == 1,
        share=share.to(device) if share.any() else None,
        target=target.to(device) if (target < 1).any() else None,
        varied=varied.to(device) if varied.any() else None,
        measured={
            layer: torch.tensor([layer in layers for layers in looks], device=device)
            for layer in sorted(set().union(*looks))
        },
    )


def _looked(row: Steering) -> set[int]:
    """Layers in which the mass on the emphasis of a row is looked at."""
    if row.release is None or row.is_null:
        return set()
    return set(looked(sorted({head.layer for head, gain in row.gains.items() if gain > 0})))


def check_heads(gains: HeadGains, heads: Mapping[int, int]) -> None:
    """Raise HeadError when ``gains`` names a layer or head that ``heads`` (layer to query heads) does not have."""
    for head in gains:
        if head.layer not in heads:
            raise HeadError(f"{head}: layer {head.layer} cannot be steered.", f"Steerable layers: {_ranges(heads)}.")
        if head.head >= heads[head.layer]:
            raise HeadError(
                f"{head}: layer {head.layer} has {heads[head.layer]} query heads.",
                f"Heads count from 0 to {heads[head.layer] - 1}; with grouped queries name query heads, not kv heads.",
            )


def _ranges(numbers: Mapping[int, int]) -> str:
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs) or "none"
