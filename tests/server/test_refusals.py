"""What cannot be honoured is refused by name, in OpenAI's shape; nothing is ignored and nothing breaks the server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boldface.server.bodies import Boldface, ChatBody, CompletionBody

HI = [{"role": "user", "content": "Hi there"}]
IMAGE = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://127.0.0.1/"}}]}]


def error(answer: httpx.Response, status: int = 400) -> dict[str, Any]:
    """The error that an answer tells, which has OpenAI's shape."""
    assert answer.status_code == status, answer.text
    told = answer.json()
    assert set(told) == {"error"}
    assert set(told["error"]) == {"message", "type", "param", "code"}
    assert told["error"]["message"]
    return told["error"]


def span(**fields: Any) -> dict[str, Any]:
    """A request that emphasises one span."""
    return {"boldface": {"spans": [fields]}}


CHATS: dict[str, tuple[dict[str, Any], str | None]] = {
    "tools": ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    "no tools at all": ({"tools": []}, "tools"),
    "tool choice": ({"tool_choice": "auto"}, "tool_choice"),
    "functions": ({"functions": []}, "functions"),
    "response format": ({"response_format": {"type": "json_object"}}, "response_format.type"),
    "audio": ({"modalities": ["text", "audio"]}, "modalities[1]"),
    "prediction": ({"prediction": {"type": "content", "content": "x"}}, "prediction"),
    "web search": ({"web_search_options": {}}, "web_search_options"),
    "reasoning": ({"reasoning_effort": "low"}, "reasoning_effort"),
    "verbosity": ({"verbosity": "low"}, "verbosity"),
    "storing": ({"store": True}, "store"),
    "service tier": ({"service_tier": "priority"}, "service_tier"),
    "obfuscation": (
        {"stream": True, "stream_options": {"include_obfuscation": True}},
        "stream_options.include_obfuscation",
    ),
    "images": ({"messages": IMAGE}, "messages[0].content[0].image_url"),
    "tool calls": ({"messages": [{"role": "assistant", "content": "x", "tool_calls": [{}]}]}, "messages[0].tool_calls"),
    "another system's option": ({"repetition_penalty": 1.2}, "repetition_penalty"),
    "a misspelt field": ({"temprature": 1}, "temprature"),
    "a misspelt emphasis": ({"messages": [{**HI[0], "emphasise": True}]}, "messages[0].emphasise"),
    "a misspelt part": (
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "a", "bold": True}]}]},
        "messages[0].content[0].bold",
    ),
    "a misspelt strength": ({"boldface": {"stength": 3}}, "boldface.stength"),
    "heads": ({"boldface": {"heads": "L0H0"}}, "boldface.heads"),
    "rule share": ({"boldface": {"rule": "share"}}, "boldface.rule"),
    "a path for a profile": ({"boldface": {"profile": "/etc/passwd"}}, "boldface.profile"),
    "a dialect that is none": ({"boldface": {"markup": "html"}}, "boldface.markup"),
    "two strengths": ({"boldface": {"x": 2, "alpha": 0.5}}, "boldface"),
    "one strength twice": ({"boldface": {"x": 2, "factor": 2}}, "boldface"),
    "too strong": ({"boldface": {"strength": 31}}, "boldface"),
    "a strength in words": ({"boldface": {"strength": "strong"}}, "boldface.strength"),
    "words that are not there": (span(substring="nowhere"), "boldface.spans[0]"),
    "a span that is out of range": (span(start=0, end=99), "boldface.spans[0]"),
    "a span that is empty": (span(start=2, end=2), "boldface.spans[0]"),
    "a span of no message": (span(substring="Hi", message=1), "boldface.spans[0].message"),
    "a span of a negative message": (span(substring="Hi", message=-1), "boldface.spans[0].message"),
    "a span that says nothing": (span(), "boldface.spans[0]"),
    "a span of its message": ({"messages": [{**HI[0], "spans": [{"substring": "x"}]}]}, "messages[0].spans[0]"),
    "a source that is none": ({"messages": [{**HI[0], "source": "root"}]}, "messages[0].source"),
    "more trust than the role": ({"messages": [{**HI[0], "source": "system"}]}, "messages[0]"),
    "a role that is none": ({"messages": [{"role": "root", "content": "x"}]}, "messages[0].role"),
    "no role": ({"messages": [{"content": "x"}]}, "messages[0].role"),
    "no messages": ({"messages": []}, "messages"),
    "no list of messages": ({"messages": "Hi"}, "messages"),
    "content of numbers": ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
    "two lengths": ({"max_tokens": 3, "max_completion_tokens": 4}, "max_tokens"),
    "no tokens": ({"max_tokens": 0}, "max_tokens"),
    "tokens in words": ({"max_tokens": "many"}, "max_tokens"),
    "a flag for a number": ({"max_tokens": True}, "max_tokens"),
    "more tokens than fit": ({"max_tokens": 10**6}, None),
    "a huge number": ({"max_tokens": 10**40}, "max_tokens"),
    "too hot": ({"temperature": 2.1}, "temperature"),
    "top_p": ({"top_p": 1.5}, "top_p"),
    "a seed too large": ({"seed": 2**63}, "seed"),
    "no answers": ({"n": 0}, "n"),
    "too many answers": ({"n": 17}, "n"),
    "an empty stop": ({"stop": ""}, "stop"),
    "a stop of numbers": ({"stop": [1]}, "stop[0]"),
    "too many stops": ({"stop": ["x"] * 17}, "stop"),
    "a bias of no token": ({"logit_bias": {"hello": 1}}, "logit_bias"),
    "a bias of an unknown token": ({"logit_bias": {"999999": 1}}, "logit_bias"),
    "too much bias": ({"logit_bias": {"5": 101}}, "logit_bias.5"),
    "scores of nothing": ({"top_logprobs": 2}, "top_logprobs"),
    "too many scores": ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
    "stream options without stream": ({"stream_options": {"include_usage": True}}, "stream_options"),
    "a longer shortest answer": ({"min_tokens": 9, "max_tokens": 3}, "min_tokens"),
}


