"""Phases and a gate over HTTP: the answers are those of the engine, what was done is told, nonsense is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

TEXT = "Name a town. Answer in French, please."


def asked(http: httpx.Client, boldface: dict[str, Any], **more: Any) -> Any:
    """The answer to the text with French emphasised."""
    spans = {"spans": [{"message": 0, "start": 23, "end": 29, "strength": 5.0}]}
    body = {
        "messages": [{"role": "user", "content": TEXT}],
        "max_tokens": 8,
        "temperature": 0,
        "boldface": spans | boldface,
    }
    return http.post("/v1/chat/completions", json=body | more)


@pytest.mark.parametrize(
    "how",
    [
        {"gate": 0.2},
        {"phases": {"reading": 0.5, "answer": 0.25}},
        {"gate": 1.0},
        {"gate": 0.2, "phases": {"answer": 0}},
    ],
)
def test_answers_are_those_of_the_engine(
    http: httpx.Client, tiny_model: Any, tiny_profile: Any, how: dict[str, Any]
) -> None:
    """The same tokens, and the same account of what the gate did."""
    answer = asked(http, how).raise_for_status().json()
    expected = tiny_model.generate(
        [{"role": "user", "content": TEXT, "spans": [{"start": 23, "end": 29, "strength": 5.0}]}],
        heads=tiny_profile,
        max_new_tokens=8,
        **how,
    )
    told = answer["boldface"]
    assert answer["choices"][0]["message"]["content"] == expected.text
    assert told.get("gate") == how.get("gate")
    assert told.get("gated") == (None if expected.gated is None else expected.gated._asdict())
    assert ("phases" in told) == ("phases" in how)
    assert answer != asked(http, {}).json()


def test_streams_and_several_answers(http: httpx.Client) -> None:
    """A stream tells the same at its end, and answers that are drawn together are drawn through the gate."""
    how = {"gate": 0.2}
    whole = asked(http, how).json()
    streamed = asked(http, how, stream=True).text
    assert str(whole["boldface"]["gated"]["tries"]) in streamed.split('"gated":')[1][:60]
    several, again = (asked(http, how, n=3, temperature=1.0, seed=7).json()["choices"] for _ in range(2))
    assert len({choice["message"]["content"] for choice in several}) > 1
    assert several == again


@pytest.mark.parametrize(
    ("how", "where"),
    [
        ({"gate": 1.5}, "boldface.gate"),
        ({"phases": {"thinking": -1}}, "boldface.phases.thinking"),
        ({"phases": {"thought": 1}}, "boldface.phases.thought"),
        ({"phases": {"begin": "x" * 65}}, "boldface.phases.begin"),
    ],
)
def test_nonsense_is_refused(http: httpx.Client, how: dict[str, Any], where: str) -> None:
    """With the field to blame."""
    answer = asked(http, how)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, where)


def test_marks_that_cannot_be_told_apart_are_refused(http: httpx.Client) -> None:
    """What only both together make wrong is refused too."""
    answer = asked(http, {"phases": {"begin": "a", "end": "a"}})
    assert answer.status_code == 400
    assert "thinking" in answer.json()["error"]["message"]


def test_emphasis_is_needed_for_nothing_else(http: httpx.Client) -> None:
    """A gate without emphasis is no gate: the plain answer, in one place."""
    body = {
        "messages": [{"role": "user", "content": TEXT}],
        "max_tokens": 4,
        "temperature": 0,
        "boldface": {"gate": 0.5},
    }
    told = http.post("/v1/chat/completions", json=body).raise_for_status().json()["boldface"]
    assert not told["steered"]
    assert "gated" not in told
