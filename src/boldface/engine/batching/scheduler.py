"""The scheduler: takes requests from any thread and runs the model in one of its own, a step at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import torch

from boldface.attention.geometry import transformer
from boldface.engine.batching.answer import Answer, Listener
from boldface.engine.batching.checking import check_request
from boldface.engine.batching.examination import examine
from boldface.engine.batching.hold import Hold
from boldface.engine.batching.layer import Turn
from boldface.engine.batching.pieces import FinishReason, Load
from boldface.engine.batching.request import Request, needs_twin
from boldface.engine.batching.runner import Runner
from boldface.engine.batching.ticket import Ticket
from boldface.engine.batching.words import Bytes
from boldface.engine.caches.blocks import Prefixes
from boldface.engine.caches.owner import lasting_owner
from boldface.engine.caches.shelf import Shelf
from boldface.engine.caches.shelved import Shelved
from boldface.engine.model import Model
from boldface.errors import QueueFullError, RouteError, StoppedError
from boldface.steering.plan import Steering
from boldface.steering.prefix_law import trace

Result = TypeVar("Result")

SLOTS = 32
TOKENS_PER_SLOT, LEAST_TOKENS = 2048, 8192
PREFIX_BYTES = 2**28
QUEUE = 64
CHUNK = 256
"""Tokens of prompts that are read between two steps of the running requests."""


class Scheduler:
    """Answers requests together. Between :meth:`start` and :meth:`stop` it has the model to itself.

    Args:
        model: The model.
        slots: Most requests that run at the same time.
        capacity_tokens: Most tokens whose keys and values are held, padding included: as many rows as run, each as
            wide as the longest prompt with the longest answer it may get. Their tables are rounded up from there.
        prefix_bytes: Most memory for the beginnings of prompts.
        documents: Files of beginnings that were read before; those that are there now.
        queue: Most requests that wait.
        chunk: Tokens of prompts that are read between two steps.
    """

    def __init__(
        self,
        model: Model,
        *,
        slots: int = SLOTS,
        capacity_tokens: int | None = None,
        prefix_bytes: int = PREFIX_BYTES,
        documents: Shelf | None = None,
        queue: int = QUEUE,
        chunk: int = CHUNK,
    ) -> None:
        self.model, self.slots, self.most_queued, self.chunk = model, slots, queue, chunk
        wanted = max(LEAST_TOKENS, slots * TOKENS_PER_SLOT)
        self.capacity_tokens = wanted if capacity_tokens is None else capacity_tokens
        config = transformer(model.model).config.get_text_config()
        self._context: int = getattr(config, "max_position_embeddings", None) or self.capacity_tokens
        self._vocabulary: int = config.vocab_size
        ends = transformer(model.model).generation_config.eos_token_id
        self._ends = frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])
        self._spell = Bytes(model.tokenizer)
        self._turn = Turn()
        self._hold = Hold(model, self._turn)
        self._shelved = (
            None
            if documents is None
            else Shelved(documents, lasting_owner(model), device=transformer(model.model).device)
        )
        self._prefixes = Prefixes(prefix_bytes, self._shelved)
        self._coming: WeakKeyDictionary[Answer, Future[Any]] = WeakKeyDictionary()
        self._runner: Runner | None = None
        self._changed = threading.Condition()
        self._queue: deque[Answer] = deque()
        self._calls: deque[tuple[Callable[[Model], Any], Future[Any]]] = deque()
        self._thread: threading.Thread | None = None
        self._is_open = self._is_draining = False

    def start(self, failed: Callable[[BaseException], None] | None = None) -> None:
        """Take the model and begin to answer.

        Args:
            failed: Told, in the scheduler's thread, what ended it when nobody had stopped it.

        Raises:
            UnsupportedModelError: When the model cannot be batched exactly.
            ModelBusyError: When it is steered by somebody else.
        """
        begun: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(begun, failed), name="boldface-scheduler", daemon=True)
        self._thread.start()
        begun.result()

    def stop(self, drain: bool = True, timeout: float | None = None) -> None:
        """Take no more requests, finish those that are here or cancel them, and give the model back.

        Args:
            drain: Whether running and waiting requests and calls are finished.
            timeout: Seconds after which those that are left are cancelled all the same.
        """
        thread = self._thread
        if thread is None:
            return
        with self._changed:
            self._is_open, self._is_draining = False, drain
            self._changed.notify_all()
        thread.join(timeout if drain else None)
        with self._changed:
            self._is_draining = False
            self._changed.notify_all()
        thread.join()
        self._thread = None

    def submit(self, request: Request, listener: Listener) -> Ticket:
        """Have a request answered. From any thread; nothing has run when this returns.

        Args:
            request: What to answer.
            listener: Is given the pieces of the answer, in the scheduler's thread: it must return at once.

        Raises:
            QueueFullError: When as many requests wait as may.
            ContextLengthError: When prompt and answer do not fit.
            StoppedError: When the scheduler does not run.
            BoldfaceError: When the request makes no sense for this model.
        """
        rows = 1 + needs_twin(request)
        if rows > self.slots:
            raise RouteError(
                "A gate takes two places, one for the plain model, and this scheduler has one.", "Leave the gate out."
            )
        check_request(
            request,
            heads=self.model.geometry.heads,
            most=min(self._context, self.capacity_tokens // rows),
            vocabulary=self._vocabulary,
            apart=self._hold.why_not_apart,
        )
        ticket = Ticket(self._wake)
        answer = Answer(request, ticket, listener, self.model.tokenizer, self._spell, self._ends)
        with self._changed:
            if not self._is_open:
                raise StoppedError("No requests are taken: the scheduler does not run.", "Try again later.")
            if len(self._queue) + self._running() >= self.slots + self.most_queued:
                raise QueueFullError(
                    f"{len(self._queue)} requests wait already.",
                    "Try again later.",
                    retry_after=1.0 if self._runner is None else max(1.0, self._runner.seconds),
                )
            self._queue.append(answer)
            self._changed.notify_all()
        return ticket

    def call(self, function: Callable[[Model], Result]) -> Future[Result]:
        """Run a function with the model as it is without the scheduler, between two steps, in the scheduler's thread.

        Raises:
            StoppedError: When the scheduler does not run.
        """
        future: Future[Result] = Future()
        with self._changed:
            if not self._is_open:
                raise StoppedError("No calls are taken: the scheduler does not run.", "Try again later.")
            self._calls.append((function, future))
            self._changed.notify_all()
        return future

    @property
    def is_open(self) -> bool:
        """Whether requests are taken."""
        return self._is_open

    def state(self) -> Load:
        """Return what goes on now; cheap, from any thread."""
        runner = self._runner
        rows = [] if runner is None else list(runner.batch.rows)
        return Load(
            running=self._running(),
            queued=len(self._queue),
            slots=self.slots,
            kv_tokens=sum(row.position for row in rows),
            capacity_tokens=self.capacity_tokens,
            prefix_entries=len(self._prefixes),
            prefix_bytes=self._prefixes.size,
            prefix_hits=self._prefixes.hits,
            steps=0 if runner is None else runner.steps,
            tokens=0 if runner is None else runner.tokens,
            batches={} if runner is None else dict(runner.sizes.copy()),
        )

    def _running(self) -> int:
        return 0 if self._runner is None else sum(not answer.is_over for answer in self._runner.answers)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _run(self, begun: Future[None], failed: Callable[[BaseException], None] | None) -> None:
        """Be the scheduler's thread: serve with the model to oneself, and let it go for every call in between."""
        error: BaseException | None = None
        try:
            with torch.no_grad():
                views = examine(self.model)
            self._runner = Runner(
                self.model,
                self._hold,
                self._turn,
                views,
                self._prefixes,
                slots=self.slots,
                capacity=self.capacity_tokens,
                chunk=self.chunk,
            )
            is_over = False
            while not is_over:
                with self._hold.on(), torch.no_grad():
                    if not begun.done():
                        self._is_open = True
                        begun.set_result(None)
                    is_over = self._serve(self._runner)
                self._run_call()
        except BaseException as failure:
            error = failure
        finally:
            self._close(error)
            if not begun.done():
                begun.set_exception(error or RuntimeError("The scheduler ended before it began."))
            elif error is not None and failed is not None:
                failed(error)

    def _serve(self, runner: Runner) -> bool:
        """Take turns until there is a call (False) or the end (True)."""
        while True:
            with self._changed:
                self._drop_waiting()
                while self._is_idle(runner) and (self._is_open or (self._is_draining and self._queue)):
                    self._changed.wait()
                if not self._is_open and not (self._is_draining and (self._queue or self._calls or runner.answers)):
                    return True
            runner.turn(lambda: self._next(runner))
            if self._calls:
                return False

    def _is_idle(self, runner: Runner) -> bool:
        """Whether there is nothing to do but to wait, perhaps for a file."""
        return not (self._calls or runner.answers or any(not self._is_coming(answer) for answer in self._queue))

    def _next(self, runner: Runner) -> Answer | None:
        """Take the request that has waited longest, once it fits; those that wait for a file let others go first."""
        with self._changed:
            self._drop_waiting()
            for answer in self._queue:
                if not runner.fits(answer):
                    return None
                if self._is_near(answer):
                    self._queue.remove(answer)
                    return answer
            return None

    def _is_coming(self, answer: Answer) -> bool:
        """Whether a file that a request begins with is being read."""
        return answer in self._coming and not self._coming[answer].done()

    def _is_near(self, answer: Answer) -> bool:
        """Whether no file has to be read for a request; else that begins here, beside the batch."""
        if self._is_coming(answer):
            return False
        ids = answer.request.prompt.ids
        coming = None
        if self._shelved is not None:
            traces = [trace(ids, answer.request.steering)]
            if needs_twin(answer.request):  # one file at a time: the one that spares more reading
                traces.append(trace(ids, Steering()))
            longest = max(traces, key=lambda one: self._prefixes.count(one, len(ids) - 1))
            coming = self._prefixes.fetch(longest, len(ids) - 1)
        if coming is None:
            return True
        self._coming[answer] = coming
        coming.add_done_callback(lambda _: self._wake())
        return False

    def _drop_waiting(self) -> None:
        """End those that waited too long, or for whom nobody waits."""
        now = time.monotonic()
        for answer in list(self._queue):
            reason = answer.overdue(now)
            if reason is not None:
                self._queue.remove(answer)
                answer.end(reason)

    def _run_call(self) -> None:
        """Run the call that has waited longest; the next one waits until the batch has had its turn."""
        with self._changed:
            if not self._calls:
                return
            function, future = self._calls.popleft()
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(function(self.model))
            except BaseException as error:
                future.set_exception(error)

    def _close(self, error: BaseException | None) -> None:
        """End what is left."""
        with self._changed:
            self._is_open = False
            waiting, self._queue = list(self._queue), deque()
            calls, self._calls = list(self._calls), deque()
        reason: FinishReason = "cancelled" if error is None else "error"
        for answer in [*waiting, *([] if self._runner is None else self._runner.answers)]:
            answer.end(reason, error=error)
        if self._runner is not None:
            self._runner.batch.clear()
        if self._shelved is not None:
            self._shelved.close()
        for _, future in calls:
            if future.set_running_or_notify_cancel():
                future.set_exception(StoppedError("The scheduler has stopped.", "Try again later."))
