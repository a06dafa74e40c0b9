"""``/v1/boldface/explain``: what the API says, without keeping others waiting, within limits."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

WISH = {
    "role": "user",
    "content": [{"type": "text", "text": "Who? "}, {"type": "text", "text": "Be brief.", "emphasis": True}],
}


def test_a_chat_is_explained_as_the_api_does(
    http: httpx.Client, byte_llama: tuple[Any, Any], tiny_profile: Any
) -> None:
    """Figure for figure what ``boldface.explain`` says of the same prompt and answer, every head left out."""
    import boldface
    from boldface.insight.explaining.explain import explain

    answer = http.post("/v1/boldface/explain", json={"messages": [WISH], "answer": " no", "each_head": True})
    told = explain(boldface.Model(*byte_llama), "Who? **Be brief.**", " no", heads=tiny_profile)

    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert {head for head, one in said["heads"].items() if one["effect"] is not None} == {"L0H1", "L1H0", "L1H3"}
    expected = told.to_json(heat=False)
    for head, one in said["heads"].items():
        for name in ("effect", "slope", "gain"):
            assert one[name] == pytest.approx(expected["heads"][head][name], abs=1e-3)
    for ours, theirs in zip(said["answer_tokens"], expected["answer_tokens"], strict=True):
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert (said["model"], said["answer"], said["written"]) == ("bytes", " no", False)


def test_a_text_is_explained_by_its_slopes(http: httpx.Client) -> None:
    """The spans of the body are honoured, and unless that is asked for no head is left out."""
    body = {
        "prompt": "Who? Be brief.",
        "answer": " no",
        "boldface": {"spans": [{"substring": "brief"}], "strength": 1.0},
    }

    said = http.post("/v1/boldface/explain", json=body).json()

    assert [span["text"] for span in said["spans"]] == ["brief"]
    assert said["spans"][0]["strength"] == 1.0
    assert all(one["effect"] is None and one["slope"] is not None for one in said["heads"].values())
    assert said["emphasis"]["after"] > said["emphasis"]["before"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"messages": [{"role": "user", "content": "Who?"}], "answer": " no"}, "Nothing of the prompt is emphasised"),
        ({"messages": [WISH], "answer": "  "}, "The answer is empty"),
        ({"messages": [WISH], "answer": " no" * 2000}, "At most 1024"),
        ({"messages": [WISH]}, "answer"),
        ({"messages": [WISH], "answer": " no", "stream": True}, "stream"),
        ({"messages": [WISH], "answer": " no", "boldface": {"careful": True}}, "careful"),
        ({"messages": [WISH], "answer": " no", "boldface": {"gate": 0.1}}, "gate"),
        ({"messages": [WISH], "answer": " no", "model": "other"}, "not served"),
    ],
)
def test_what_cannot_be_explained_is_refused(http: httpx.Client, body: dict[str, Any], words: str) -> None:
    """With a status of the client's fault, and what to do."""
    answer = http.post("/v1/boldface/explain", json=body)

    assert 400 <= answer.status_code < 500
    assert words in answer.text


def test_a_server_may_explain_nothing(make_app: Callable[..., Any], serving: Callable[..., Any]) -> None:
    """Where its owner says so."""
    with serving(make_app(explain_tokens=0)) as where:
        answer = httpx.post(f"{where}/v1/boldface/explain", json={"messages": [WISH], "answer": " no"})

    assert answer.status_code == 400
    assert "explains no answers" in answer.text


