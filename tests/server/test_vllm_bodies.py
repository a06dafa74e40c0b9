"""A body with emphasis becomes one that vLLM understands: plain text, and spans of the tokens that vLLM will make."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import boldface
from boldface.emphasis.trust import DEFAULT_POLICY
from boldface.errors import BoldfaceError
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.server.hosting import Offered, find_offers
from boldface.server.limits import RequestLimits
from boldface.server.vllm_bodies import Served, understood
from boldface.vllm.wire import KEY, digest, read

PROFILE = Profile("tiny", "bytes", HeadGains({(0, 1): 1.0}), strength=3.0)
WORDS = st.text(st.sampled_from('ab *"\\\n[]{}é😀'), min_size=1, max_size=12).filter(str.strip)


@pytest.fixture(scope="module")
def served(byte_llama: tuple[Any, Any]) -> Served:
    """A byte model and one profile."""
    model = boldface.load(*byte_llama)
    offers, default = find_offers(model, [PROFILE])
    return Served(Offered("bytes", model, offers, default, 512), DEFAULT_POLICY, RequestLimits(), None, {})


def _turned(served: Served, body: dict[str, Any], *, chat: bool = True) -> dict[str, Any]:
    found = understood(served, json.dumps(body).encode(), chat=chat)
    assert found is not None
    turned: dict[str, Any] = json.loads(found[0])
    return turned


def _rendered(served: Served, body: dict[str, Any]) -> list[int]:
    """The tokens that vLLM makes of a chat."""
    tokenizer = served.offered.model.tokenizer
    text = tokenizer.apply_chat_template(body["messages"], tokenize=False, add_generation_prompt=True)
    return list(tokenizer(text, add_special_tokens=False).input_ids)


@settings(suppress_health_check=list(HealthCheck))
@given(WORDS, WORDS, WORDS)
def test_spans_are_of_the_tokens_of_the_emphasised_part(served: Served, before: str, marked: str, after: str) -> None:
    """Whatever stands around it; what is sent on is text alone, and what else was said stays."""
    parts = [{"type": "text", "text": text} for text in (before, marked, after)]
    parts[1]["emphasis"] = {"x": 10}  # type: ignore[assignment]
    body = {"messages": [{"role": "user", "content": parts}], "max_tokens": 3, "seed": 7, "unknown": {"to": "us"}}

    turned = _turned(served, body)

    assert turned.keys() == {*body, "vllm_xargs"}
    assert {name: turned[name] for name in ("max_tokens", "seed", "unknown")} == {
        name: body[name] for name in ("max_tokens", "seed", "unknown")
    }
    assert turned["messages"] == [{"role": "user", "content": before + marked + after}]
    asked, ids = read(turned["vllm_xargs"][KEY]), _rendered(served, turned)
    assert asked.prompt == digest(ids)
    text = served.offered.model.tokenizer.decode(ids)
    (hit,) = {served.offered.model.tokenizer.decode(ids[start:end]) for start, end, _ in asked.spans}
    assert hit == marked
    assert text.index(before + marked + after) >= 0


def test_markup_substrings_and_named_profiles_are_resolved(served: Served) -> None:
    """Nothing is left to look up; the words of the markup are gone."""
    body = {
        "messages": [{"role": "user", "content": "a **b** c"}],
        KEY: {"markup": True, "profile": "tiny", "spans": [{"substring": "c"}], "scope": "answer"},
    }
    turned = _turned(served, body)
    asked = read(turned["vllm_xargs"][KEY])
    assert turned["messages"][0]["content"] == "a b c"
    assert asked.heads == PROFILE.gains and asked.profile is None and asked.scope == "answer"
    assert [nats for _, _, nats in asked.spans] == [3.0, 3.0]


def test_a_completion_goes_on_as_the_very_tokens(served: Served) -> None:
    """So that there is nothing to disagree about."""
    turned = _turned(served, {"prompt": "one two", KEY: {"spans": [{"substring": "two"}]}}, chat=False)
    asked = read(turned["vllm_xargs"][KEY])
    assert served.offered.model.tokenizer.decode(turned["prompt"]) == "one two"
    assert asked.spans == ((4, 7, 3.0),)


def test_raw_spans_get_the_heads_of_the_server(served: Served) -> None:
    """Of the profile that they name, or of the default one; those with heads of their own go on as they came."""
    for said in ({"profile": "tiny"}, {}):
        raw = json.dumps({"spans": [[0, 2]], "scope": "answer", "prompt": "0123456789abcdef", **said})
        turned = _turned(served, {"messages": [], "vllm_xargs": {KEY: raw, "other": 1}})
        asked = read(turned["vllm_xargs"][KEY])
        assert (asked.heads, asked.spans, asked.scope) == (PROFILE.gains, ((0, 2, 3.0),), "answer")
        assert asked.prompt == "0123456789abcdef" and turned["vllm_xargs"]["other"] == 1
    own = json.dumps({"vllm_xargs": {KEY: json.dumps({"spans": [[0, 2]], "heads": "L0H1"})}})
    assert understood(served, own.encode(), chat=True) is None
    for bad in ("{", json.dumps({"spans": [[0, 2]], "profile": "nobody"}), 5):
        with pytest.raises(BoldfaceError):
            understood(served, json.dumps({"vllm_xargs": {KEY: bad}}).encode(), chat=True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'"boldface"',
        b'{"messages": [{"role": "user", "content": "no emphasis"}]}',
        b'{"messages": [{"role": "user", "content": "the word \\"emphasis\\" alone"}]}',
        b'{"messages": "boldface"}',
        b'{"messages": [1, null, {"content": 5}]}',
        b'{"messages": [{"role": "user", "content": "a", "emphasis": true}], "vllm_xargs": [1]}',
    ],
)
def test_what_holds_no_emphasis_goes_on_as_it_came(served: Served, body: bytes) -> None:
    """Byte by byte, also where vLLM is going to refuse it."""
    assert understood(served, body, chat=True) is None


def test_emphasis_that_its_source_may_not_have_is_not_sent_on(served: Served) -> None:
    """The policy is that of our own server."""
    body = {"messages": [{"role": "user", "content": "a"}, {"role": "tool", "content": "b", "emphasis": True}]}
    found = understood(served, json.dumps(body).encode(), chat=True)
    assert found is not None
    turned, reading = found
    assert len(reading.refused) == 1
    assert "vllm_xargs" not in json.loads(turned)


@pytest.mark.parametrize(
    "body",
    [
        b'{"messages": [{"role": "user", "content": "a", "\\u0065mphasis": true}], "use_beam_search": true}',
        '{"messages": [{"role": "user", "content": "a", "emphasis": true}], "use_beam_search": true}'.encode("utf-16"),
        b'{"messages": [{"role": "user", "content": "a", "emphasis": true}], "temperature": 1e400}',
    ],
    ids=["escaped", "in 16 bits", "beyond all numbers"],
)
def test_emphasis_is_found_however_it_is_written(served: Served, body: bytes) -> None:
    """Else it would do nothing, or pass what is refused."""
    with pytest.raises(BoldfaceError):
        understood(served, body, chat=True)


CHATS: dict[str, dict[str, Any]] = {
    "a number that is none": {
        "messages": [{"role": "user", "content": "a", "emphasis": True}],
        "temperature": float("nan"),
    },
    "an image": {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}], "emphasis": True}]},
    "a tool's call": {"messages": [{"role": "assistant", "content": "a", "tool_calls": [{}], "emphasis": True}]},
    "a template": {"messages": [{"role": "user", "content": "a", "emphasis": True}], "chat_template": "{{ 1 }}"},
    "beams": {"messages": [{"role": "user", "content": "a", "emphasis": True}], "use_beam_search": True},
    "two ways at once": {"messages": [{"role": "user", "content": "a", "emphasis": True}], "vllm_xargs": {KEY: "{}"}},
    "no messages": {KEY: {}},
    "no object": {"messages": [{"role": "user", "content": "a"}], KEY: [1]},
    "another profile": {"messages": [{"role": "user", "content": "a", "emphasis": True}], KEY: {"profile": "x"}},
    "odd options": {
        "messages": [{"role": "user", "content": "a", "emphasis": True}],
        "chat_template_kwargs": {"conversation": 1, "messages": 2},
    },
}


@pytest.mark.parametrize("name", CHATS)
def test_what_cannot_be_is_refused(served: Served, name: str) -> None:
    """With an error of ours, which is HTTP 400."""
    with pytest.raises(BoldfaceError):
        understood(served, json.dumps(CHATS[name]).encode(), chat=True)


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "a", KEY: {"markup": True, "careful": True}},
        {"prompt": "a", KEY: {"markup": True, "explain": True}},
        {"prompt": ["a", "b"]},
        {"prompt": [1, 2], KEY: {"markup": True}},
        {"prompt": "a", "suffix": "b"},
        {"prompt": "a", "add_special_tokens": False},
    ],
)
def test_completions_that_cannot_be_are_refused(served: Served, body: dict[str, Any]) -> None:
    """Several prompts, tokens, a text in two halves, and what looks into the model."""
    said = {KEY: {"spans": [{"substring": "a", "message": 0}]}, **body}
    with pytest.raises(BoldfaceError):
        understood(served, json.dumps(said).encode(), chat=False)
