"""A model that vLLM runs, with the face of any other: ``boldface.load("smollm2", engine="vllm")``."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn

import torch

from boldface.attention.geometry import transformer
from boldface.engine.batching import Piece, Request, Sampling, Ticket
from boldface.engine.caches.memory import Memory
from boldface.engine.generation import Generation
from boldface.engine.model import Model
from boldface.engine.steer import Prepared
from boldface.engine.vllm_engine import VllmEngine
from boldface.errors import ModelError, RouteError, StoppedError

UNBOUNDED = 2**31
"""Requests that wait where nobody else asks: as many as one call has."""

Until = Callable[[int, str, Sequence[int]], bool]
"""Told a row, its text and its tokens so far; true ends it there."""

_TAKEN = ("do_sample", "temperature", "top_p", "top_k", "min_new_tokens", "streamer", "stopping_criteria")


class VllmModel(Model):
    """A causal language model that vLLM runs, and its tokenizer.

    ``model`` is the same model as transformers reads it: what heads it has, whether a profile fits it. It never runs
    but for one short look at its layers. vLLM's processes start with the first answer and end with :meth:`close` or the
    program; a script that uses one needs ``if __name__ == "__main__":``, as every program that starts processes afresh.

    Args:
        model: What :func:`boldface.load` gives without an engine.
        slots: Most answers at the same time.
        options: vLLM's engine arguments by name, such as ``max_model_len``.
    """

    def __init__(self, model: Model, *, slots: int = 32, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(model.model, model.tokenizer, name=model.name, chat=model.chat, origin=model.origin)
        self.slots, self.options = slots, dict(options or {})
        self._engine: VllmEngine | None = None
        self._starting = threading.Lock()

    @property
    def engine(self) -> VllmEngine:
        """The engine of this object's own, started when it is first asked for."""
        with self._starting:
            if self._engine is None:
                engine = VllmEngine(self, slots=self.slots, queue=UNBOUNDED, options=self.options)
                engine.start()
                atexit.register(self.close)
                self._engine = engine
            return self._engine

    def close(self) -> None:
        """End vLLM's processes; the next answer starts them again."""
        with self._starting:
            engine, self._engine = self._engine, None
        if engine is not None:
            atexit.unregister(self.close)
            engine.stop(drain=False)

    def answer(
        self, prepared: Prepared, sampling: Sequence[Sampling], until: Until | None = None, streamer: Any = None
    ) -> list[Generation]:
        """Answer prepared prompts, all at once.

        Args:
            prepared: The prompts and how each is steered.
            sampling: How each answer's tokens are chosen.
            until: Ends answers before their time.
            streamer: Is given every token of a single answer, as transformers gives them.

        Raises:
            BoldfaceError: One of them cannot be answered; the others are given up.
        """
        engine = self.engine
        drafts = [_Draft(row, until, streamer) for row in range(len(sampling))]
        rows = zip(prepared.rows.prompts, prepared.steerings, sampling, drafts, strict=True)
        try:
            for prompt, steering, how, draft in rows:
                draft.begin(engine.submit(Request(prompt, steering, how), draft.hear))
            lasts = [draft.last.result() for draft in drafts]
        finally:
            for draft in drafts:
                draft.give_up()
        return [
            Generation(
                text=draft.text,
                ids=tuple(draft.ids),
                finish_reason="length" if last.finish_reason == "length" else "stop",
                prompt=prompt,
                steering=steering,
                routes=dict(last.routes),
                cached=0 if last.usage is None else last.usage.cached_tokens,
            )
            for draft, last, prompt, steering in zip(
                drafts, lasts, prepared.rows.prompts, prepared.steerings, strict=True
            )
        ]

    def _answers(
        self, prepared: Prepared, route: str, seed: int | None, memory: Memory | None, **options: Any
    ) -> list[Generation]:
        if memory is not None:
            raise ModelError("vLLM keeps beginnings of prompts by itself.", "Leave memory out.")
        if route != "auto":
            raise RouteError(f"vLLM takes no route {route!r}: it has one of its own.", "Leave route out.")
        if unknown := [name for name in options if name not in _TAKEN]:
            raise ModelError(
                f"vLLM does not take {unknown[0]}.",
                f"It takes {', '.join(_TAKEN)}; for others use engine transformers.",
            )
        single = len(prepared.rows.prompts) == 1
        streamer, criteria = options.pop("streamer", None), options.pop("stopping_criteria", None)
        if not single and (streamer is not None or criteria is not None):
            raise ModelError("Only one answer can be streamed or stopped by criteria.", "Ask one prompt at a time.")
        if streamer is not None:
            streamer.put(prepared.rows.ids)
        until = None if criteria is None else _by_criteria(criteria, prepared)
        sampling = [self._sampling(prepared.room, seed, row, **options) for row in range(len(prepared.rows.prompts))]
        answers = self.answer(prepared, sampling, until, streamer)
        if streamer is not None:
            streamer.end()
        return answers

    def _sampling(self, room: int, seed: int | None, row: int, **options: Any) -> Sampling:
        """Return how the tokens of a row are chosen; what is not said is as the model's own settings have it."""
        if not options.get("do_sample"):
            return Sampling(max_tokens=room, min_tokens=options.get("min_new_tokens") or 0)
        own = transformer(self.model).generation_config
        said = {name: options.get(name, getattr(own, name, None)) for name in ("temperature", "top_p", "top_k")}
        return Sampling(
            max_tokens=room,
            temperature=1.0 if said["temperature"] is None else float(said["temperature"]),
            top_p=1.0 if said["top_p"] is None else float(said["top_p"]),
            top_k=said["top_k"] or 0,
            seed=None if seed is None else (seed + row) % 2**63,
            min_tokens=options.get("min_new_tokens") or 0,
        )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Refuse: vLLM runs many requests at once.

        Raises:
            ModelError: Always.
        """
        _refuse()
        yield

    @contextmanager
    def running(self, *_: Any, **__: Any) -> Iterator[None]:
        """Refuse: this process does not run the model.

        Raises:
            ModelError: Always.
        """
        _refuse()
        yield

    def steer(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: this process does not run the model.

        Raises:
            ModelError: Always.
        """
        _refuse()


