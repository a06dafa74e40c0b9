"""What the endpoints share: the models, the policy, the threads that read prompts."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any, TypeVar

import torch

from boldface.emphasis.tokens import EncodedPrompt
from boldface.emphasis.trust import Policy
from boldface.engine.batching import TokenScore
from boldface.engine.model import Model
from boldface.engine.prompt_scores import prompt_scores
from boldface.engine.vllm_engine import VllmEngine
from boldface.errors import QueueFullError
from boldface.server.hosting import Hosted, Hosts
from boldface.server.metrics import Metrics
from boldface.steering.plan import Steering

Result = TypeVar("Result")

ANSWER_TOKENS = 1024
"""Longest answer to a chat that names none."""
MOST_READS = 256
"""Requests whose prompts wait to be read at the same time."""
MOST_DETECTIONS = 16
"""Requests in whose text something is to be detected first, at the same time: that takes far longer than reading."""
MEASURED = 16
"""One in so many steered answers tells how much attention its emphasis gets: that costs a pass of one token."""
MOST_CALLS = 16
"""Questions about a prompt (its scores, how attention moved) that wait for the model at the same time."""
EXPLAIN_TOKENS = 1024
"""Longest prompt with its answer that is explained: one piece of that work, of which there are many, may take a second
for every 500 tokens on a CPU, and others wait for it."""


class Service:
    """What the endpoints share.

    Args:
        hosts: The models.
        policy: Which sources of text may emphasise.
        metrics: Counts.
        answer_tokens: Longest answer to a chat that names none.
        measured: One in so many steered answers tells how much attention its emphasis gets; 0 for none.
        explain_tokens: Longest prompt with its answer that is explained; 0 for none.
    """

    def __init__(
        self,
        hosts: Hosts,
        *,
        policy: Policy,
        metrics: Metrics,
        answer_tokens: int = ANSWER_TOKENS,
        measured: int = MEASURED,
        explain_tokens: int = EXPLAIN_TOKENS,
    ) -> None:
        self.hosts, self.policy, self.metrics, self.answer_tokens = hosts, policy, metrics, answer_tokens
        self._measured, self.explain_tokens, self._explains = measured, explain_tokens, False
        self._reader, self._detector = (ThreadPoolExecutor(1, f"boldface-{name}") for name in ("reader", "detector"))
        self._reads = self._detections = self._calls = 0
        self._steered = itertools.count()

    def measures(self) -> bool:
        """Whether the next steered answer is one of those whose attention is measured; the first one is."""
        return self._measured > 0 and next(self._steered) % self._measured == 0

    async def read(self, read: Callable[..., Result], *args: Any, detects: bool = False) -> Result:
        """Run what reads a prompt, beside the event loop.

        Args:
            read: What reads it.
            args: Its arguments.
            detects: Whether it looks for words to emphasise: then it runs in a thread of its own, so that prompts in
                which nothing is looked for are read meanwhile.

        Raises:
            QueueFullError: Too many wait for that already.
        """
        loop = asyncio.get_running_loop()
        if detects:
            if self._detections >= MOST_DETECTIONS:
                raise QueueFullError(
                    f"{self._detections} requests wait to have words detected.", "Wait a moment, and ask again."
                )
            self._detections += 1
            try:
                return await loop.run_in_executor(self._detector, read, *args)
            finally:
                self._detections -= 1
        if self._reads >= MOST_READS:
            raise QueueFullError(f"{self._reads} requests wait to be read.", "Wait a moment, and ask again.")
        self._reads += 1
        try:
            return await loop.run_in_executor(self._reader, read, *args)
        finally:
            self._reads -= 1

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Keep others from having an answer explained until the block ends.

        Raises:
            QueueFullError: One is being explained already.
        """
        if self._explains:
            raise QueueFullError("Another answer is being explained.", "Ask again in a while.", retry_after=10.0)
        self._explains = True
        try:
            yield
        finally:
            self._explains = False

    async def call(self, hosted: Hosted, function: Callable[[Model], Result]) -> Result:
        """Run a function with the model, between two steps of its batch.

        Raises:
            QueueFullError: Too many wait for that already.
            RouteError: The engine runs no functions.
        """
        return await self._asked(lambda: hosted.scheduler.call(function))

    async def scores(self, hosted: Hosted, prompt: EncodedPrompt, steering: Steering, best: int) -> list[TokenScore]:
        """Return the score of every token of a prompt, see :func:`boldface.engine.prompt_scores.prompt_scores`.

        Raises:
            QueueFullError: Too many wait for that already.
        """
        engine = hosted.scheduler
        if isinstance(engine, VllmEngine):
            return await self._asked(lambda: engine.scores(prompt.ids, steering, best))
        return await self.call(hosted, partial(prompt_scores, prompt=prompt, steering=steering, best=best))

    async def _asked(self, ask: Callable[[], Future[Result]]) -> Result:
        if self._calls >= MOST_CALLS:
            raise QueueFullError(
                f"{self._calls} requests wait to have a prompt looked at.", "Wait a moment, and ask again."
            )
        self._calls += 1
        try:
            return await asyncio.wrap_future(ask())
        finally:
            self._calls -= 1

    def close(self) -> None:
        """End the threads."""
        for threads in (self._reader, self._detector):
            threads.shutdown(wait=False, cancel_futures=True)


def fingerprint(hosted: Hosted) -> str:
    """Return what seeds depend on besides the request: another one may draw other words from the same seed."""
    model = hosted.model.model
    facts = [version("boldface"), torch.__version__, hosted.id, str(next(model.parameters()).dtype)]
    if isinstance(hosted.scheduler, VllmEngine):
        facts.append("vllm")
    return "fp_" + hashlib.sha256("\n".join(facts).encode()).hexdigest()[:10]
