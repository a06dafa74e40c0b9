"""A request that joins: its prompt is read alone, chunk by chunk, by the routes that any steered prompt takes.

A gated request's prompt is read twice: by the plain model first, whose row stands beside the steered one from then on.
Its last token is read by itself, because the gate may want it read again.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from boldface.attention.call import Mass as Masses
from boldface.attention.geometry import geometry, transformer
from boldface.attention.layer import LayerSteering
from boldface.attention.positions import by_kind
from boldface.engine.batching.answer import Answer
from boldface.engine.batching.layer import Seam, Turn
from boldface.engine.batching.pieces import Mass
from boldface.engine.caches.blocks import Prefixes
from boldface.engine.thinking import Thinking
from boldface.steering.levels import Level, Levels
from boldface.steering.plan import Plan, Steering, build_plan
from boldface.steering.prefix_law import trace


class Joining:
    """A prompt that is being read.

    Args:
        model: The model, with a seam in every layer that can be steered.
        seams: Those seams.
        turn: Whose turn it is.
        answer: The answer that waits for it.
        prefixes: Beginnings of prompts that are there already.
        steering: How it is steered; None is as the request says.

    Attributes:
        answer: The answer that waits for it.
        ids: The prompt.
        plan: How it is steered; None when it is not.
        cache: Keys and values of what was read.
        follow: Follows the phases of the answer; None where it has none.
        twin: Of a gated request: the same prompt, read by the plain model.
    """

    def __init__(
        self,
        model: nn.Module,
        seams: Mapping[int, Seam],
        turn: Turn,
        answer: Answer,
        prefixes: Prefixes,
        steering: Steering | None = None,
    ) -> None:
        self.answer, self.ids = answer, answer.request.prompt.ids
        self._model, self._turn, self._prefixes = model, turn, prefixes
        self._device = transformer(model).get_input_embeddings().weight.device
        self.twin: Joining | None = None
        self._behind: Tensor | None = None
        if steering is None:
            steering = answer.request.steering
            if answer.is_gated:
                self.twin = Joining(model, seams, turn, answer, prefixes, Steering())
        self._levels = Levels([steering.reading])
        self.follow: Thinking | None = None
        if steering.phases is not None:
            self.follow = Thinking(steering.phases, answer.request.prompt.text, answer.tokenizer)
            self.level.phase = self.follow.level
        self.plan: Plan | None = None
        if not steering.is_null:
            self.plan = build_plan(
                [steering], [len(self.ids)], geometry(model).heads, padding="right", device=self._device
            )
        self._trace = trace(self.ids, steering)
        self.cache, self._read = prefixes.recall(self._trace, len(self.ids) - 1)
        self._cached = self._read
        self._masses: list[Masses] = []
        self._measures = answer.request.measure and self.plan is not None and _can_measure(seams)
        self._is_last_alone = self._measures or self.twin is not None
        self._layers = self._steered(seams)
        if steering is answer.request.steering:
            answer.begin(self.cached)

    def _steered(self, seams: Mapping[int, Seam]) -> dict[int, LayerSteering]:
        if self.plan is None:
            return {}
        types = getattr(transformer(self._model).config.get_text_config(), "layer_types", None) or []
        known = geometry(self._model).layers
        positions = by_kind((known[layer] for layer in self.plan.gains), types)
        self._positions = {id(one): one for one in positions.values()}.values()
        return {
            layer: LayerSteering(
                layer,
                self.plan,
                positions[layer],
                base=seams[layer].base,
                kernel=seams[layer].kernel,
                implementation=seams[layer].implementation,
                route="auto",
                levels=self._levels,
            )
            for layer in self.plan.gains
        }

    @property
    def cached(self) -> int:
        """Tokens that were there when it began, and that nobody has to read."""
        return self._cached if self.twin is None else min(self._cached, self.twin.cached)

    @property
    def level(self) -> Level:
        """How far the last token of the prompt is steered."""
        return self._levels.rows[0]

    def read(self, tokens: int) -> tuple[int, Tensor | None]:
        """Read at most so many tokens; return how many, and the logits behind the prompt once it is read whole.

        Args:
            tokens: At least 1.

        Returns:
            The logits, (vocabulary,), are those of the token that follows the prompt.
        """
        if self.twin is not None and self.twin._behind is None:
            return self._read_plain(self.twin, tokens)
        start, length = self._read, len(self.ids)
        stop = min(start + tokens, length)
        if self._is_last_alone and start < length - 1:
            stop = min(stop, length - 1)  # the last token is read by the route that measures, or once more
        is_last = stop == length
        measured = is_last and self._measures
        self._masses.clear()
        for layer in self._layers.values():
            layer.route, layer.record = ("split", self._masses.append) if measured else ("auto", None)
        logits = self._forward(start, stop)
        self._read = stop
        if not is_last:
            return stop - start, None
        self._prefixes.keep(self._trace, self.cache)
        self.answer.use({layer: steering.used for layer, steering in self._layers.items()})
        if measured:
            self.answer.mass = self._mass()
        return stop - start, logits

    def _read_plain(self, twin: Joining, tokens: int) -> tuple[int, None]:
        """Read on in the plain model's prompt; what both have in common is not read again afterwards."""
        read, twin._behind = twin.read(tokens)
        if twin._behind is not None:
            self.cache, self._read = self._prefixes.recall(self._trace, len(self.ids) - 1)
        return read, None

    def take(self, logits: Tensor) -> bool:
        """Give the answer its first token; False when the gate has the last token of the prompt read once more."""
        if self.twin is None:
            self.answer.take(logits)
            return True
        assert self.twin._behind is not None
        if self.answer.offer(logits, self.twin._behind, self.level):
            return True
        self.cache.crop(-1)
        self._read -= 1
        return False

    def _forward(self, start: int, stop: int) -> Tensor:
        self._turn.joining = self._layers
        ids = torch.tensor([self.ids[start:stop]], device=self._device)
        if self._layers:
            for positions in self._positions:
                positions.read(self.cache, stop - start)
            self._levels.enter(ids, start, len(self.ids))
        try:
            output = self._model(
                ids,
                position_ids=torch.arange(start, stop, device=self._device)[None],
                past_key_values=self.cache,
                use_cache=True,
                logits_to_keep=1,
            )
        finally:
            self._turn.joining = None
        logits: Tensor = output.logits[0, -1]
        return logits

    def _mass(self) -> Mass:
        """Return the mean over the steered heads of what the last query gave to the emphasis."""
        assert self.plan is not None
        before, after = [], []
        for masses in self._masses:
            heads = self.plan.gains[masses.layer][0] != 0
            before.append(masses.before[0, 0, heads, -1])
            after.append(masses.after[0, 0, heads, -1])
        return Mass(float(torch.cat(before).mean()), float(torch.cat(after).mean()))


def _can_measure(seams: Mapping[int, Seam]) -> bool:
    """Whether the route that measures is exact in every layer."""
    return all(seam.route == "fused" for seam in seams.values())
