"""Target shares and releases over HTTP: the answers are those of the engine, and nonsense is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

TEXT = "Name a town. Answer in French, please."
SPAN = {"start": 23, "end": 29, "strength": 5.0}


def asked(http: httpx.Client, boldface: dict[str, Any]) -> Any:
    """The answer to the text with French emphasised."""
    body = {
        "messages": [{"role": "user", "content": TEXT}],
        "max_tokens": 8,
        "temperature": 0,
        "boldface": {"spans": [{"message": 0, **SPAN}]} | boldface,
    }
    return http.post("/v1/chat/completions", json=body)


@pytest.mark.parametrize(
    "how",
    [
        {"target": 0.3},
        {"target": 0.5, "rule": "flat"},
        {"release": {"upper": 0.0, "lower": 0.0, "tokens": 1}},
        {"target": 0.3, "release": {"upper": 0.0, "lower": 0.0, "tokens": 1}},
    ],
)
def test_answers_are_those_of_the_engine(http: httpx.Client, tiny_model: Any, tiny_profile: Any, how: Any) -> None:
    """The same words, and an account of how far they were lifted."""
    answer = asked(http, how).raise_for_status().json()
    release = how.get("release")
    expected = tiny_model.generate(
        [{"role": "user", "content": TEXT, "spans": [SPAN]}],
        heads=tiny_profile,
        max_new_tokens=8,
        **how | ({} if release is None else {"release": tuple(release.values())}),
    )
    told = answer["boldface"]
    assert answer["choices"][0]["message"]["content"] == expected.text
    assert (told.get("target"), told.get("release")) == (how.get("target"), release)
    assert answer["choices"] != asked(http, {}).json()["choices"]


@pytest.mark.parametrize(
    ("how", "where"),
    [
        ({"target": 0}, "boldface.target"),
        ({"target": 1.5}, "boldface.target"),
        ({"release": {"upper": 2, "lower": 0.1}}, "boldface.release.upper"),
        ({"release": {"upper": 0.2}}, "boldface.release.lower"),
        ({"share": 0.2}, "boldface.share"),
    ],
)
def test_nonsense_is_refused(http: httpx.Client, how: dict[str, Any], where: str) -> None:
    """With the field to blame."""
    answer = asked(http, how)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, where)


def test_marks_the_wrong_way_round_are_refused(http: httpx.Client) -> None:
    """What only both together make wrong is refused too."""
    answer = asked(http, {"release": {"upper": 0.1, "lower": 0.2}})
    assert answer.status_code == 400 and "above the upper one" in answer.json()["error"]["message"]
