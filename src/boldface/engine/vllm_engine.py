"""vLLM as an engine: takes requests from any thread and has vLLM answer them, with the emphasis of each.

It stands where :class:`boldface.engine.batching.Scheduler` stands, with the same requests, tickets and pieces. vLLM
runs the model in processes of its own; here is one thread, whose event loop talks to them. Tokens become text here, as
they do for the other engine, so stop texts, deadlines and scores mean the same.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from boldface.attention.geometry import transformer
from boldface.engine.batching import Load, Request, Ticket, TokenScore
from boldface.engine.batching.answer import Answer, Listener
from boldface.engine.batching.checking import check_request
from boldface.engine.batching.pieces import FinishReason
from boldface.engine.batching.scheduler import QUEUE, SLOTS
from boldface.engine.batching.words import Bytes
from boldface.engine.model import Model
from boldface.engine.vllm_asking import Asking, in_our_words
from boldface.engine.vllm_sampling import chosen, reading_params, sampling_params
from boldface.engine.vllm_start import start_vllm
from boldface.engine.vllm_tally import Tally
from boldface.errors import QueueFullError, RouteError, StoppedError
from boldface.steering.plan import Steering

if TYPE_CHECKING:
    from vllm.outputs import RequestOutput

Result = TypeVar("Result")

ROUTE = "vllm"
"""What carries the bias, in reports."""
_NO_MASSES = "vLLM's kernels do not tell how much attention the emphasis has."
_ENDS: Mapping[str | None, FinishReason] = {"stop": "stop", "length": "length", "abort": "cancelled"}


class VllmEngine:
    """Answers requests together, by vLLM. Between :meth:`start` and :meth:`stop` vLLM's processes run.

    Args:
        model: The model as transformers has it: its heads, its tokenizer and its limits are looked at, it is never run.
        slots: Most requests that run at the same time.
        queue: Most requests that wait.
        options: More of vLLM's engine arguments by name, such as ``max_model_len``.
    """

    def __init__(
        self, model: Model, *, slots: int = SLOTS, queue: int = QUEUE, options: Mapping[str, Any] | None = None
    ) -> None:
        self.model, self.slots, self.most_queued = model, slots, queue
        self._options = dict(options or {})
        inner = transformer(model.model)
        config, ends = inner.config.get_text_config(), inner.generation_config.eos_token_id
        context = getattr(config, "max_position_embeddings", None) or sys.maxsize
        self.capacity_tokens: int = self._options.get("max_model_len") or context
        self._vocabulary: int = config.vocab_size
        self._ends = frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends])
        self._spell = Bytes(model.tokenizer)
        self._tally = Tally()
        self._answers: dict[Answer, asyncio.Task[None] | None] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._llm: Any = None
        self._asking: Asking | None = None
        self._drain: float | None = 0.0
        self._is_open = False

    def start(self, failed: Callable[[BaseException], None] | None = None) -> None:
        """Start vLLM's processes and begin to answer.

        Args:
            failed: Told, in the engine's thread, what ended it when nobody had stopped it.

        Raises:
            MissingError: vLLM or our plugin for it is not installed.
            UnsupportedModelError: vLLM cannot run this model steered.
        """
        begun: Future[None] = Future()
        run = partial(self._run, begun, failed)
        self._thread = threading.Thread(target=run, name="boldface-vllm", daemon=True)
        self._thread.start()
        try:
            begun.result()
        except BaseException:
            self._thread.join()
            self._thread = None
            raise

    def stop(self, drain: bool = True, timeout: float | None = None) -> None:
        """Take no more requests, finish those that are here or cancel them, and end vLLM's processes.

        Args:
            drain: Whether running and waiting requests are finished.
            timeout: Seconds after which those that are left are cancelled all the same.
        """
        if self._thread is None:
            return
        with self._lock:
            self._is_open = False
        self._drain = timeout if drain else 0.0
        if self._over is not None:
            self._tell(self._over.set)
        self._thread.join()
        self._thread = None

    def submit(self, request: Request, listener: Listener) -> Ticket:
        """Have a request answered. From any thread; nothing has run when this returns.

        Args:
            request: What to answer.
            listener: Is given the pieces of the answer, in the engine's thread: it must return at once.

        Raises:
            QueueFullError: When as many requests wait as may.
            ContextLengthError: When prompt and answer do not fit.
            StoppedError: When the engine does not run.
            BoldfaceError: When the request makes no sense for this model.
        """
        heads = self.model.geometry.heads
        check_request(request, heads=heads, most=self.capacity_tokens, vocabulary=self._vocabulary, apart=_NO_MASSES)

        def wake() -> None:
            self._tell(partial(self._cancel, answer))

        ticket = Ticket(wake)
        answer = Answer(request, ticket, listener, self.model.tokenizer, self._spell, self._ends)
        with self._lock:
            self._check_open()
            here = sum(not one.is_over for one in self._answers)  # who has heard its end holds no place
            if here >= self.slots + self.most_queued:
                raise QueueFullError(f"{here} requests run and wait already.", "Try again later.")
            self._answers[answer] = None
            if not self._tell(partial(self._begin, answer)):
                del self._answers[answer]
                raise _stopped()
        return ticket

    def scores(self, ids: Sequence[int], steering: Steering, best: int) -> Future[list[TokenScore]]:
        """Return the score of every token of a prompt under its steering; the first, which nothing precedes, has nan.

        Args:
            ids: The prompt.
            steering: How it is steered.
            best: How many of the likeliest tokens are told at every place.
        """
        params = reading_params(steering, ids, prompt_logprobs=best)
        return self._ask(lambda asking: asking.scores(ids, params, best))

    def logprobs(self, ids: Sequence[int], steering: Steering, tokens: Sequence[int]) -> Future[list[float]]:
        """Return how likely each of some tokens is to follow a prompt, in nats.

        Args:
            ids: The prompt.
            steering: How it is steered.
            tokens: The tokens.
        """
        return self._ask(lambda asking: asking.logprobs(ids, steering, tokens))

    def call(self, function: Callable[[Model], Any]) -> NoReturn:
        """Refuse: vLLM's processes run no function of ours, and the weights here are for looking at.

        Raises:
            RouteError: Always.
        """
        raise RouteError(
            "vLLM runs the model in processes of its own: how its attention moves cannot be looked at.",
            "Leave explain and careful out, or ask a server with --engine transformers.",
        )

    @property
    def is_open(self) -> bool:
        """Whether requests are taken."""
        llm = self._llm
        return self._is_open and llm is not None and not llm.errored

    def state(self) -> Load:
        """Return what goes on now; cheap, from any thread."""
        return self._tally.load(self.slots)

    def _check_open(self) -> None:
        if not self.is_open:
            raise _stopped()

    def _ask(self, question: Callable[[Asking], Coroutine[Any, Any, Result]]) -> Future[Result]:
        """Run a question in the engine's loop."""
        self._check_open()
        loop, asking = self._loop, self._asking
        if loop is None or asking is None:  # it has just ended
            raise _stopped()
        return asyncio.run_coroutine_threadsafe(question(asking), loop)

    def _tell(self, what: Callable[[], object]) -> bool:
        """Have something done in the engine's thread; False when that has ended."""
        loop = self._loop
        if loop is None:
            return False
        try:
            loop.call_soon_threadsafe(what)
        except RuntimeError:
            return False
        return True

    def _run(self, begun: Future[None], failed: Callable[[BaseException], None] | None) -> None:
        """Be the engine's thread."""
        try:
            asyncio.run(self._serve(begun))
        except BaseException as error:
            self._is_open = False
            if not begun.done():
                begun.set_exception(error)
            elif failed is not None:
                failed(error)
        finally:
            self._loop = None

    async def _serve(self, begun: Future[None]) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        self._llm = start_vllm(self.model, self._tally, slots=self.slots, options=self._options)
        self._asking = Asking(self._llm, self._spell)
        try:
            self.capacity_tokens = min(self.capacity_tokens, self._llm.model_config.max_model_len)
            await self._asking.check(self.model.geometry.heads, self._vocabulary)
            self._is_open = True
            begun.set_result(None)
            await self._watch()
        finally:
            with self._lock:
                self._is_open = False
            await self._finish()
            self._llm.shutdown()
            self._llm = self._asking = None

    async def _watch(self) -> None:
        """Wait until it is told to end, or vLLM ends by itself.

        Raises:
            StoppedError: vLLM ended.
        """
        assert self._over is not None
        while not self._over.is_set():
            if self._llm.errored:
                raise StoppedError("vLLM's engine has ended by itself.", "Its log says why; start it again.")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), 1.0)

    async def _finish(self) -> None:
        """Let running answers end for as long as they may, and cancel the rest."""
        tasks = [task for task in self._answers.values() if task is not None]
        if tasks and self._drain != 0 and not self._llm.errored:
            await asyncio.wait(tasks, timeout=self._drain)
        for answer in list(self._answers):
            self._cancel(answer)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, answer: Answer) -> None:
        assert self._loop is not None
        task = self._answers[answer] = self._loop.create_task(self._write(answer))
        task.add_done_callback(partial(self._ended, answer))
        if answer.ticket.is_cancelled:
            task.cancel()

    def _cancel(self, answer: Answer) -> None:
        task = self._answers.get(answer)
        if task is not None:
            task.cancel()

    def _ended(self, answer: Answer, task: asyncio.Task[None]) -> None:
        """Forget an answer; one that was cancelled before its first step hears of it here."""
        with self._lock:
            self._answers.pop(answer, None)
        answer.end("cancelled")

    async def _write(self, answer: Answer) -> None:
        deadline = answer.request.deadline
        try:
            async with asyncio.timeout(None if deadline is None else max(0.0, deadline - time.monotonic())):
                await self._listen(answer)
        except TimeoutError:
            answer.end("timeout")
        except asyncio.CancelledError:
            answer.end("cancelled")
        except Exception as error:
            answer.end("error", error=in_our_words(error))

    async def _listen(self, answer: Answer) -> None:
        """Give an answer its tokens; leaving early gives vLLM's places free."""
        request, asking, has_begun = answer.request, self._asking, False
        assert asking is not None
        if not request.steering.is_null:
            answer.use({layer: (ROUTE,) for layer in request.steering.gains.layers})
        async with aclosing(asking.stream(request.prompt.ids, sampling_params(request, self._ends))) as stream:
            async for output in stream:
                if not has_begun:
                    has_begun, cached = True, output.num_cached_tokens or 0
                    self._tally.prefix_hits += cached > 0
                    answer.begin(cached, _scheduled(output))
                (completion,) = output.outputs
                for token, score in chosen(completion, request.sampling.logprobs, self._spell.of):
                    answer.take_chosen(token, score)
                    if answer.is_over:
                        break
                if answer.is_over and not output.finished:
                    return
                if completion.finish_reason is not None:
                    answer.end(_ENDS.get(completion.finish_reason, "error"))


def _scheduled(output: RequestOutput) -> float | None:
    """Return the second at which vLLM began with a request, where it says so."""
    return output.metrics.scheduled_ts or None if output.metrics is not None else None


def _stopped() -> StoppedError:
    return StoppedError("No requests are taken: vLLM does not run.", "Try again later.")
