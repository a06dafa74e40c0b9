"""The OpenAPI description and the server agree, whatever is asked: found out by schemathesis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance


@pytest.fixture(scope="module")
def api(make_app: Callable[..., Any], serving: Callable[..., Any]) -> Iterator[Any]:
    """A server of short answers, described by itself."""
    from boldface.server.limits import RequestLimits

    with serving(make_app(answer_tokens=2, limits=RequestLimits(tokens=200, choices=4, seconds=5))) as where:
        yield schemathesis.openapi.from_url(f"{where}/openapi.json")


OPERATIONS = [
    ("/v1/chat/completions", "POST"),
    ("/v1/completions", "POST"),
    ("/v1/boldface/preview", "POST"),
    ("/v1/boldface/explain", "POST"),
    ("/v1/models", "GET"),
    ("/v1/models/{model}", "GET"),
    ("/v1/boldface/profiles", "GET"),
    ("/v1/boldface/profiles/{name}", "GET"),
    ("/health", "GET"),
    ("/metrics", "GET"),
]


def test_every_operation_is_tried(api: Any) -> None:
    """The list below is the description's."""
    described = {(one.ok().path, one.ok().method.upper()) for one in api.get_all_operations()}

    assert described == set(OPERATIONS)


@pytest.mark.parametrize(
    ("path", "method", "mode"),
    # Of a GET there is nothing that could be forbidden.
    [(*one, mode) for one in OPERATIONS for mode in GenerationMode if "POST" in one or mode.is_positive],
)
def test_answers_are_as_described(path: str, method: str, mode: GenerationMode, api: Any) -> None:
    """No 5xx; statuses, types and shapes of answers as described; what the description forbids is refused.

    What it allows may still be refused, for a span that is nowhere in the text cannot be described.
    """

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=api[path][method].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    ask()