@pytest.mark.parametrize("case", CHATS)
def test_a_chat_that_cannot_be_honoured_is_refused_by_name(case: str, http: httpx.Client) -> None:
    """With the field to blame; a stream is refused before it begins."""
    body, param = CHATS[case]

    for stream in {bool(body.get("stream")), "stream_options" not in body}:
        told = error(http.post("/v1/chat/completions", json={"messages": HI, **body, "stream": stream}))
        assert told["param"] == param
        assert told["type"] == "invalid_request_error"


COMPLETIONS: dict[str, tuple[dict[str, Any], str | None]] = {
    "no prompt": ({}, "prompt"),
    "null": ({"prompt": None}, "prompt"),
    "an empty text": ({"prompt": ""}, None),
    "an empty list": ({"prompt": []}, "prompt"),
    "an empty row": ({"prompt": [[]]}, "prompt[0]"),
    "mixed prompts": ({"prompt": ["a", 3]}, "prompt[1]"),
    "a negative token": ({"prompt": [-1]}, "prompt[0]"),
    "a token that is none": ({"prompt": [999999]}, "prompt"),
    "a huge token": ({"prompt": [10**30]}, "prompt"),
    "a suffix": ({"prompt": "a", "suffix": "b"}, "suffix"),
    "best of": ({"prompt": "a", "best_of": 3}, "best_of"),
    "a chat": ({"messages": HI}, "messages"),
    "emphasised tokens": ({"prompt": [5, 6], "boldface": {"markup": True}}, "prompt"),
    "a span of one of several": (
        {"prompt": ["a", "b"], "boldface": {"spans": [{"substring": "a"}]}},
        "boldface.spans[0].message",
    ),
    "markup that cannot be read": ({"prompt": "[a]{x=0}", "boldface": {"markup": True}}, "prompt"),
}


@pytest.mark.parametrize("case", COMPLETIONS)
def test_a_completion_that_cannot_be_honoured_is_refused_by_name(case: str, http: httpx.Client) -> None:
    """The same for completions."""
    body, param = COMPLETIONS[case]

    assert error(http.post("/v1/completions", json=body))["param"] == param


def test_models_that_are_not_served_are_not_found(http: httpx.Client) -> None:
    """No path and no name of a hub ever loads a model."""
    for name in ("gpt-4", "../smollm2", "/etc/passwd", "HuggingFaceTB/SmolLM2-135M", ""):
        told = error(http.post("/v1/chat/completions", json={"model": name, "messages": HI}), 404)
        assert (told["param"], told["code"]) == ("model", "model_not_found")


