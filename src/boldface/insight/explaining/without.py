"""Without: how likely an answer is when one head is left as it is, and what that takes.

Two things are computed once and shared by all heads, both exact. What stands before the first steered query is the
plain model's (the prefix law). And up to the layer of the head that is left out everything is as with all heads
steered, so that layer begins with what those below gave then. The heads of a layer are left out side by side, one a
row.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from boldface.engine.model import Model
from boldface.engine.scoring import mean_logprob, read_ahead, read_continuations
from boldface.engine.steer import Prepared, lay_out
from boldface.insight.explaining.products import OneDnn
from boldface.insight.explaining.readings import plan_of
from boldface.profiles.heads import Head, HeadGains
from boldface.profiling.prefixes import LEAST
from boldface.profiling.trunks import blocks_of, giving

TOKENS = 1024
"""Tokens that go through the model at once, unless one row has more."""


class Without:
    """The log-likelihood of one answer with every steered head, or with all but one.

    Args:
        model: The model.
        prepared: One steered prompt.
        answer: Tokens behind it.
        route: How the bias is carried.

    Attributes:
        parts: The steered heads in parts that are left out side by side, those of one layer together.
    """

    def __init__(self, model: Model, prepared: Prepared, answer: Sequence[int], route: str = "auto") -> None:
        self.model, self.prepared, self.answer, self.route = model, prepared, list(answer), route
        first = plan_of(prepared).earliest_start
        self._ahead = first if first >= LEAST else 0
        self._before: Cache | None = None
        self._blocks = blocks_of(model.model)
        self._below: dict[int, Any] = {}
        self._products = OneDnn()
        row = prepared.rows.ids.shape[1] - self._ahead + len(self.answer)
        self.parts = _parts(prepared.steerings[0].gains, max(1, TOKENS // row))

    def nobody(self) -> float:
        """Return the log-likelihood with all heads steered, in nats. It comes first and keeps what the others share."""
        if self._ahead:
            with self.model.running(replace(self.prepared, plan=None)):
                self._before = read_ahead(self.model.model, self.prepared.rows, self._ahead)
        layers = {part[0].layer for part in self.parts}
        with ExitStack() as stack:
            stack.enter_context(self.model.running(self.prepared, self.route))
            stack.enter_context(self._products)
            for layer in layers - {0}:
                if self._blocks:
                    hook = self._blocks[layer - 1].register_forward_hook(self._keep(layer))
                    stack.callback(hook.remove)
            return self._read(self.prepared)[0]

    def each(self, heads: Sequence[Head]) -> list[float]:
        """Return the log-likelihood without each of some heads of one layer, one of ``parts``, in nats."""
        (prompt,), (steering,) = self.prepared.rows.prompts, self.prepared.steerings
        rows = [replace(steering, gains=steering.gains - HeadGains([head])) for head in heads]
        prepared = lay_out(self.model.model, self.model.tokenizer, [prompt] * len(rows), rows)
        layer = heads[0].layer
        with ExitStack() as stack:
            stack.enter_context(self.model.running(prepared, self.route))
            stack.enter_context(self._products)
            if layer in self._below:
                given = _repeated(self._below[layer], len(rows))
                for block in self._blocks[:layer]:
                    stack.enter_context(giving(block, given))
            return self._read(prepared)

    def _keep(self, layer: int) -> Any:
        def keep(block: Any, args: Any, output: Any) -> None:
            self._below[layer] = output

        return keep

    def _read(self, prepared: Prepared) -> list[float]:
        count = len(prepared.rows.prompts)
        cache = copy.deepcopy(self._before)
        if cache is not None:
            cache.batch_repeat_interleave(count)
        found = read_continuations(
            self.model.model, prepared.rows, [self.answer] * count, ahead=self._ahead, cache=cache
        )
        return [float(mean_logprob(logprobs, self.answer)) * len(self.answer) for logprobs in found]


def _parts(gains: HeadGains, most: int) -> list[tuple[Head, ...]]:
    """Put heads of one layer together, at most so many."""
    parts: list[tuple[Head, ...]] = []
    for layer in gains.layers:
        heads = [head for head in gains if head.layer == layer]
        parts += [tuple(heads[start : start + most]) for start in range(0, len(heads), most)]
    return parts


def _repeated(output: Any, count: int) -> Any:
    """Repeat what a layer gave for one row; a layer that gives several things gives the hidden states first."""
    if isinstance(output, Tensor):
        return output.repeat(count, *[1] * (output.ndim - 1))
    return tuple(_repeated(one, count) if isinstance(one, torch.Tensor) else one for one in output)
