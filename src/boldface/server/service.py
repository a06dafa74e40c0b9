"""What the endpoints share: the models, the policy, the thread that reads prompts."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
MEASURED = 16
"""One in so many steered answers tells how much attention its emphasis gets: that costs a pass of one token."""
MOST_CALLS = 16
"""Questions about a prompt (its scores, how attention moved) that wait for the model at the same time."""


class Service:
    """What the endpoints share.

    Args:
        hosts: The models.
        policy: Which sources of text may emphasise.
        metrics: Counts.
        answer_tokens: Longest answer to a chat that names none.
    """

    def __init__(self, hosts: Hosts, *, policy: Policy, metrics: Metrics, answer_tokens: int = ANSWER_TOKENS) -> None:
        self.hosts, self.policy, self.metrics, self.answer_tokens = hosts, policy, metrics, answer_tokens
        # Templates and tokenizers are other people's, and not all of them can be used by two threads at once.
        self._reader = ThreadPoolExecutor(1, "boldface-reader")
        self._reads = self._calls = 0
        self._steered = itertools.count()

    def measures(self) -> bool:
        """Whether the next steered answer is one of those whose attention is measured; the first one is."""
        return next(self._steered) % MEASURED == 0

    async def read(self, read: Callable[..., Result], *args: Any) -> Result:
        """Run what reads a prompt, beside the event loop.

        Raises:
            QueueFullError: Too many wait for that already.
        """
        if self._reads >= MOST_READS:
            raise QueueFullError(f"{self._reads} requests wait to be read.", "Wait a moment, and ask again.")
        self._reads += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader, read, *args)
        finally:
            self._reads -= 1

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
        """End the thread."""
        self._reader.shutdown(wait=False, cancel_futures=True)


def fingerprint(hosted: Hosted) -> str:
    """Return what seeds depend on besides the request: another one may draw other words from the same seed."""
    model = hosted.model.model
    facts = [version("boldface"), torch.__version__, hosted.id, str(next(model.parameters()).dtype)]
    if isinstance(hosted.scheduler, VllmEngine):
        facts.append("vllm")
    return "fp_" + hashlib.sha256("\n".join(facts).encode()).hexdigest()[:10]
