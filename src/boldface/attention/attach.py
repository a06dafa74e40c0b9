"""Attach a plan to a live model and detach it again; afterwards the model is bit-identical to what it was."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NoReturn, Self

import torch
from torch import Tensor, nn
from transformers.cache_utils import Cache

from boldface.attention import seams
from boldface.attention.call import Call, Mass
from boldface.attention.geometry import geometry, transformer
from boldface.attention.guard import Guard
from boldface.attention.layer import LayerSteering
from boldface.attention.positions import Positions, by_kind
from boldface.attention.routes import ROUTES
from boldface.errors import ModelBusyError, RouteError
from boldface.steering import attend
from boldface.steering.levels import Levels
from boldface.steering.plan import Plan

_ATTACHED = "_boldface_attachment"
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
        watch: Told of every call of a prefill in which something is steered, before it is answered.
        levels: How far every row is steered, from one forward to the next; None is wholly, always.

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
        watch: Callable[[Call], None] | None = None,
        levels: Levels | None = None,
    ) -> None:
        if route != "auto" and route not in ROUTES:
            raise RouteError(f"There is no route {route!r}.", f"Choose auto or one of {', '.join(ROUTES)}.")
        self._model = transformer(model)
        self._plan, self._guard, self._levels = plan, Guard(plan, prompt), levels
        layers = geometry(model).layers
        attend.examine(self._model.device.type, self._model.dtype)  # now, because compilers cannot
        layer_types = getattr(self._model.config.get_text_config(), "layer_types", None) or []
        self._positions = by_kind((layers[index] for index in plan.gains), layer_types)
        self._kinds = list({id(positions): positions for positions in self._positions.values()}.values())
        self._undo: list[Callable[[], None]] = [claim(self._model, self)]
        self._layers: list[LayerSteering] = []
        try:
            self._undo.append(_pre_hook(self._model.base_model, self._enter))
            self._undo.append(self._model.base_model.register_forward_hook(self._leave).remove)
            for index, shared in self._positions.items():
                self._steer(layers[index].module, index, shared, route, record, watch)
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
        watch: Callable[[Call], None] | None,
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
            watch=watch,
            levels=self._levels,
            tally=None if self._levels is None else self._levels.tally,
        )
        self._layers.append(state)
        self._undo.append(seams.replace(module, state))

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        refuse_copying()

    @property
    def used(self) -> dict[int, tuple[str, ...]]:
        """Routes that answered calls so far, by layer."""
        return {state.layer: tuple(sorted(state.used)) for state in self._layers if state.used}

    @contextmanager
    def off(self) -> Iterator[None]:
        """Let the model run plain for a while, with other caches than those that it fills steered.

        Only for an attachment with levels.
        """
        assert self._levels is not None
        self._levels.is_off = True
        try:
            yield
        finally:
            self._levels.is_off = False

    def vouch(self, cache: Cache, tokens: int) -> None:
        """Let a cache of the prompt's first tokens be used; see :meth:`~boldface.attention.guard.Guard.vouch`."""
        self._guard.vouch(cache, tokens)

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
        """Before a forward of the decoder: learn where it stands; refuse it when it is not of the steered prompt.

        Raises:
            RouteError: When attention weights are asked for: no route keeps those of the steered layers.
        """
        if self._levels is not None and self._levels.is_off:
            return
        weights = kwargs.get("output_attentions")
        if self._model.config.output_attentions if weights is None else weights:
            raise RouteError(
                "A steered model gives no attention weights (output_attentions).",
                "Leave it out; Attachment(…, route='split', record=…) tells how much attention the emphasis gets.",
            )
        ids = args[0] if args else kwargs.get("input_ids")
        if ids is None:
            ids = kwargs["inputs_embeds"]
        cache = kwargs.get("past_key_values") if "past_key_values" in kwargs else _first_cache(args)
        if not torch.compiler.is_compiling():
            self._guard.check(ids, cache)  # first: a refused thread must not move the positions of the running one
        for positions in self._kinds:
            positions.read(cache, ids.shape[1])
        if self._levels is not None:
            self._levels.enter(ids, int(self._kinds[0].query_start), self._plan.width)

    def _leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        """After it: note on the cache how much of it is ours."""
        is_off = self._levels is not None and self._levels.is_off
        if not is_off and not torch.compiler.is_compiling():
            self._guard.note(output)


def _first_cache(args: tuple[Any, ...]) -> Cache | None:
    return next((each for each in args if isinstance(each, Cache)), None)


def claim(model: nn.Module, owner: object) -> Callable[[], None]:
    """Mark ``model`` as steered by ``owner``, so that nobody else steers or asks it; return what frees it again.

    Args:
        model: The model.
        owner: Stands in the model until then; it must refuse to be copied and pickled.

    Raises:
        ModelBusyError: When it is steered already.
    """
    inner = transformer(model)
    with _LOCK:
        refuse_steered(inner)
        inner.__dict__[_ATTACHED] = owner

    def free() -> None:
        inner.__dict__.pop(_ATTACHED, None)

    return free


def refuse_copying() -> NoReturn:
    """Raise ModelBusyError: a copy of a steered model would stay steered."""
    raise ModelBusyError(
        "A steered model cannot be copied or pickled: the copy would stay steered.", "Leave the `with` block first."
    )


def refuse_steered(model: nn.Module) -> None:
    """Raise ModelBusyError when ``model`` is steered already; a plain call would silently get that emphasis too."""
    if _ATTACHED in transformer(model).__dict__:
        raise ModelBusyError(
            "This model is already steered.",
            "Leave the other `with` block first; give one prompt several spans, or batch prompts.",
        )


def _pre_hook(module: nn.Module, hook: Callable[..., None]) -> Callable[[], None]:
    return module.register_forward_pre_hook(hook, with_kwargs=True).remove
