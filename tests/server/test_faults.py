"""Every error of ours has a place among the statuses, and what nobody foresaw tells nothing."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from pydantic import ValidationError

from boldface import errors
from boldface.server.bodies import ChatBody, CompletionBody
from boldface.server.faults import KINDS, describe, respond
from boldface.server.neutral import WHY, Body, ChatNeutral, CompletionNeutral, MessageNeutral

OURS = [
    error
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, errors.BoldfaceError) and error is not errors.BoldfaceError
]


@pytest.mark.parametrize("error", OURS, ids=lambda error: error.__name__)
def test_every_error_has_openais_shape(error: type[errors.BoldfaceError]) -> None:
    """A status, a kind, a message; a 500 says nothing of what happened."""
    answer = respond(error("The word 'secret' is wrong.", "Mend it."))

    told = json.loads(answer.body)["error"]
    assert set(told) == {"message", "type", "param", "code"}
    assert 400 <= answer.status_code < 600
    assert ("secret" in told["message"]) == (answer.status_code != 500)


def test_the_more_particular_kind_comes_first() -> None:
    """No entry of the table hides one below it."""
    for place, (error, _) in enumerate(KINDS):
        assert not any(issubclass(error, earlier) for earlier, _ in KINDS[:place])


def test_what_nobody_foresaw_tells_nothing() -> None:
    """Neither its kind nor its words."""
    fault, status = describe(ZeroDivisionError("the secret"))

    assert status == 500
    assert "secret" not in fault["message"]
    assert "Zero" not in json.dumps(fault)


def test_errors_say_when_to_come_back_and_how_to_get_in() -> None:
    """In the headers that clients read."""
    assert respond(errors.QueueFullError("Full.", retry_after=2.3)).headers["retry-after"] == "3"
    assert respond(errors.KeyRefusedError("No.")).headers["www-authenticate"] == "Bearer"


def test_the_field_to_blame_is_read_off_the_message() -> None:
    """Errors of the emphasis begin with the place."""
    fault, _ = describe(errors.SpanError("messages[2].spans[0]: 'x' does not occur.", "Look."))

    assert fault["param"] == "messages[2].spans[0]"


def test_every_neutral_field_with_values_to_refuse_says_why() -> None:
    """Whatever is listed only to be refused has its words."""
    free = {"user", "metadata", "safety_identifier", "prompt_cache_key", "parallel_tool_calls", "type", "annotations"}
    listed: set[str] = set()
    for body in (ChatNeutral, CompletionNeutral, MessageNeutral):
        assert issubclass(body, Body)
        listed |= set(body.model_fields)

    assert listed - free <= set(WHY)


MANY = 20_000
ONE = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (CompletionBody, {"prompt": [-1] * MANY}),
        (CompletionBody, {"prompt": [[-1] * MANY] * 100}),
        (CompletionBody, {"prompt": ["a", *[1] * MANY]}),
        (ChatBody, {"messages": [1] * MANY}),
        (ChatBody, {"messages": [{**ONE, "content": [1] * MANY}]}),
        (ChatBody, {"messages": [{**ONE, "spans": [1] * MANY}]}),
        (ChatBody, {"messages": [{**ONE, **{f"x{n}": 1 for n in range(MANY)}}]}),
        (ChatBody, {"messages": [ONE], **{f"x{n}": 1 for n in range(MANY)}}),
        (ChatBody, {"messages": [ONE], "metadata": {f"x{n}": 1 for n in range(MANY)}}),
        (ChatBody, {"messages": [ONE], "logit_bias": {f"x{n}": 1000 for n in range(MANY)}}),
        (ChatBody, {"messages": [ONE], "stop": [1] * MANY}),
        (ChatBody, {"messages": [ONE], "modalities": [1] * MANY}),
        (ChatBody, {"messages": [ONE], "boldface": {"spans": [1] * MANY}}),
    ],
)
def test_many_mistakes_cost_no_more_than_one(body: type[Body], value: dict[str, Any]) -> None:
    """To list every mistake of a large body would take far more memory than the body."""
    with pytest.raises(ValidationError) as caught:
        body.model_validate(value)

    assert caught.value.error_count() == 1
