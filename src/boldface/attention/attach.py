"""Attach a plan to a live model and detach it again; afterwards the model is bit-identical to what it was."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache

from boldface.attention import seams
from boldface.attention.call import Mass
from boldface.attention.geometry import geometry, transformer
from boldface.attention.layer import LayerSteering
from boldface.attention.positions import Positions, by_kind
from boldface.attention.routes import ROUTES
from boldface.errors import ModelBusyError, PromptMismatchError, RouteError
from boldface.steering import attend
from boldface.steering.plan import Plan

_ATTACHED = "_boldface_attachment"
_COVERED = "_boldface_covered"
_SERIAL = itertools.count()
_LOCK = threading.Lock()


class Attachment:
    """A plan at work inside a model. A context manager; :meth:`detach` gives the model back.

    One attachment a model at a time, used by the thread that made it: both are checked, because a second emphasis
    or a plain call from elsewhere would silently get the wrong attention.

    Args:
        model: A causal language model of transformers, or one wrapped by peft.
        plan: The batch to steer.
        prompt: (batch, width) token ids that the plan was made for; calls with other ids are refused.
        route: A route's name, or ``auto`` for the fastest exact one.
        record: Takes the attention masses, with route ``split``.

    Raises:
        ModelBusyError: When the model is already steered.
        RouteError: When the route is unknown.
    """

    def __init__(
        self,
        model: nn.Module,
        plan: Plan,
        *,
        prompt: Tensor | None = None,
        route: str = "auto",
        record: Callable[[Mass], None] | None = None,
    ) -> None:
        if route != "auto" and route not in ROUTES:
            raise RouteError(f"There is no route {route!r}.", f"Choose auto or one of {', '.join(ROUTES)}.")
        self._model = transformer(model)
        self._plan, self._prompt = plan, prompt
        self._thread, self._serial, self._reached = threading.get_ident(), next(_SERIAL), 0
        layers = geometry(model).layers
        attend.examine(self._model.device.type, self._model.dtype)  # now, because compilers cannot
        layer_types = getattr(self._model.config.get_text_config(), "layer_types", None) or []
        self._positions = by_kind((layers[index] for index in plan.gains), layer_types)
        self._kinds = list({id(positions): positions for positions in self._positions.values()}.values())
        with _LOCK:
            if _ATTACHED in self._model.__dict__:
                raise ModelBusyError(
                    "This model is already steered.",
                    "Leave the other `with` block first; give one prompt several spans, or batch prompts.",
                )
            self._model.__dict__[_ATTACHED] = self
        self._undo: list[Callable[[], None]] = [lambda: self._model.__dict__.pop(_ATTACHED, None)]
        self._layers: list[LayerSteering] = []
        try:
            self._undo.append(_pre_hook(self._model.base_model, self._enter))
            self._undo.append(self._model.base_model.register_forward_hook(self._leave).remove)
            for index, shared in self._positions.items():
                self._steer(layers[index].module, index, shared, route, record)
        except BaseException:
            self.detach()
            raise

    def _steer(
        self,
        module: nn.Module,
        index: int,
        positions: Positions,
        route: str,
        record: Callable[[Mass], None] | None,
    ) -> None:
        state = LayerSteering(
            index,
            self._plan,
            positions,
            base=seams.base_function(module),
            kernel=seams.kernel_function(module),
            implementation=seams.implementation(module),
            route=route,
            record=record,
        )
        self._layers.append(state)
        self._undo.append(seams.replace(module, state))

    @property
    def used(self) -> dict[int, tuple[str, ...]]:
        """Routes that answered calls so far, by layer."""
        return {state.layer: tuple(sorted(state.used)) for state in self._layers if state.used}

    def detach(self) -> None:
        """Give the model back as it was. May be called twice."""
        while self._undo:
            self._undo.pop()()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.detach()

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Before a forward of the decoder: learn where it stands; refuse it when it is not of the steered prompt."""
        ids = args[0] if args else kwargs.get("input_ids")
        if ids is None:
            ids = kwargs["inputs_embeds"]
        cache = kwargs.get("past_key_values")
        for positions in self._kinds:
            positions.read(cache, ids.shape[1])
        if not torch.compiler.is_compiling():
            self._reached = self._check(ids, cache)

    def _leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """After it: note on the cache how much of it is ours. Copies keep the note; other caches have none."""
        if torch.compiler.is_compiling():
            return
        values = output.values() if isinstance(output, dict) else output
        for cache in values:
            if isinstance(cache, Cache):
                setattr(cache, _COVERED, (self._serial, self._reached))

    def _check(self, ids: Tensor, cache: Any) -> int:
        """Return how many tokens of the steered sequence the cache will hold after this forward."""
        if threading.get_ident() != self._thread:
            raise ModelBusyError(
                "Another thread is steering this model.",
                "Run it in the thread that attached, or wait until it is done.",
            )
        serial, covered = getattr(cache, _COVERED, (None, 0))
        covered = covered if serial == self._serial else 0
        if ids.shape[1] == 1 and covered >= self._plan.width:
            return covered + 1  # decoding; reading a static cache's length would wait for the device
        offset = int(cache.get_seq_length()) if isinstance(cache, Cache) else 0
        free = self._plan.earliest_start if self._plan.by_query else int(self._plan.first.min())
        if offset > max(covered, min(free, self._plan.width)):
            raise PromptMismatchError(
                f"The cache holds {offset} tokens that were not computed with this emphasis.",
                f"It may hold at most the {free} tokens before the emphasis; start from an empty cache.",
            )
        reached: int = offset + ids.shape[1]
        overlap = min(self._plan.width, reached) - offset
        if self._prompt is None or overlap <= 0 or ids.is_floating_point():
            return reached
        if ids.shape[0] % self._prompt.shape[0] == 0:
            expected = self._prompt[:, offset : offset + overlap].to(ids.device)
            expected = expected.repeat_interleave(ids.shape[0] // self._prompt.shape[0], dim=0)
            if torch.equal(ids[:, :overlap], expected):
                return reached
        raise PromptMismatchError(
            "The model was called with another prompt than the one that was steered.",
            "Pass the very inputs that boldface.steer gave you; steer each prompt on its own or as one batch.",
        )


def _pre_hook(module: nn.Module, hook: Callable[..., None]) -> Callable[[], None]:
    return module.register_forward_pre_hook(hook, with_kwargs=True).remove
