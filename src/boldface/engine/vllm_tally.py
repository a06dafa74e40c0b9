"""What vLLM says of itself while it runs, gathered for the figures of a server."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from boldface.engine.batching.pieces import Load

if TYPE_CHECKING:
    from vllm.config import VllmConfig


class Tally:
    """Counts what one engine does. vLLM calls it as the maker of its logger, and then as that logger.

    Attributes:
        prefix_hits: Requests of which something was in the prefix cache.
    """

    def __init__(self) -> None:
        self._running = self._queued = self._steps = self._tokens = self.prefix_hits = 0
        self._used = 0.0
        self._capacity = 0
        self._sizes: Counter[int] = Counter()

    def __call__(self, config: VllmConfig, engine_index: int = 0) -> Tally:
        """Be the logger of an engine; its cache is as large as the config says."""
        cache = config.cache_config
        self._capacity = (cache.num_gpu_blocks or 0) * cache.block_size
        return self

    def record(self, scheduler_stats: Any, iteration_stats: Any, *rest: Any, **more: Any) -> None:
        """Take in what vLLM tells of a step."""
        if scheduler_stats is not None:
            self._running = scheduler_stats.num_running_reqs
            self._queued = scheduler_stats.num_waiting_reqs
            self._used = scheduler_stats.kv_cache_usage
        if iteration_stats is not None and iteration_stats.num_generation_tokens:
            self._steps += 1
            self._tokens += iteration_stats.num_generation_tokens
            self._sizes[iteration_stats.num_generation_tokens] += 1

    def log_engine_initialized(self) -> None:
        """Write nothing: vLLM has logged it."""

    def log(self) -> None:
        """Write nothing: the figures are read."""

    def record_sleep_state(self, is_awake: int, level: int) -> None:
        """Take no note: the engine is never put to sleep."""

    def load(self, slots: int) -> Load:
        """Return what goes on now.

        Args:
            slots: Requests that may run at the same time.
        """
        return Load(
            running=self._running,
            queued=self._queued,
            slots=slots,
            kv_tokens=round(self._used * self._capacity),
            capacity_tokens=self._capacity,
            prefix_entries=0,
            prefix_bytes=0,
            prefix_hits=self.prefix_hits,
            steps=self._steps,
            tokens=self._tokens,
            batches=dict(self._sizes.copy()),
        )
