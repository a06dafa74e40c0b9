"""``boldface.auto`` over HTTP: detection under the policy, told in the answer, and refused where it cannot be had."""

from __future__ import annotations

import json
from typing import Any, get_args

import pytest
from starlette.testclient import TestClient

from boldface.detection.names import ASKING, NAMES
from boldface.server.bodies import Detector
from boldface.server.limits import RequestLimits

STORY = "The mill is old. It was built by Jonas Hale. Bees live in its roof. Children swim there."
HALE = "It was built by Jonas Hale."
ASKED = " Who built it?"


def preview(client: Any, messages: Any, auto: Any, **more: Any) -> Any:
    """What a chat would emphasise."""
    return client.post("/v1/boldface/preview", json={"messages": messages, "boldface": {"auto": auto, **more}})


@pytest.fixture(scope="module")
def client(make_app: Any) -> Any:
    with TestClient(make_app()) as client:
        yield client


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def test_what_is_detected_is_emphasised_and_told(client):
    """As if the client had named the spans: same tokens, and the answer says what was found and why."""
    found = preview(client, user(STORY + ASKED), "bm25").raise_for_status().json()
    spans = found["auto"]["spans"]
    assert HALE in [span["text"] for span in spans] and found["auto"]["unread"] == {}
    named = [{"start": span["start"], "end": span["end"]} for span in spans]
    marked = preview(client, user(STORY + ASKED), False, spans=named).raise_for_status().json()
    assert marked["spans"] == found["spans"] != [] and "auto" not in marked
    body = {"messages": user(STORY + ASKED), "max_tokens": 4, "boldface": {"auto": {"detector": "bm25", "most": 1}}}
    answer = client.post("/v1/chat/completions", json=body).raise_for_status().json()["boldface"]
    assert answer["steered"] and [span["text"] for span in answer["auto"]["spans"]] == [HALE]
    assert {"confidence", "reason", "detector"} <= answer["auto"]["spans"][0].keys()


def test_every_prompt_of_a_completion_is_looked_at(client):
    """Each for itself, and the index says of which a span is."""
    body = {"prompt": [STORY + ASKED, "Bees hum"], "max_tokens": 2, "boldface": {"auto": "bm25"}}
    choices = client.post("/v1/completions", json=body).raise_for_status().json()["choices"]
    first, second = (choice["boldface"] for choice in choices)
    assert first["steered"] and {span["message"] for span in first["auto"]["spans"]} == {0}
    assert not second["steered"] and second["auto"]["spans"] == []


def test_documents_are_not_looked_at_unless_they_may_emphasise(make_app):
    """By default they get nothing; where the policy lets them, no more than it says, and the user is protected."""
    part = {"type": "text", "text": STORY, "source": "retrieved"}
    messages = [{"role": "user", "content": [part, {"type": "text", "text": ASKED}]}]
    with TestClient(make_app()) as client:
        found = preview(client, messages, "bm25").raise_for_status().json()
    assert found["auto"] == {"spans": [], "unread": {"retrieved": len(STORY)}} and found["spans"] == []
    from boldface.emphasis.policy import Policy

    with TestClient(make_app(policy=Policy({"user": 30, "retrieved": 1.5}))) as client:
        found = preview(client, messages, "bm25").raise_for_status().json()
    assert HALE in [span["text"] for span in found["auto"]["spans"]] and found["refused"] == []
    assert {span["strength"] for span in found["spans"]} == {1.5}
    assert [one["source"] for one in found["protected"]] == ["user"]


@pytest.mark.parametrize(
    ("auto", "why"),
    [
        ("nobody", "auto"),
        ({"detector": "bm25", "most": 0}, "most"),
        ({"detector": "bm25", "least": 2}, "least"),
        ({"detector": "bm25", "mots": 2}, "mots"),
        (3, "auto"),
        *((name, "runs the model") for name in (*ASKING, "evidence-model")),
    ],
)
def test_what_cannot_be_had_is_refused(client, auto, why):
    """With 400, naming the field."""
    answer = preview(client, user(STORY + ASKED), auto)
    assert answer.status_code == 400
    assert why in json.dumps(answer.json()["error"])


def test_who_may_not_emphasise_may_not_have_it_detected(make_app):
    """A key without emphasis, and one with too few spans, are told so."""
    with TestClient(make_app(limits=RequestLimits(may_emphasise=False))) as client:
        answer = preview(client, user(STORY + ASKED), "bm25")
        assert answer.status_code == 400 and "may not emphasise" in answer.json()["error"]["message"]
        assert preview(client, user(STORY + ASKED), False).status_code == 200


def test_the_names_are_those_of_the_detectors():
    """The description of the API lists every one of them."""
    assert get_args(Detector) == NAMES


def test_very_long_texts_are_not_looked_at(client, monkeypatch):
    """Detection takes time that other requests wait for, so that there is a limit, which is told."""
    monkeypatch.setattr("boldface.server.detecting.MOST_CHARACTERS", len(STORY))
    answer = preview(client, user(STORY + ASKED), "bm25")
    assert answer.status_code == 400 and f"at most {len(STORY)}" in answer.json()["error"]["message"]
    assert preview(client, user(STORY), "bm25").status_code == 200