RAW: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "no UTF-8": b'{"messages": "\xff\xfe"}',
    "no object": b"[]",
    "a number": b"1",
    "nan": b'{"messages": [{"role": "user", "content": "Hi"}], "temperature": NaN}',
    "infinity": b'{"messages": [{"role": "user", "content": "Hi"}], "boldface": {"strength": Infinity}}',
    "minus infinity": b'{"messages": [{"role": "user", "content": "Hi"}], "logit_bias": {"3": -Infinity}}',
    "overflow": b'{"messages": [{"role": "user", "content": "Hi"}], "temperature": 1e999}',
    "digits": b'{"messages": [{"role": "user", "content": "Hi"}], "seed": ' + b"9" * 5000 + b"}",
    "deep lists": b'{"messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep objects": b'{"messages": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_000 + b"}",
    "half a pair": b'{"messages": [{"role": "user", "content": "\\ud83d"}]}',
    "half a pair in a name": b'{"messages": [], "\\ud83d": 1}',
    "half a pair in a span": b'{"messages": [{"role": "user", "content": "Hi", "spans": [{"substring": "\\udfff"}]}]}',
    "half a pair for a model": b'{"messages": [{"role": "user", "content": "Hi"}], "model": "\\ud800"}',
}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/boldface/preview"])
@pytest.mark.parametrize("case", RAW)
def test_bodies_that_are_none_are_refused(case: str, path: str, http: httpx.Client) -> None:
    """Whatever the bytes are, the answer is an error of the client's."""
    answer = http.post(path, content=RAW[case], headers={"content-type": "application/json"})

    error(answer, 404 if case == "half a pair for a model" and path != "/v1/completions" else 400)


def test_a_body_of_another_type_is_refused(http: httpx.Client) -> None:
    """What a page of somebody else's can send without asking, a body of no type too, is not read as JSON."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None):
        headers = {} if kind is None else {"content-type": kind}
        answer = http.post("/v1/chat/completions", content=json.dumps({"messages": HI}), headers=headers)
        assert "content-type" not in answer.request.headers or kind is not None
        error(answer)


def test_odd_text_is_text(http: httpx.Client) -> None:
    """Null characters, marks, control tokens and private characters are words like any other."""
    for text in ("\0", "\u202e\u200b", "e\u0301", "\ue000\ue001", "<script>alert(1)</script>", "🙂" * 50, "{{ 7*7 }}"):
        body = {"messages": [{"role": "user", "content": f"{text} a"}], "max_tokens": 1, "temperature": 0}
        answer = http.post("/v1/chat/completions", json={**body, "boldface": {"spans": [{"substring": "a"}]}})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("text", ["a " * 100_000, "**a** " * 30_000, "\ud83d" * 30_000, "a" * 9000])
def test_prompts_that_are_far_too_long_are_refused(text: str, http: httpx.Client) -> None:
    """Whatever they are made of, and however they are sent."""
    bodies = {
        "/v1/chat/completions": {"messages": [{"role": "user", "content": text, "emphasis": True}]},
        "/v1/completions": {"prompt": text, "boldface": {"markup": True}},
        "/v1/boldface/preview": {"messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]},
    }
    for path, body in bodies.items():
        if path.endswith("preview") and len(text) < 10_000:
            continue  # what only just does not fit can be looked at
        sent = json.dumps(body).encode()
        answer = http.post(path, content=sent, headers={"content-type": "application/json"})
        if "\ud83d" not in text:
            assert error(answer)["code"] == "context_length_exceeded"
        else:
            error(answer)
    tokens = http.post("/v1/completions", json={"prompt": [5] * 9000, "max_tokens": 0})
    assert error(tokens)["code"] == "context_length_exceeded"


def test_pages_that_are_not_there_are_told_in_the_same_shape(http: httpx.Client) -> None:
    """Unknown pages and methods."""
    assert error(http.get("/v1/nothing"), 404)["code"] == "not_found"
    assert error(http.get("/v1/chat/completions"), 405)["code"] == "method_not_allowed"
    assert http.get("/v1/chat/completions").headers["allow"] == "POST"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(sorted({*ChatBody.model_fields, *CompletionBody.model_fields} - {"boldface"}))
INNER = st.sampled_from(sorted(Boldface.model_fields))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.dictionaries(FIELDS, JSON, max_size=4),
    inner=st.none() | st.dictionaries(INNER, JSON, max_size=3),
    path=st.sampled_from(["/v1/chat/completions", "/v1/completions", "/v1/boldface/preview"]),
)
def test_no_body_breaks_the_server(
    fields: dict[str, Any], inner: dict[str, Any] | None, path: str, http: httpx.Client
) -> None:
    """Any JSON in any field is answered, or refused as the client's fault."""
    known = {"messages": HI, "max_tokens": 2} if path != "/v1/completions" else {"prompt": "Hi", "max_tokens": 2}
    body = {**known, **fields, **({} if inner is None else {"boldface": inner})}

    answer = http.post(path, content=json.dumps(body), headers={"content-type": "application/json"})

    assert answer.status_code in (200, 400, 404)
    if answer.status_code != 200:
        error(answer, answer.status_code)
