"""What Prometheus reads: how long answers take, how full the batch is, what was steered, what was refused.

Everything lives in a registry of its own, so that two servers in one process count apart. Labels hold only what the
server knows (its models, its routes, its words for reasons), so nobody can make series by asking for odd things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from boldface.server.canary_figures import CanaryFigures

if TYPE_CHECKING:
    from boldface.engine.batching import Load, Piece

METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
SOURCES = frozenset({"system", "user", "assistant", "tool", "retrieved"})
OTHER = "other"
OPENMETRICS = "application/openmetrics-text"

_WAITS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_STEPS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
_SHARES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Metrics:
    """The counters of one server.

    Attributes:
        registry: All of them.
        canaries: Those of the profiles' canaries.
    """

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.canaries = CanaryFigures(own)
        self._loads = _Loads()
        own.register(self._loads)
        self._requests = Counter(
            "boldface_http_requests", "Requests answered", ("method", "route", "code"), registry=own
        )
        self._open = Gauge("boldface_http_requests_open", "Requests that are not answered yet", registry=own)
        self._answers = Counter(
            "boldface_answers", "Answers that ended, by what ended them", ("model", "finish_reason"), registry=own
        )
        self._tokens = Counter(
            "boldface_tokens",
            "Tokens: of prompts, of prompts taken from the prefix cache, of prompts emphasised, of answers",
            ("model", "kind"),
            registry=own,
        )
        self._refused = Counter(
            "boldface_refused_spans", "Spans whose source may not emphasise", ("source",), registry=own
        )
        self._denied = Counter(
            "boldface_refused_requests", "Requests refused, by the kind of the error", ("reason",), registry=own
        )
        self._queue = self._times("boldface_queue_seconds", "From a request's arrival to its start", _WAITS)
        self._first = self._times("boldface_first_token_seconds", "From a request's arrival to its first token", _WAITS)
        self._step = self._times("boldface_token_seconds", "Mean time of a token after the first", _STEPS)
        self._total = self._times("boldface_answer_seconds", "From a request's arrival to its end", _WAITS)
        self._mass = Histogram(
            "boldface_attention_mass",
            "Share of the attention of the steered heads on the emphasis at the last prompt token",
            ("model", "profile", "when"),
            buckets=_SHARES,
            registry=own,
        )

    def _times(self, name: str, words: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, words, ("model",), buckets=buckets, registry=self.registry)

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """Return all figures as a page, and the type of that page.

        Args:
            accept: What the reader takes (its ``Accept`` header).
        """
        # What else stands in the header is not for prometheus_client, which fails at versions that are none.
        write, kind = choose_encoder(OPENMETRICS if OPENMETRICS in accept else "")
        return write(self.registry), kind

    def follow(self, model: str, load: Callable[[], Load]) -> None:
        """Have the load of a model's scheduler read whenever the figures are."""
        self._loads.of[model] = load

    def opened(self) -> None:
        """Count a request that has begun."""
        self._open.inc()

    def closed(self, method: str, route: str | None, code: int) -> None:
        """Count a request that has ended.

        Args:
            method: Its HTTP method.
            route: The template of its path; None where there is no such page.
            code: Of its answer.
        """
        self._open.dec()
        self._requests.labels(method if method in METHODS else OTHER, route or OTHER, str(code)).inc()

    def denied(self, error: BaseException) -> None:
        """Count a request that was refused."""
        self._denied.labels(type(error).__name__).inc()

    def span_refused(self, source: str) -> None:
        """Count a span that its source may not emphasise."""
        self._refused.labels(source if source in SOURCES else OTHER).inc()

    def answered(self, model: str, last: Piece, *, steered: int, profile: str | None = None) -> None:
        """Count an answer by its last piece.

        Args:
            model: Name of the model.
            last: The piece that has the finish reason.
            steered: Tokens of the prompt that were emphasised.
            profile: Name of the profile; None where there is none.
        """
        self._answers.labels(model, last.finish_reason or OTHER).inc()
        usage, times = last.usage, last.timings
        if usage is not None:
            self._tokens.labels(model, "prompt").inc(usage.prompt_tokens)
            self._tokens.labels(model, "cached").inc(usage.cached_tokens)
            self._tokens.labels(model, "steered").inc(steered)
            self._tokens.labels(model, "answer").inc(usage.answer_tokens)
        if times is not None:
            self._queue.labels(model).observe(times.queued)
            self._total.labels(model).observe(times.total)
            if times.first_token is not None:
                self._first.labels(model).observe(times.first_token)
                if usage is not None and usage.answer_tokens > 1:
                    self._step.labels(model).observe((times.total - times.first_token) / (usage.answer_tokens - 1))
        if last.mass is not None:
            self._mass.labels(model, profile or "", "before").observe(last.mass.before)
            self._mass.labels(model, profile or "", "after").observe(last.mass.after)


class _Loads(Collector):
    """The loads of the schedulers, read at the moment of reading."""

    def __init__(self) -> None:
        self.of: dict[str, Callable[[], Load]] = {}

    def collect(self) -> Iterator[Metric]:
        """Yield what every scheduler says of itself."""
        label = ["model"]
        gauges = {
            "running": GaugeMetricFamily("boldface_running", "Requests in the batch", labels=label),
            "queued": GaugeMetricFamily("boldface_queued", "Requests that wait for a place in the batch", labels=label),
            "slots": GaugeMetricFamily("boldface_slots", "Places in the batch", labels=label),
            "kv_tokens": GaugeMetricFamily("boldface_kv_tokens", "Tokens whose keys and values are held", labels=label),
            "capacity_tokens": GaugeMetricFamily("boldface_kv_tokens_most", "Most of them", labels=label),
            "prefix_entries": GaugeMetricFamily("boldface_prefixes", "Blocks of prompts kept for reuse", labels=label),
            "prefix_bytes": GaugeMetricFamily("boldface_prefix_bytes", "Their size", labels=label),
        }
        counters = {
            "prefix_hits": CounterMetricFamily("boldface_prefix_hits", "Requests that they served", labels=label),
            "steps": CounterMetricFamily("boldface_steps", "Decoding steps", labels=label),
            "tokens": CounterMetricFamily("boldface_decoded_tokens", "Tokens that they gave", labels=label),
        }
        rows = HistogramMetricFamily("boldface_batch_rows", "Requests in a decoding step", labels=label)
        for model, load in self.of.items():
            now = load()
            for name, family in (gauges | counters).items():
                family.add_metric([model], getattr(now, name))
            rows.add_metric([model], *_cumulated(now.batches))
        yield from gauges.values()
        yield from counters.values()
        yield rows

    def describe(self) -> Iterator[Metric]:
        """Yield the same without figures, for the registry's check of names."""
        return self.collect()


def _cumulated(counts: Mapping[int, int]) -> tuple[list[tuple[str, float]], float]:
    """Turn steps by the size of their batch into cumulated buckets, and the sum of all sizes."""
    edges = (1, 2, 4, 8, 16, 32, 64)
    buckets = [(str(edge), float(sum(n for size, n in counts.items() if size <= edge))) for edge in edges]
    buckets.append(("+Inf", float(sum(counts.values()))))
    return buckets, float(sum(size * n for size, n in counts.items()))
