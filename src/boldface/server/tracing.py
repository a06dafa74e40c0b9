"""Traces by OpenTelemetry, where the extra is installed and they are asked for.

Every request is a span, in the trace of whoever sent it; queue, prefill and decoding of every answer are spans below
it. Where they go is said by OpenTelemetry's own variables (``OTEL_EXPORTER_OTLP_ENDPOINT``, ``OTEL_SERVICE_NAME``, …).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from boldface.errors import MissingError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

    from boldface.server.journal import Answered, Journal

_NAMES = {
    "model": "gen_ai.request.model",
    "prompt_tokens": "gen_ai.usage.input_tokens",
    "answer_tokens": "gen_ai.usage.output_tokens",
    "finish_reasons": "gen_ai.response.finish_reasons",
}
"""What OpenTelemetry's conventions call facts of ours; the others are told as ``boldface.…``."""


class Traces:
    """Makes the spans of requests.

    Args:
        provider: Takes them; by default one that sends them where OpenTelemetry's variables say.

    Raises:
        MissingError: OpenTelemetry, or what sends its spans, is not installed.
    """

    def __init__(self, provider: TracerProvider | None = None) -> None:
        self._provider = provider or _exporting()
        self._tracer: Tracer = self._provider.get_tracer("boldface.server")

    def begin(self, method: str, headers: Mapping[str, str]) -> Span:
        """Begin the span of a request, below the one that its headers name."""
        from opentelemetry import trace
        from opentelemetry.propagate import extract

        return self._tracer.start_span(method, context=extract(dict(headers)), kind=trace.SpanKind.SERVER)

    def end(self, span: Span, journal: Journal, *, method: str, route: str | None, code: int) -> None:
        """End the span with all that the journal tells, and the spans of its answers."""
        from opentelemetry.trace import Status, StatusCode

        if route is not None:
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
        span.set_attribute("http.request.method", method)
        span.set_attribute("http.response.status_code", code)
        span.set_attribute("boldface.request_id", journal.request_id)
        for name, value in journal.facts.items():
            if value is not None:
                span.set_attribute(_NAMES.get(name, f"boldface.{name}"), value)
        if code >= 500:
            span.set_status(Status(StatusCode.ERROR))
        for answer in journal.answers:
            self._phases(span, answer)
        span.end()

    def close(self) -> None:
        """Send what has not been sent."""
        self._provider.shutdown()

    def _phases(self, span: Span, answer: Answered) -> None:
        from opentelemetry.trace import set_span_in_context

        clock = time.time_ns() - time.perf_counter_ns()
        began = answer.submitted
        first = answer.total if answer.first_token is None else answer.first_token
        edges = {"queue": (0.0, answer.queued), "prefill": (answer.queued, first), "decode": (first, answer.total)}
        for name, (start, end) in edges.items():
            phase = self._tracer.start_span(
                name, context=set_span_in_context(span), start_time=clock + round((began + start) * 1e9)
            )
            phase.end(clock + round((began + end) * 1e9))


def _exporting() -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        raise MissingError("Traces need OpenTelemetry.", "Run: pip install 'boldface[tracing]'") from error
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