def _refuse() -> NoReturn:
    raise ModelError("vLLM runs this model, in processes of its own.", "Load it with engine='transformers' for that.")


def _by_criteria(criteria: Any, prepared: Prepared) -> Until:
    """Return what ends an answer where transformers' stopping criteria say so."""
    prompt = prepared.rows.ids

    def until(row: int, text: str, ids: Sequence[int]) -> bool:
        so_far = torch.cat((prompt, torch.tensor([ids], dtype=prompt.dtype, device=prompt.device)), dim=1)
        return bool(criteria(so_far, None).any())

    return until


@dataclass
class _Draft:
    """An answer on its way.

    Attributes:
        row: Which one.
        until: Ends it before its time.
        streamer: Is given its tokens.
        ids: Its tokens.
        text: Its text.
        last: Its last piece, once there.
    """

    row: int
    until: Until | None
    streamer: Any
    ids: list[int] = field(default_factory=list)
    text: str = ""
    last: Future[Piece] = field(default_factory=Future)
    _ticket: Ticket | None = None
    _is_enough: bool = False

    def begin(self, ticket: Ticket) -> None:
        """Hold what it can be given up by."""
        self._ticket = ticket
        if self._is_enough:
            ticket.cancel()

    def give_up(self) -> None:
        """End it, if it has not ended."""
        if self._ticket is not None and not self.last.done():
            self._ticket.cancel()

    def hear(self, piece: Piece) -> None:
        """Take a piece, in the engine's thread."""
        try:
            self._take(piece)
        except BaseException as error:
            self._is_enough = True
            if not self.last.done():
                self.last.set_exception(error)
            raise

    def _take(self, piece: Piece) -> None:
        if not self._is_enough:
            self.ids += piece.ids
            self.text += piece.text
            if self.streamer is not None:
                for token in piece.ids:
                    self.streamer.put(torch.tensor([token]))
        if piece.finish_reason is None:
            self._look()
        else:
            self._end(piece)

    def _look(self) -> None:
        """See whether it is enough."""
        if self.until is None or self._is_enough or not self.until(self.row, self.text, self.ids):
            return
        self._is_enough = True
        if self._ticket is not None:
            self._ticket.cancel()

    def _end(self, piece: Piece) -> None:
        if self.last.done():
            return
        if piece.finish_reason in ("stop", "length") or self._is_enough:
            self.last.set_result(piece)
        else:
            self.last.set_exception(piece.error or StoppedError("vLLM ended before the answer had.", "Ask again."))
