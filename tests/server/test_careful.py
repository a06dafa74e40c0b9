"""``boldface.careful``: the plain model is asked first, and what the policy protects is not doubted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

import boldface

TEXT = "The red door is open, and the cat sleeps on the mat."
SPANS = [{"substring": word, "strength": 4.0} for word in ("red door", "cat sleeps", "mat", "and the")]


def ask(http: httpx.Client, messages: Any, **said: Any) -> Any:
    """The object ``boldface`` of an answer."""
    body = {"messages": messages, "max_tokens": 2, "temperature": 0, "boldface": {"careful": True, **said}}
    answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["boldface"]


def test_the_strengths_are_those_of_the_library(http: httpx.Client, byte_llama: Any, tiny_profile: Any) -> None:
    """Span by span, some of them less than was wished, and the answer tells both."""
    told = ask(http, [{"role": "user", "content": TEXT, "spans": SPANS}])
    model = boldface.load(*byte_llama)
    chat = [{"role": "user", "content": TEXT, "spans": SPANS}]
    alone = model.generate(chat, heads=tiny_profile, careful=True, max_new_tokens=2)
    got = [(one["start"], one["end"], one["strength"]) for one in told["careful"]]
    assert got == [(span.start, span.end, pytest.approx(span.strength)) for span in alone.steering.spans]
    assert {one["wished"] for one in told["careful"]} == {4.0}
    assert min(one["strength"] for one in told["careful"]) < 4.0
    assert len(told["tokens"]) == sum(one["strength"] > 0 for one in told["careful"])


def test_what_is_protected_is_not_doubted(http: httpx.Client) -> None:
    """Whatever becomes of the user's words, the system's are lifted at least as much as they are."""
    system = {"role": "system", "content": "Answer in one word."}
    told = ask(http, [system, {"role": "user", "content": TEXT, "spans": SPANS}])
    [protected] = told["protected"]
    first, *others = told["careful"]
    assert first["text"] == protected["text"] == system["content"]
    assert first["strength"] == first["wished"] == protected["strength"]
    assert min(one["strength"] for one in others) < first["strength"]
    assert all(one["strength"] <= first["strength"] for one in others)


def test_completions_are_doubted_too(http: httpx.Client) -> None:
    """Each prompt by itself; a plain one is none of it."""
    spans = [{"substring": "cat", "strength": 4.0, "message": 1}]
    body = {"prompt": ["Plain.", TEXT], "max_tokens": 1, "boldface": {"careful": True, "spans": spans}}
    choices = http.post("/v1/completions", json=body).json()["choices"]
    assert "careful" not in choices[0]["boldface"]
    [one] = choices[1]["boldface"]["careful"]
    assert one["text"] == "cat" and 0 <= one["strength"] <= one["wished"] == 4.0


def test_explained_is_what_was_done(http: httpx.Client) -> None:
    """The attention that is told of moved by the strengths that were left."""
    told = ask(http, [{"role": "user", "content": TEXT, "spans": SPANS}], explain=True)
    lifted = {token["strength"] for token in told["explain"]["tokens"]} - {0.0}
    assert lifted == {one["strength"] for one in told["careful"]} - {0.0}


def test_a_preview_doubts_nothing(http: httpx.Client) -> None:
    """It runs no model, and says so."""
    body = {"messages": [{"role": "user", "content": TEXT}], "boldface": {"careful": True}}
    answer = http.post("/v1/boldface/preview", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "boldface.careful"


def test_words_are_detected_beside_the_reading(
    make_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, serving: Callable[..., Any]
) -> None:
    """While a detector looks for words, other prompts are read and answered."""
    import threading
    from concurrent.futures import ThreadPoolExecutor

    from boldface.server import reading

    looking, may_end = threading.Event(), threading.Event()

    def slowly(*args: Any, detect: Any = reading.detect_in, **how: Any) -> Any:
        looking.set()
        assert may_end.wait(60)
        return detect(*args, **how)

    monkeypatch.setattr(reading, "detect_in", slowly)
    chat = {"messages": [{"role": "user", "content": "Be brief. Answer in French."}], "max_tokens": 1}
    with (
        serving(make_app()) as where,
        httpx.Client(base_url=where, timeout=60) as client,
        ThreadPoolExecutor(1) as other,
    ):
        detecting = other.submit(
            client.post, "/v1/chat/completions", json={**chat, "boldface": {"auto": "instructions"}}
        )
        assert looking.wait(60)
        plain = client.post("/v1/chat/completions", json=chat)
        assert plain.status_code == 200 and not detecting.done()
        may_end.set()
        assert detecting.result(60).status_code == 200
