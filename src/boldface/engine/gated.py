"""Decoding through a gate: a steered token has to be plausible to the plain model, else its query is steered less.

The plain model reads the same tokens beside the steered one, with a cache of its own. A token is chosen by the steered
model at level 1; while it is implausible (:meth:`boldface.steering.phases.Gate.admits`), its query alone is run again
at half the level, and at last at level 0, where the token is the plain model's choice. What was generated before stays
as it was computed. So keys and values of a token are those of the level at which the next one was taken.

Sampling works as transformers does it: temperature, top-k and top-p shape the distribution of every try, and all tries
of a token are drawn with the same random numbers. With gate 0 the answer is that of open loop, and with gate 1 greedy
decoding gives the plain answer. The gate itself knows neither temperature nor shares, only the plain model's logits
with the penalties, biases and constraints that were asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import log_softmax
from transformers import LogitsProcessorList
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, DynamicSlidingWindowLayer
from transformers.generation.logits_process import (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopHLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from boldface.attention.attach import Attachment
from boldface.engine.generation import Gated
from boldface.engine.levelled import levels_of
from boldface.engine.scoring import places
from boldface.engine.steer import Prepared
from boldface.errors import UnsupportedModelError
from boldface.steering.levels import Levels

if TYPE_CHECKING:
    from boldface.engine.model import Model

_WARPERS = (
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    MinPLogitsWarper,
    TemperatureLogitsWarper,
    TopHLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)
"""What says how evenly to draw, and not what may be said."""


class GatedDecoding:
    """What ``transformers`` runs in place of its own decoding, as ``custom_generate``.

    Args:
        prepared: The prompts and how each is steered.
        attachment: The steering at work.
        levels: Its levels.
        streamer: Is given every token.

    Attributes:
        gated: What the gate of every row did; None for rows without one.
    """

    def __init__(self, prepared: Prepared, attachment: Attachment, levels: Levels, streamer: Any = None) -> None:
        self._attachment, self._levels, self._streamer = attachment, levels, streamer
        self._gates = [None if each.is_null else each.gate for each in prepared.steerings]
        self._mask = prepared.rows.mask
        self.gated = [None if gate is None else Gated() for gate in self._gates]

    def __call__(
        self,
        model: Any,
        input_ids: Tensor,
        *,
        logits_processor: LogitsProcessorList,
        stopping_criteria: Any,
        generation_config: Any,
        **inputs: Any,
    ) -> Tensor:
        """Return prompts and answers: (batch, tokens)."""
        ids, mask = input_ids, self._mask.to(input_ids.device)
        steered, plain = inputs["past_key_values"], DynamicCache(config=model.config)
        unfinished = torch.ones(ids.shape[0], dtype=torch.bool, device=ids.device)
        _read_ahead(model, ids, mask, steered)
        choose = _Choose(logits_processor, ids.device, is_drawn=bool(generation_config.do_sample))
        while bool(unfinished.any()):
            with self._attachment.off():
                expected = _read(model, ids, mask, plain)
            tokens, _ = self._take(model, ids, mask, steered, expected, choose, unfinished)
            tokens = torch.where(unfinished, tokens, generation_config._pad_token_tensor)
            ids = torch.cat([ids, tokens[:, None]], dim=1)
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
            unfinished &= ~stopping_criteria(ids, None)
            if self._streamer is not None:
                self._streamer.put(tokens.cpu())
        if self._streamer is not None:
            self._streamer.end()
        return ids

    def first(self, model: Any, ids: Tensor) -> Tensor:
        """Return the logits that the likeliest first token of every answer is taken by: (batch, vocabulary)."""
        mask, steered = self._mask, DynamicCache(config=model.config)
        every = torch.ones(len(ids), dtype=torch.bool, device=ids.device)
        with self._attachment.off():
            expected = _read(model, ids, mask, DynamicCache(config=model.config))
        _read_ahead(model, ids, mask, steered)
        choose = _Choose(LogitsProcessorList(), ids.device, is_drawn=False)
        taken = self._take(model, ids, mask, steered, expected, choose, every)[1]
        return torch.stack([taken[row] for row in range(len(taken))])

    def _take(
        self,
        model: Any,
        ids: Tensor,
        mask: Tensor,
        cache: Cache,
        expected: Tensor,
        choose: _Choose,
        unfinished: Tensor,
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """Return the next token of every row, (batch,), and by row the logits that it was taken by, (vocabulary,)."""
        tokens = torch.zeros(ids.shape[0], dtype=torch.long, device=ids.device)
        taken: dict[int, Tensor] = {}
        waiting = {row: 0 for row, goes_on in enumerate(unfinished.tolist()) if goes_on}
        again, plain, shaped = _Again(cache), choose(ids, expected), choose.shaped(ids, expected)
        while waiting:
            again.restore()
            logits = _read(model, ids, mask, cache)
            steered = choose(ids, logits)
            passes = {gate: gate.admits(shaped, steered).tolist() for gate in set(self._gates) if gate is not None}
            for row, tries in list(waiting.items()):
                level, gate = self._levels.rows[row], self._gates[row]
                is_plain = gate is not None and level.gate == 0
                if gate is not None and not is_plain and not passes[gate][row]:
                    if level.now:
                        waiting[row] = tries + 1
                        level.gate = gate.levels[tries + 1]
                        continue
                    is_plain = True  # of a phase in which nothing is steered: no other try is left
                tokens[row] = plain[row] if is_plain else steered[row]
                taken[row] = expected[row] if is_plain else logits[row]
                self._accept(row, waiting.pop(row), is_plain)
        for level in self._levels.rows:
            level.gate = 1.0
        choose.done()
        return tokens, taken

    def _accept(self, row: int, refused: int, is_plain: bool) -> None:
        told = self.gated[row]
        if told is not None:
            self.gated[row] = told.after(refused, is_plain)


class _Choose:
    """Chooses a token a row, from as many tries as it takes, with the random numbers of one."""

    def __init__(self, processors: LogitsProcessorList, device: torch.device, *, is_drawn: bool) -> None:
        self._whole, self._is_drawn = processors, is_drawn
        self._shaping = LogitsProcessorList([each for each in processors if not isinstance(each, _WARPERS)])
        self._generator = (
            torch.cuda.default_generators[device.index or 0] if device.type == "cuda" else torch.default_generator
        )
        self._state: Tensor | None = None

    def __call__(self, ids: Tensor, logits: Tensor) -> Tensor:
        """Return a token for every row: (batch,)."""
        scores: Tensor = self._whole(ids, logits.clone())
        if not self._is_drawn:
            return scores.argmax(dim=-1)
        if self._state is None:
            self._state = self._generator.get_state()
        self._generator.set_state(self._state)
        return torch.multinomial(scores.softmax(dim=-1), num_samples=1)[:, 0]

    def shaped(self, ids: Tensor, logits: Tensor) -> Tensor:
        """Return the logits with what is asked for besides the emphasis: (batch, vocabulary)."""
        shaped: Tensor = self._shaping(ids, logits.clone())
        return shaped

    def done(self) -> None:
        """Go on to the next token, and to other random numbers."""
        self._state = None


class _Again:
    """A cache that the same token can be read into more than once."""

    def __init__(self, cache: Cache) -> None:
        if odd := [layer for layer in cache.layers if type(layer) not in (DynamicLayer, DynamicSlidingWindowLayer)]:
            raise UnsupportedModelError(
                f"A gate reads tokens again, and a {type(odd[0]).__name__} of the cache cannot take them back.",
                "Leave the gate out, or cache_implementation.",
            )
        self._layers: list[Any] = cache.layers
        self._before = [dict(layer.__dict__) for layer in cache.layers]

    def restore(self) -> None:
        """Have the cache as it was; its layers make new tensors when they grow, so nothing was copied."""
        del self._layers[len(self._before) :]
        for layer, before in zip(self._layers, self._before, strict=True):
            layer.__dict__.clear()
            layer.__dict__.update(before)


def first_logprobs(model: Model, prepared: Prepared, route: str = "auto") -> Tensor:
    """Return what gated greedy decoding expects behind every prompt: (batch, vocabulary) float32, in nats."""
    levels = levels_of(prepared, model.tokenizer)
    assert levels is not None
    with model.running(prepared, route, levels=levels) as attachment:
        assert attachment is not None
        logits = GatedDecoding(prepared, attachment, levels).first(model.model, prepared.rows.ids)
    return log_softmax(logits, dim=-1)


def _read_ahead(model: Any, ids: Tensor, mask: Tensor, cache: Cache) -> None:
    """Read prompts up to their last token, which may have to be read more than once."""
    if cache.get_seq_length() < ids.shape[1] - 1:
        _read(model, ids[:, :-1], mask[:, :-1], cache)


def _read(model: Any, ids: Tensor, mask: Tensor, cache: Cache) -> Tensor:
    """Read what a cache has not got, and return the logits behind it: (batch, vocabulary) float32."""
    start = cache.get_seq_length()
    output = model(
        ids[:, start:],
        attention_mask=None if bool(mask.all()) else mask,
        past_key_values=cache,
        use_cache=True,
        **({"logits_to_keep": 1} if model._supports_logits_to_keep() else {}),
        **places(model, mask, slice(start, None)),
    )
    logits: Tensor = output.logits[:, -1].to(copy=True, dtype=torch.float32, device=ids.device)
    return logits