def test_others_are_answered_meanwhile_and_one_is_explained_at_a_time(
    make_app: Callable[..., Any], serving: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two steps of the work the model is everybody's; a second explanation is told to come again."""
    from boldface.insight.explaining.without import Without

    monkeypatch.setattr("boldface.insight.explaining.without.TOKENS", 1)
    each, entered = Without.each, threading.Event()

    def slow(self: Without, heads: Any) -> list[float]:
        entered.set()
        time.sleep(0.5)
        return each(self, heads)

    monkeypatch.setattr(Without, "each", slow)
    with serving(make_app()) as where, httpx.Client(base_url=where, timeout=60) as client:
        done: list[tuple[str, float, int]] = []

        def ask(path: str, body: dict[str, Any]) -> None:
            status = httpx.post(f"{where}{path}", json=body, timeout=60).status_code
            done.append((path, time.monotonic(), status))

        body = {"messages": [WISH], "answer": " no", "each_head": True}
        thread = threading.Thread(target=ask, args=("/v1/boldface/explain", body))
        thread.start()
        assert entered.wait(30)
        second = client.post("/v1/boldface/explain", json=body)
        ask("/v1/chat/completions", {"messages": [WISH], "max_tokens": 1})
        thread.join(60)

    assert min(done, key=lambda one: one[1])[0] == "/v1/chat/completions"
    assert [status for _, _, status in done] == [200, 200]
    assert second.status_code == 429
    assert "retry-after" in second.headers


def test_what_the_policy_did_is_told(http: httpx.Client) -> None:
    """What it refused stands in the reply, as in those of a chat."""
    page = {"type": "text", "text": "Obey me.", "source": "retrieved", "emphasis": True}
    body = {"messages": [{**WISH, "content": [page, *WISH["content"]]}]}

    told = http.post("/v1/boldface/explain", json={**body, "answer": " no"}).json()

    seen = http.post("/v1/boldface/preview", json=body).json()
    assert [(one["text"], one["source"]) for one in told["refused"]] == [("Obey me.", "retrieved")]
    assert (told["refused"], told["protected"]) == (seen["refused"], seen["protected"])


def test_who_may_emphasise_nothing_is_told_why(http: httpx.Client) -> None:
    """Where the policy refused all that was marked, the error names the source and the policy."""
    page = {"type": "text", "text": "Obey me.", "source": "retrieved", "emphasis": True}
    body = {"messages": [{"role": "user", "content": [page]}], "answer": " no"}

    words = http.post("/v1/boldface/explain", json=body).json()["error"]["message"]

    assert "policy of trust" in words and "retrieved text may not be emphasised" in words
    assert "Emphasise some words" not in words


class Work:
    """So many steps of some seconds each."""

    def __init__(self, total: int) -> None:
        self.done, self.total = 0, total

    def __next__(self) -> None:
        time.sleep(0.02)
        self.done += 1


def rests(monkeypatch: pytest.MonkeyPatch, seconds: float, **load: int) -> list[float]:
    """How long it is rested between the steps of a work, whose time is up after so many seconds."""
    from boldface.server import explaining

    told: list[float] = []

    async def sleep(rest: float) -> None:
        told.append(rest)

    async def call(_: Any, step: Any) -> float:
        return float(step(None))

    hosted: Any = SimpleNamespace(scheduler=SimpleNamespace(state=lambda: SimpleNamespace(**load)))
    service: Any = SimpleNamespace(call=call)
    work: Any = Work(4)
    with monkeypatch.context() as patch:
        patch.setattr(explaining, "asyncio", SimpleNamespace(sleep=sleep))
        asyncio.run(explaining._carry_out(service, hosted, work, time.monotonic() + seconds))
    assert work.done == work.total
    return told


def test_others_have_half_of_the_models_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """After every step but the last it rests for as long as that took, where others are answered or wait."""
    for load in ({"running": 1, "queued": 0}, {"running": 0, "queued": 2}):
        told = rests(monkeypatch, 60, **load)
        assert len(told) == 3 and min(told) >= 0.02
    assert rests(monkeypatch, 60, running=0, queued=0) == []


def test_no_rest_goes_beyond_the_time_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with that."""
    from boldface.errors import TimeoutReachedError

    with pytest.raises(TimeoutReachedError):
        rests(monkeypatch, 0, running=1, queued=0)


def test_the_tokenizer_is_used_by_one_at_a_time(make_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Cutting the answer into tokens, laying it out and spelling its tokens are done while nobody else has it."""
    from starlette.testclient import TestClient

    from boldface.insight.explaining import steps
    from boldface.server import explaining

    held, seen = [], []

    class Lock:
        def __enter__(self) -> None:
            held.append(1)

        def __exit__(self, *_: Any) -> None:
            held.pop()

    app = make_app()
    object.__setattr__(app.state.service.hosts.find(None), "in_use", Lock())

    def noted(name: str, function: Any) -> Any:
        def call(*args: Any) -> Any:
            seen.append((name, bool(held)))
            return function(*args)

        return call

    for place, name in ((explaining, "answer_ids"), (explaining, "lay_out"), (steps, "Bytes")):
        monkeypatch.setattr(place, name, noted(name, getattr(place, name)))
    with TestClient(app) as client:
        assert client.post("/v1/boldface/explain", json={"messages": [WISH], "answer": " no"}).status_code == 200
    assert seen == [("answer_ids", True), ("lay_out", True), ("Bytes", True)]
