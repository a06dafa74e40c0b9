"""Models, profiles, health, figures, the preview, the page, and the description of it all."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

import boldface


def test_models_are_listed_and_described(http: httpx.Client) -> None:
    """One by one and all."""
    listed = http.get("/v1/models").json()

    assert listed["object"] == "list"
    assert http.get("/v1/models/bytes").json() == listed["data"][0]
    assert http.get("/v1/models/some/path").status_code == 404


def test_profiles_are_those_that_fit(http: httpx.Client, tiny_profile: Any) -> None:
    """Shipped profiles of other models are not offered; a foreign or unknown name is not found out by a path."""
    listed = http.get("/v1/boldface/profiles").json()
    card = http.get("/v1/boldface/profiles/tiny").json()

    assert (listed["default"], listed["profiles"]) == ("tiny", ["tiny"])
    assert card["gains"] == {str(head): gain for head, gain in tiny_profile.gains.items()}
    assert (card["layers"], card["heads"], card["strength"]) == (2, 4, 3.0)
    for name in ("smollm2", "..%2Ftiny", "%2Fetc%2Fpasswd"):
        assert http.get(f"/v1/boldface/profiles/{name}").status_code == 404


def test_all_is_well(http: httpx.Client) -> None:
    """And how much runs is told."""
    told = http.get("/health")

    assert told.status_code == 200
    assert told.json()["status"] == "ok"
    assert told.json()["models"]["bytes"]["slots"] == 32


def test_figures_count_what_was_steered(http: httpx.Client) -> None:
    """An emphasised answer shows in the figures, a refused span too."""

    def figure(name: str) -> float:
        lines = http.get("/metrics").text.splitlines()
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    before = [figure(name) for name in ('boldface_tokens_total{kind="steered"', "boldface_refused_spans_total")]
    message = [
        {"role": "user", "content": "Hello", "emphasis": True},
        {"role": "tool", "content": "42", "emphasis": True},
    ]
    http.post("/v1/chat/completions", json={"messages": message, "max_tokens": 2})

    assert figure('boldface_tokens_total{kind="steered"') == before[0] + 5
    assert figure("boldface_refused_spans_total") == before[1] + 1
    assert figure("boldface_attention_mass_count") > 0


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [{"role": "user", "content": "Hello **big** world"}], "boldface": {"markup": True, "x": 5}},
        {"prompt": "Hello **big** world", "boldface": {"markup": True, "x": 5}},
    ],
    ids=["chat", "completion"],
)
def test_a_preview_is_what_the_request_does(body: dict[str, Any], http: httpx.Client) -> None:
    """Tokens, spans and count are those of the same body at the endpoint that answers."""
    path = "/v1/chat/completions" if "messages" in body else "/v1/completions"
    shown = http.post("/v1/boldface/preview", json=body).json()
    done = http.post(path, json={**body, "max_tokens": 1}).json()

    assert shown["prompt_tokens"] == done["usage"]["prompt_tokens"] == len(shown["tokens"])
    assert [(span["start"], span["end"], span["strength"]) for span in shown["spans"]] == [
        (token["start"], token["end"], token["strength"]) for token in done["boldface"]["tokens"]
    ]
    hit = "".join(token["text"] for token in shown["tokens"] if token["strength"])
    assert hit == "big"
    for token in shown["tokens"]:
        assert token["text"] == shown["text"][token["start"] : token["end"]]


def test_a_preview_tells_refusals_and_runs_nothing(http: httpx.Client) -> None:
    """What is refused is shown before it is sent, and no step is made."""
    steps = http.get("/health").json()["models"]["bytes"]["steps"]
    body = {"messages": [{"role": "tool", "content": "42", "emphasis": True}, {"role": "user", "content": "So?"}]}

    shown = http.post("/v1/boldface/preview", json=body).json()

    assert shown["refused"][0]["text"] == "42"
    assert shown["spans"] == []
    assert http.get("/health").json()["models"]["bytes"]["steps"] == steps


def test_the_page_may_run_nothing_but_itself(http: httpx.Client) -> None:
    """Whether or not it is installed, it is fenced in."""
    page = http.get("/")

    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    assert page.headers["x-content-type-options"] == "nosniff"


def test_nothing_outside_the_page_is_sent(http: httpx.Client) -> None:
    """Paths that climb out of its folder lead nowhere."""
    for path in (
        "/assets/../app.py",
        "/assets/%2e%2e/app.py",
        "/assets/..%2fapp.py",
        "/assets/%2fetc/passwd",
        "/app.py",
    ):
        assert http.get(path).status_code == 404


def test_pages_of_others_may_not_read_answers(http: httpx.Client) -> None:
    """No origin is allowed unless it is named."""
    headers = {"origin": "https://elsewhere.example", "access-control-request-method": "POST"}

    assert "access-control-allow-origin" not in http.get("/v1/models", headers=headers).headers
    assert http.options("/v1/chat/completions", headers=headers).status_code == 405


def test_the_description_names_every_field(http: httpx.Client) -> None:
    """OpenAPI says what may be asked, and that nothing else may."""
    described = http.get("/openapi.json").json()

    assert described["info"]["version"] == boldface.__version__
    chat = described["components"]["schemas"]["ChatBody"]
    assert chat["additionalProperties"] is False
    assert {"messages", "boldface", "logit_bias", "stream_options", "tools"} <= set(chat["properties"])
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
            assert "422" not in operation["responses"]
            assert "4XX" in operation["responses"]
