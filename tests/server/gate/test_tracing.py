"""Traces: a span a request, below the sender's, with the phases of its answers below it."""

from __future__ import annotations

import asyncio
import gzip
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.responses import JSONResponse
from starlette.routing import Route

from boldface.engine.batching import Piece, Timings, Usage
from boldface.errors import MissingError
from boldface.server.tracing import Traces


@pytest.fixture
def traced():
    """Traces, and what they sent."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Traces(provider), exporter.get_finished_spans


def test_a_request_is_a_span_of_its_senders_trace(serve, traced):
    """It has the sender's trace, its route, its code, and no word of its body."""
    traces, spans = traced
    headers = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-01", "X-Request-ID": "abc"}
    asyncio.run(serve(traces=traces).ask("/v1/items/one", headers=headers, body=b"secret"))
    (span,) = spans()
    assert span.name == "POST /v1/items/{name}"
    assert f"{span.context.trace_id:032x}" == "a" * 32 and f"{span.parent.span_id:016x}" == "b" * 16
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["boldface.request_id"] == "abc"
    assert "secret" not in span.to_json()


def test_failures_are_marked(serve, traced):
    """An error of ours is one in the trace; a refusal is not."""
    traces, spans = traced
    served = serve(traces=traces, body_bytes=1)
    asyncio.run(served.ask("/v1/broken"))
    asyncio.run(served.ask("/v1/echo", body=b"too long"))
    asyncio.run(served.ask("/nowhere", method="BREW"))
    assert [(span.name, span.status.is_ok) for span in spans()] == [
        ("POST /v1/broken", False),
        ("POST", True),
        ("other", True),
    ]


def test_an_answer_has_phases(serve, traced):
    """Queue, prefill and decoding follow each other below the request's span, and last what they lasted."""
    traces, spans = traced

    async def answer(request):
        piece = Piece("", finish_reason="stop", usage=Usage(10, 4, 5), timings=Timings(0.5, 1.25, 3.0))
        request.state.journal.answered("m", piece, steered=3)
        none = Piece("", finish_reason="cancelled", usage=Usage(10, 0, 0), timings=Timings(1.0, None, 2.0))
        request.state.journal.answered("m", none, steered=3)
        return JSONResponse({})

    served = serve(traces=traces)
    served.app.router.routes.append(Route("/v1/answer", answer, methods=["POST"]))
    asyncio.run(served.ask("/v1/answer"))
    *phases, request = spans()
    assert {phase.parent.span_id for phase in phases} == {request.context.span_id}
    lasted = [(phase.name, (phase.end_time - phase.start_time) / 1e9) for phase in phases]
    assert lasted == [
        ("queue", pytest.approx(0.5)),
        ("prefill", pytest.approx(0.75)),
        ("decode", pytest.approx(1.75)),
        ("queue", pytest.approx(1.0)),
        ("prefill", pytest.approx(1.0)),
        ("decode", pytest.approx(0.0)),
    ]
    assert phases[0].end_time == phases[1].start_time and phases[1].end_time == phases[2].start_time
    told = request.attributes
    assert (told["gen_ai.usage.input_tokens"], told["gen_ai.usage.output_tokens"]) == (20, 5)
    assert told["gen_ai.response.finish_reasons"] == ("stop", "cancelled")
    assert (told["gen_ai.request.model"], told["boldface.steered_tokens"]) == ("m", 3)


def test_what_is_not_installed_is_named(monkeypatch):
    """Who asks for traces without the extra is told what to install."""
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(MissingError, match=r"boldface\[tracing\]"):
        Traces()


def test_traces_arrive_where_the_variables_say(serve, monkeypatch):
    """By default spans are sent by OTLP to the endpoint in the environment, the last ones when the server ends."""
    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        threading.Thread(target=collector.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "ours")
        traces = Traces()
        asyncio.run(serve(traces=traces).ask("/v1/echo", body=b"secret"))
        traces.close()
        collector.shutdown()
    sent = b"".join(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body for body in bodies)
    assert b"POST /v1/echo" in sent and b"ours" in sent and b"secret" not in sent
