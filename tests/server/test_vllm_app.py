"""Our server over vLLM: the same face, policy and limits, and nothing that anybody sends takes the engine down."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import boldface
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

PROFILE = Profile("tiny", "bytes", HeadGains({(0, 1): 1.0, (1, 0): 0.5, (1, 3): -0.5}), strength=3.0)
MARKED = [{"type": "text", "text": "The cat sat "}, {"type": "text", "text": "on the mat", "emphasis": True}]
CHAT = {"messages": [{"role": "user", "content": MARKED}], "max_tokens": 8, "temperature": 0}


@contextmanager
def _asking(serving: Any, model: Any) -> Iterator[httpx.Client]:
    from boldface.server.app import create_app

    app = create_app({"wide": model}, profiles=[PROFILE], scheduling={"slots": 8, "queue": 8})
    with serving(app) as where, httpx.Client(base_url=where, timeout=120) as client:
        yield client


@pytest.fixture(scope="module")
def http(serving: Any, wide_folder: Any) -> Iterator[httpx.Client]:
    """A client of the server over vLLM."""
    options = {"enforce_eager": True, "max_model_len": 512}
    with _asking(serving, boldface.load(str(wide_folder), engine="vllm", engine_options=options)) as client:
        yield client


@pytest.fixture(scope="module")
def other(serving: Any, wide_folder: Any) -> Iterator[httpx.Client]:
    """A client of the server over the same model as transformers runs it."""
    with _asking(serving, boldface.load(str(wide_folder))) as client:
        yield client


def _ask(client: httpx.Client, body: dict[str, Any], where: str = "/v1/chat/completions") -> Any:
    answer = client.post(where, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


ASKED: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", CHAT),
    ("/v1/chat/completions", {**CHAT, "boldface": {"scope": "answer", "factor": 50}}),
    ("/v1/chat/completions", {**CHAT, "logprobs": True, "top_logprobs": 2, "n": 2}),
    (
        "/v1/chat/completions",
        {**CHAT, "messages": [{"role": "user", "content": "**One** two"}], "boldface": {"markup": True}},
    ),
    ("/v1/chat/completions", {**CHAT, "messages": [{"role": "tool", "content": "mine", "emphasis": True}]}),
    (
        "/v1/completions",
        {
            "prompt": ["One two three", "four"],
            "max_tokens": 6,
            "temperature": 0,
            "boldface": {"spans": [{"message": 0, "substring": "two"}]},
        },
    ),
    ("/v1/completions", {"prompt": "plain", "max_tokens": 6, "temperature": 0}),
]


@pytest.mark.parametrize(("where", "body"), ASKED, ids=[f"{index}" for index in range(len(ASKED))])
def test_the_answer_is_that_of_the_other_engine(
    http: httpx.Client, other: httpx.Client, where: str, body: dict[str, Any]
) -> None:
    """Words, scores, counts and what was steered; only what carried the bias is called otherwise."""
    found, wanted = _ask(http, body, where), _ask(other, body, where)

    assert [_words(one) for one in found["choices"]] == [_words(one) for one in wanted["choices"]]
    assert [one["finish_reason"] for one in found["choices"]] == [one["finish_reason"] for one in wanted["choices"]]
    assert _scores(found) == pytest.approx(_scores(wanted), abs=1e-4)
    counts = ("prompt_tokens", "completion_tokens")
    assert [found["usage"][name] for name in counts] == [wanted["usage"][name] for name in counts]
    for one, another in zip(_steered(found), _steered(wanted), strict=True):
        assert one.pop("routes") == (["vllm"] if another.pop("routes") else [])
        assert one == another


def test_emphasis_changes_the_answer(http: httpx.Client) -> None:
    """Else the test above would show nothing."""
    plain = {**CHAT, "messages": [{"role": "user", "content": "The cat sat on the mat"}]}
    assert _words(_ask(http, CHAT)["choices"][0]) != _words(_ask(http, plain)["choices"][0])


def test_a_stream_is_the_whole_answer(http: httpx.Client) -> None:
    """Event by event."""
    whole = _ask(http, CHAT)
    events = http.post("/v1/chat/completions", json={**CHAT, "stream": True}).text.split("\n\n")
    parts = [json.loads(event.removeprefix("data: ")) for event in events if event.startswith("data: {")]
    text = "".join(part["choices"][0]["delta"].get("content", "") for part in parts)
    assert text == _words(whole["choices"][0])
    assert parts[-1]["boldface"] == whole["boldface"]


def test_a_prompt_is_given_back_with_its_scores(http: httpx.Client, other: httpx.Client) -> None:
    """As vLLM reads it, steered."""
    asked = {"prompt": "One two three", "max_tokens": 2, "temperature": 0, "echo": True, "logprobs": 1}
    body = {**asked, "boldface": {"spans": [{"substring": "two"}]}}
    found, wanted = (_ask(client, body, "/v1/completions") for client in (http, other))
    plain = _ask(http, asked, "/v1/completions")
    scores = [one["choices"][0]["logprobs"]["token_logprobs"] for one in (found, wanted, plain)]
    assert found["choices"][0]["logprobs"]["tokens"] == wanted["choices"][0]["logprobs"]["tokens"]
    assert scores[0][1:] == pytest.approx(scores[1][1:], abs=1e-4)
    assert scores[0][1:] != pytest.approx(scores[2][1:], abs=1e-2)


def test_requests_at_once_do_not_touch_each_other(http: httpx.Client) -> None:
    """Steered ones and plain ones, each as when it is alone."""
    import concurrent.futures

    longer = {**CHAT, "max_tokens": 16}
    bodies = [{**longer, "boldface": {"factor": factor}} for factor in (2, 10, 50, 200)]
    bodies += [{**longer, "messages": [{"role": "user", "content": "The cat sat on the mat"}]}] * 3
    alone = [_words(_ask(http, body)["choices"][0]) for body in bodies]
    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as pool:
        together = list(pool.map(lambda body: _words(_ask(http, body)["choices"][0]), bodies))
    assert together == alone


HOSTILE: dict[str, dict[str, Any]] = {
    "explaining": {**CHAT, "boldface": {"explain": True}},
    "a span beyond the text": {**CHAT, "boldface": {"spans": [{"start": 3, "end": 10**9}]}},
    "a span backwards": {**CHAT, "boldface": {"spans": [{"start": 9, "end": 3}]}},
    "a span of nothing": {**CHAT, "boldface": {"spans": [{"start": 3, "end": 3}]}},
    "words that are not there": {**CHAT, "boldface": {"spans": [{"substring": "dog"}]}},
    "too strong": {**CHAT, "boldface": {"strength": 31}},
    "two strengths": {**CHAT, "boldface": {"strength": 3, "alpha": 0.1}},
    "no factor": {**CHAT, "boldface": {"factor": 0}},
    "no such profile": {**CHAT, "boldface": {"profile": "../../etc/passwd"}},
    "no such rule": {**CHAT, "boldface": {"rule": "share"}},
    "no such scope": {**CHAT, "boldface": {"scope": "none"}},
    "spans that are none": {**CHAT, "boldface": {"spans": "all"}},
    "markup that is open": {**CHAT, "messages": [{"role": "user", "content": "[a]{x=}"}], "boldface": {"markup": True}},
    "too many spans": {**CHAT, "boldface": {"spans": [{"start": 0, "end": 1}] * 300}},
    "vllm's own arguments": {**CHAT, "vllm_xargs": {"boldface": "{}"}},
    "half a character": {**CHAT, "messages": [{"role": "user", "content": "a \ud83d b", "emphasis": True}]},
    "too long": {**CHAT, "messages": [{"role": "user", "content": "word " * 400}]},
    "longer than fits": {**CHAT, "max_tokens": 10**6},
    "no token": {**CHAT, "logit_bias": {"999999": 1}},
    "a penalty": {**CHAT, "presence_penalty": 3},
    "a role of its own": {**CHAT, "messages": [{"role": "tool", "content": "x", "source": "system", "emphasis": True}]},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_cannot_be_is_400_with_the_reason(http: httpx.Client, name: str) -> None:
    """And the engine answers the next request as before."""
    answer = http.post(
        "/v1/chat/completions", content=json.dumps(HOSTILE[name]), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["message"]
    assert http.get("/health").json()["status"] == "ok"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
SAID = st.dictionaries(
    st.sampled_from(["spans", "profile", "scope", "rule", "x", "factor", "strength", "alpha", "markup", "overlap"]),
    JSON,
)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(SAID)
def test_no_object_breaks_the_engine(http: httpx.Client, said: dict[str, Any]) -> None:
    """It is answered or refused, never an error of the server."""
    body = json.dumps({**CHAT, "max_tokens": 1, "boldface": said})
    answer = http.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (200, 400), answer.text


def test_after_all_that_the_engine_is_well(http: httpx.Client, other: httpx.Client) -> None:
    """It still steers, and tells how it is."""
    assert _words(_ask(http, CHAT)["choices"][0]) == _words(_ask(other, CHAT)["choices"][0])
    figures = http.get("/metrics").text
    assert 'boldface_slots{model="wide"} 8.0' in figures
    assert 'boldface_answers_total{finish_reason="length",model="wide"}' in figures
    load = http.get("/health").json()["models"]["wide"]
    assert load["running"] == 0 and load["steps"] > 0 and load["capacity_tokens"] > 0


def _words(choice: dict[str, Any]) -> str:
    return str(choice["message"]["content"] if "message" in choice else choice["text"])


def _scores(answer: dict[str, Any]) -> list[float]:
    found = [one["logprobs"]["content"] for one in answer["choices"] if one.get("logprobs")]
    return [score["logprob"] for content in found for score in content]


def _steered(answer: dict[str, Any]) -> list[dict[str, Any]]:
    return [one["boldface"] for one in (answer, *answer["choices"]) if "boldface" in one]
