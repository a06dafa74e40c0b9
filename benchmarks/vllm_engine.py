"""A vLLM engine in a process of its own, with boldface in it or without, that answers batches and times them.

Everything of the engine runs in that one process, front end and scheduler included, so that nothing of what a plugin
costs hides behind another process.
"""

from __future__ import annotations

import ctypes
import gc
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

SETTINGS = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
}
"""Of the engine's process: one process, any core, 1 GiB of keys and values."""
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Of ``malloc.h``."""
PATIENCE = 20.0
"""Seconds that an engine may take to end."""


class Batch(NamedTuple):
    """Requests that are asked at the same time.

    Attributes:
        prompts: Tokens of each.
        steering: What their ``extra_args["boldface"]`` say; None is nothing.
        tokens: Of every answer.
    """

    prompts: Sequence[Sequence[int]]
    steering: str | None
    tokens: int


class Took(NamedTuple):
    """What a batch took, in seconds.

    Attributes:
        prefill: Until every request had its first token.
        decode: From then on.
        answers: The tokens.
    """

    prefill: float
    decode: float
    answers: tuple[tuple[int, ...], ...]


class Engine:
    """An engine, from the ``with`` to its end.

    Args:
        plugin: Whether boldface is in it.
        arguments: Of vLLM's ``EngineArgs``.
        threads: Of torch.
        log: Takes what it writes.
        clock: One of :data:`CLOCKS`.
    """

    def __init__(self, plugin: bool, arguments: Mapping[str, Any], threads: int, log: Path, clock: str) -> None:
        context = get_context("spawn")
        self._pipe, there = context.Pipe()
        switch = {"BOLDFACE_VLLM": "1"} if plugin else {"VLLM_PLUGINS": ""}
        environment = {**SETTINGS, **switch, "OMP_NUM_THREADS": str(threads)}
        log.parent.mkdir(parents=True, exist_ok=True)
        self._process = context.Process(target=_serve, args=(there, environment, dict(arguments), str(log), clock))
        self._log = log

    def __enter__(self) -> Engine:
        self._process.start()
        self._told()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._pipe.send(None)
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()

    def run(self, batch: Batch) -> Took:
        """Answer a batch."""
        self._pipe.send(batch)
        took: Took = self._told()
        return took

    def _told(self) -> Any:
        while not self._pipe.poll(1):
            if not self._process.is_alive():
                raise SystemExit(f"An engine ended:\n{self._log.read_text()[-3000:]}")
        return self._pipe.recv()


def _keep_memory() -> None:
    """Have glibc keep what a step frees, as tcmalloc does, which vLLM's documentation preloads.

    Otherwise it gives memory back after every layer or does not, by where a few blocks happen to lie: up to a third of
    the time of a prefill, in one process and not in another.
    """
    libc = ctypes.CDLL(None)
    if not (libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1) and libc.mallopt(_MMAP_MAX, 0)):
        raise SystemExit("This C library cannot be told to keep memory.")


def _serve(pipe: Connection, environment: Mapping[str, str], arguments: dict[str, Any], log: str, clock: str) -> None:
    os.environ.update(environment)
    with open(log, "ab", buffering=0) as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    _keep_memory()
    from vllm import EngineArgs
    from vllm.v1.engine.llm_engine import LLMEngine

    engine = LLMEngine.from_engine_args(EngineArgs(**arguments))
    pipe.send(None)
    number = 0
    while (batch := pipe.recv()) is not None:
        gc.collect()
        gc.disable()
        pipe.send(_answer(engine, batch, number, CLOCKS[clock]))
        gc.enable()
        number += 1


def _answer(engine: Any, batch: Batch, number: int, clock: Callable[[], float]) -> Took:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    answers: dict[str, list[int]] = {f"{number}-{row}": [] for row in range(len(batch.prompts))}
    extra = {"extra_args": {"boldface": batch.steering}} if batch.steering else {}
    params = SamplingParams(
        temperature=0,
        max_tokens=batch.tokens,
        ignore_eos=True,
        detokenize=False,
        output_kind=RequestOutputKind.DELTA,
        **extra,
    )
    began = clock()
    for name, prompt in zip(answers, batch.prompts, strict=True):
        engine.add_request(name, {"prompt_token_ids": list(prompt)}, params)
    while not all(answers.values()):
        _step(engine, answers)
    read = clock()
    while engine.has_unfinished_requests():
        _step(engine, answers)
    written = clock()
    return Took(read - began, written - read, tuple(map(tuple, answers.values())))


def _step(engine: Any, answers: Mapping[str, list[int]]) -> None:
    for output in engine.step():
        answers[output.request_id].extend(output.outputs[0].token_ids)
