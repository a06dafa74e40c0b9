"""The figures that Prometheus reads."""

from __future__ import annotations

import asyncio
import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from boldface.engine.batching import Load, Mass, Piece, Timings, Usage
from boldface.errors import QueueFullError
from boldface.server.limits import RequestLimits
from boldface.server.metrics import Metrics


def read(metrics: Metrics) -> dict[str, float]:
    """Return the samples of the page, as Prometheus would."""
    page, kind = metrics.page()
    assert kind.startswith("text/plain")
    return {
        sample.name + "".join(f"|{sample.labels[name]}" for name in sorted(sample.labels)): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def load(**changes) -> Load:
    facts = dict.fromkeys(Load.__dataclass_fields__, 0) | {"batches": {}} | changes
    return Load(**facts)


def last(**changes) -> Piece:
    facts = {"finish_reason": "stop", "usage": Usage(10, 4, 5), "timings": Timings(0.5, 1.0, 3.0)}
    return Piece("", **(facts | changes))


def test_an_answer_is_counted():
    """Tokens by kind, its end, and its times; the first token is no part of the time of the others."""
    metrics = Metrics()
    metrics.answered("m", last(mass=Mass(0.1, 0.7)), steered=3, profile="p")
    metrics.answered("m", last(finish_reason="length"), steered=0)
    found = read(metrics)
    assert [found[f"boldface_tokens_total|{kind}|m"] for kind in ("prompt", "cached", "steered", "answer")] == [
        20,
        8,
        3,
        10,
    ]
    assert found["boldface_answers_total|stop|m"] == found["boldface_answers_total|length|m"] == 1
    for name, seconds in {"queue": 1.0, "first_token": 2.0, "token": 1.0, "answer": 6.0}.items():
        assert found[f"boldface_{name}_seconds_sum|m"] == pytest.approx(seconds)
    assert found["boldface_attention_mass_sum|m|p|before"] == pytest.approx(0.1)
    assert found["boldface_attention_mass_sum|m|p|after"] == pytest.approx(0.7)
    assert found["boldface_attention_mass_count|m|p|after"] == 1


@pytest.mark.parametrize("reason", ["timeout", "cancelled", "error"])
def test_an_answer_without_a_token_is_counted(reason):
    """What ended before its first token has no time to a first token, and is no error of the figures."""
    metrics = Metrics()
    metrics.answered("m", last(finish_reason=reason, usage=Usage(10, 0, 0), timings=Timings(1, None, 2)), steered=0)
    metrics.answered("m", Piece("", finish_reason=reason), steered=0)
    found = read(metrics)
    assert found[f"boldface_answers_total|{reason}|m"] == 2
    assert "boldface_first_token_seconds_sum|m" not in found


@given(st.dictionaries(st.integers(1, 100), st.integers(1, 1000)))
def test_the_batch_is_a_histogram(batches: dict[int, int]):
    """Its buckets only grow, the last one holds every step, and the sum is that of all rows."""
    metrics = Metrics()
    metrics.follow("m", lambda: load(batches=batches))
    found = read(metrics)
    buckets = sorted(
        (float(name.split("|")[1]), value)
        for name, value in found.items()
        if name.startswith("boldface_batch_rows_bucket")
    )
    assert [count for _, count in buckets] == [
        sum(n for size, n in batches.items() if size <= edge) for edge, _ in buckets
    ]
    assert buckets[-1][0] == math.inf
    assert found["boldface_batch_rows_count|m"] == sum(batches.values())
    assert found["boldface_batch_rows_sum|m"] == sum(size * n for size, n in batches.items())


def test_the_load_is_that_of_the_moment():
    """What a scheduler says is asked anew with every page, for every model."""
    metrics, running = Metrics(), [1]
    metrics.follow("a", lambda: load(running=running[0], queued=2, kv_tokens=30, steps=9))
    metrics.follow("b", lambda: load(slots=8))
    assert read(metrics)["boldface_running|a"] == 1
    running[0] = 5
    found = read(metrics)
    assert (found["boldface_running|a"], found["boldface_running|b"]) == (5, 0)
    assert (found["boldface_queued|a"], found["boldface_kv_tokens|a"], found["boldface_slots|b"]) == (2, 30, 8)
    assert found["boldface_steps_total|a"] == 9


def test_the_verdict_on_a_profile_is_one():
    """Of the verdicts one is 1, the newest."""
    metrics = Metrics()
    interval = SimpleNamespace(mean=0.5, low=0.4, high=0.6)
    for verdict in ("valid", "drifted"):
        facts = {"valid_from": 0.8, "broken_below": 0.3, "now": 1.0, "plain_moved": 0.1}
        drift = SimpleNamespace(verdict=verdict, kept=interval, expected=interval, **facts)
        metrics.canaries.measured("m", "p", drift)
    found = read(metrics)
    assert [found[f"boldface_profile_effect_kept{end}|m|p"] for end in ("_low", "", "_high")] == [0.4, 0.5, 0.6]
    verdicts = ("valid", "drifted", "broken")
    assert [found[f"boldface_profile_verdict|m|p|{one}"] for one in verdicts] == [0, 1, 0]


def test_two_servers_count_apart():
    """Figures are of a server, not of the process."""
    one, other = Metrics(), Metrics()
    one.denied(QueueFullError("full"))
    assert read(one)["boldface_refused_requests_total|QueueFullError"] == 1
    assert "boldface_refused_requests_total|QueueFullError" not in read(other)


def test_openmetrics_is_spoken_to_who_asks_for_it():
    """A reader that takes OpenMetrics gets it."""
    page, kind = Metrics().page("application/openmetrics-text; version=1.0.0")
    assert kind.startswith("application/openmetrics-text") and page.endswith(b"# EOF\n")


@pytest.mark.parametrize("kind", ["application/openmetrics-text", "text/plain", "*/*"])
@pytest.mark.parametrize("rest", ["", ";version=abc", ";version=9.x;escaping", ";;q=", "\xe9=\xe9,"])
def test_whatever_a_reader_says_it_takes_it_gets_a_page(kind: str, rest: str):
    """An odd ``Accept`` header is no error, and nothing of it comes back."""
    page, given = Metrics().page(kind + rest)
    assert page and given in {Metrics().page(each)[1] for each in ("", "application/openmetrics-text")}


@given(st.lists(st.text(max_size=20), min_size=1, max_size=20))
def test_nobody_makes_series_by_asking_for_odd_things(serve, names: list[str]):
    """Odd paths, methods and sources all fall into one series."""
    served = serve(limits=RequestLimits())

    async def run() -> None:
        for name in names:
            await served.ask("/odd/" + name, method=name or "X")
            await served.ask("/v1/items/" + name.replace("/", ""), method="GET")
            served.metrics.span_refused(name)

    before = {name for name in served.figures() if "|" in name}
    asyncio.run(run())
    series = {name for name in served.figures() if "|" in name and "created" not in name} - before
    assert {one.split("|")[0] for one in series} <= {
        "boldface_http_requests_total",
        "boldface_refused_spans_total",
        "boldface_refused_requests_total",
    }
    assert len(series) <= 8
