"""Every request has an id, a line, a count and a trace, however it ends; none of them holds a word of its prompt."""

from __future__ import annotations

import asyncio
import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.server import logs

SECRET = "the secret words of a prompt"
LOGGERS = ("boldface", "uvicorn", "uvicorn.error", "uvicorn.access")


@pytest.fixture
def lines():
    """What is logged; a function that returns the lines so far."""
    stream = io.StringIO()
    before = {log: (log.handlers, log.propagate, log.level) for log in map(logging.getLogger, LOGGERS)}
    logs.start(stream=stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    for log, (handlers, propagate, level) in before.items():
        log.handlers, log.propagate, log.disabled = handlers, propagate, False
        log.setLevel(level)


def test_a_request_is_one_line(serve, lines):
    """With its id, path, code, time and length, and nothing of its body."""
    answer = asyncio.run(serve().ask("/v1/echo", headers={"X-Request-ID": "abc.1"}, body=SECRET.encode()))
    (line,) = lines()
    assert answer.headers["x-request-id"] == line["request_id"] == "abc.1"
    assert (line["event"], line["method"], line["path"], line["code"]) == ("request", "POST", "/v1/echo", 200)
    assert line["bytes"] == len(answer.body) and line["seconds"] >= 0
    assert SECRET not in json.dumps(lines())


@pytest.mark.parametrize("given_id", ["", "a b", "x" * 129, 'a"', "ä", "a\tb"])
def test_an_id_that_is_none_is_replaced(serve, lines, given_id):
    """What could not stand in a log or a header as it is becomes an id of ours."""
    headers = {"X-Request-ID": given_id}
    ids = {asyncio.run(serve().ask("/v1/echo", headers=headers)).headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2 and given_id not in ids


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("/v1/broken", {}, 500),
        ("/v1/nothing", {}, 404),
        ("/v1/echo", {"body_bytes": 1}, 413),
        ("/v1/cut", {}, 200),
    ],
)
def test_however_it_ends_it_is_told(serve, lines, path, options, code):
    """Id, line and count are there whether it is refused, unknown or fails, before its answer or in it."""
    served = serve(**options)
    try:
        answer = asyncio.run(served.ask(path, headers={"X-Request-ID": "abc"}, body=SECRET.encode()))
        assert (answer.code, answer.headers["x-request-id"]) == (code, "abc")
        assert SECRET not in answer.body.decode()
    except RuntimeError:
        assert path == "/v1/cut"
    line = lines()[-1]
    assert (line["event"], line["code"], line["request_id"]) == ("request", code, "abc")
    counts = {
        name: value for name, value in served.figures().items() if name.startswith("boldface_http_requests_total")
    }
    assert list(counts.values()) == [1] and str(code) in next(iter(counts))
    assert served.figures()["boldface_http_requests_open"] == 0


def test_an_unforeseen_error_is_told_without_its_words(serve, lines):
    """The kind and the places of an error are logged; its message may quote a prompt and is not."""
    asyncio.run(serve().ask("/v1/broken"))
    error, line = lines()
    assert error["event"] == "unforeseen" and error["request_id"] == line["request_id"]
    assert error["exception"]["kind"] == line["error"] == "RuntimeError"
    assert error["exception"]["at"][-1].endswith("in _broken")
    assert SECRET not in json.dumps(lines())


def test_words_are_logged_only_where_they_are_asked_for(serve, lines):
    """With texts, and only then, messages and what the application tells as words are in the log."""
    logs.start(texts=True, stream=(stream := io.StringIO()))
    asyncio.run(serve(texts=True).ask("/v1/broken"))
    error, line = (json.loads(one) for one in stream.getvalue().splitlines())
    assert error["exception"]["message"] == line["error_message"] == SECRET


def test_questions_after_health_are_quiet_while_all_is_well(serve, lines):
    """A probe every few seconds leaves no line, unless it fails."""
    served = serve(body_bytes=1)
    asyncio.run(served.ask("/health", method="GET"))
    assert lines() == []
    asyncio.run(served.ask("/health", body=b"too long"))
    assert [line["code"] for line in lines()] == [413]


def test_requests_at_the_same_time_have_their_own_ids(serve, lines):
    """A line that is logged while a request is answered has that request's id."""
    served = serve()

    async def run() -> None:
        served.release.set()
        ids = [f"id{number}" for number in range(20)]
        await asyncio.gather(*(served.ask("/v1/broken", headers={"X-Request-ID": one}) for one in ids))

    asyncio.run(run())
    by_event = {}
    for line in lines():
        by_event.setdefault(line["event"], []).append(line["request_id"])
    assert sorted(by_event["unforeseen"]) == sorted(by_event["request"]) == sorted(f"id{n}" for n in range(20))


def test_what_carries_the_server_is_logged_alike(lines):
    """uvicorn's words come as lines too, and its own line a request is silent."""
    logging.getLogger("uvicorn.error").info("Started server process [%d]", 7)
    logging.getLogger("uvicorn.access").info("GET /")
    assert [line["event"] for line in lines()] == ["Started server process [7]"]


@given(
    st.text(st.characters()),
    st.dictionaries(st.text(), st.text(st.characters()) | st.floats() | st.none() | st.binary()),
)
def test_every_record_is_one_line_of_json(event: str, facts: dict):
    """Whatever is told, it is one line that can be read, and the line's own fields stand first."""
    record = logging.makeLogRecord({"msg": event, "name": "x", "levelname": "INFO", "facts": facts})
    line = logs.JsonLines().format(record)
    assert "\n" not in line and "\r" not in line
    assert set(json.loads(line)) >= {"time", "level", "logger", "event"}
    line.encode("utf-8")
