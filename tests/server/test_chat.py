"""Chats: the shape is OpenAI's, and the words are those of the model's own ``generate``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="<|>"), min_size=1, max_size=20)
CHEAP = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])


def chunks(http: httpx.Client, path: str = "/v1/chat/completions", **body: Any) -> Iterator[dict[str, Any]]:
    """The parts of a stream, which ends as it should."""
    with http.stream("POST", path, json={"temperature": 0, **body, "stream": True}) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = [line for line in answer.iter_lines() if line and not line.startswith(":")]
    assert events.pop() == "data: [DONE]"
    for line in events:
        assert line.startswith("data: ")
        yield json.loads(line[6:])


def joined(parts: list[dict[str, Any]], index: int = 0) -> tuple[str, list[Any], str | None]:
    """Text, scores and end of one answer of a stream."""
    choices = [choice for part in parts for choice in part["choices"] if choice["index"] == index]
    text = "".join(choice["delta"].get("content") or "" for choice in choices)
    scores = [token for choice in choices if choice["logprobs"] for token in choice["logprobs"]["content"]]
    return text, scores, choices[-1]["finish_reason"]


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """What was steered; but for the routes, to which a measured answer adds one."""
    return {name: value for name, value in answer["boldface"].items() if name != "routes"}


def user(content: Any, **more: Any) -> dict[str, Any]:
    """A message of the user's."""
    return {"role": "user", "content": content, **more}


@CHEAP
@given(content=WORDS, emphasis=st.sampled_from([False, True, {"x": 10}, {"strength": -2}]))
def test_greedy_words_are_those_of_generate(
    content: str, emphasis: Any, chat: Callable[..., Any], tiny_model: Any, tiny_profile: Any
) -> None:
    """Emphasised or not, an answer is the one that the model gives alone, to the same messages."""
    marked = emphasis is not False and bool(content.strip())
    messages = [user(content, **({"emphasis": emphasis} if marked else {}))]

    alone = tiny_model.generate(messages, heads=tiny_profile, max_new_tokens=8)
    served = chat(messages=messages)

    assert served["choices"][0]["message"]["content"] == alone.text
    assert served["choices"][0]["finish_reason"] == alone.finish_reason
    assert served["usage"]["prompt_tokens"] == len(alone.prompt.ids)
    assert served["usage"]["completion_tokens"] == len(alone.ids)


@CHEAP
@given(content=WORDS, seed=st.integers(0, 9), scored=st.booleans(), n=st.integers(1, 3))
def test_a_stream_says_what_the_whole_says(
    content: str, seed: int, scored: bool, n: int, chat: Callable[..., Any], http: httpx.Client
) -> None:
    """Put together, the parts are the answer: text, scores, end, usage and what was steered."""
    body = {"messages": [user(content)], "max_tokens": 6, "seed": seed, "temperature": 1, "n": n}
    body |= {"logprobs": True, "top_logprobs": 2} if scored else {}
    body["boldface"] = {"spans": [{"start": 0, "end": len(content)}]} if content.strip() else {}

    whole = chat(**body)
    parts = list(chunks(http, **body, stream_options={"include_usage": True}))

    assert len({part["id"] for part in parts}) == 1
    assert all(part["object"] == "chat.completion.chunk" for part in parts)
    assert all(part["usage"] is None for part in parts[:-1])
    assert (parts[-1]["choices"], parts[-1]["usage"]["total_tokens"]) == ([], whole["usage"]["total_tokens"])
    assert told(parts[-1]) == told(whole)
    for choice in whole["choices"]:
        text, scores, end = joined(parts, choice["index"])
        assert (text, end) == (choice["message"]["content"], choice["finish_reason"])
        assert [one["token"] for one in scores] == [
            one["token"] for one in (choice["logprobs"] or {"content": []})["content"]
        ]


def test_without_usage_the_last_part_has_what_was_steered(http: httpx.Client) -> None:
    """Every part then has a choice: clients that look for one find it."""
    parts = list(chunks(http, messages=[user("Hello", emphasis=True)], max_tokens=3))

    assert all(len(part["choices"]) == 1 and "usage" not in part for part in parts)
    assert parts[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [("boldface" in part) for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1]["choices"][0]["finish_reason"] == "length"


def test_who_says_nothing_of_emphasis_hears_nothing_of_it(chat: Callable[..., Any]) -> None:
    """A plain request gets OpenAI's shape and nothing more."""
    answer = chat()

    assert set(answer) == {"id", "object", "created", "model", "system_fingerprint", "choices", "usage"}
    assert answer["object"] == "chat.completion"
    assert set(answer["choices"][0]) == {"index", "message", "logprobs", "finish_reason"}


def test_seeds_repeat_and_copies_differ(chat: Callable[..., Any]) -> None:
    """The same seed gives the same answers; the n answers of one request differ."""
    texts = [
        [choice["message"]["content"] for choice in chat(temperature=1.5, seed=seed, n=4, max_tokens=12)["choices"]]
        for seed in (5, 5, -(2**63), 2**63 - 1)
    ]

    assert texts[0] == texts[1]
    assert len(set(texts[0])) == 4
    assert texts[2] != texts[0]


def test_copies_share_the_prompt_in_the_count(chat: Callable[..., Any]) -> None:
    """A prompt is counted once, every answer by itself."""
    one, three = chat(max_tokens=5)["usage"], chat(max_tokens=5, n=3)["usage"]

    assert three["prompt_tokens"] == one["prompt_tokens"]
    assert three["completion_tokens"] == 15 == 3 * one["completion_tokens"]


def test_a_stop_text_ends_the_answer_before_it(chat: Callable[..., Any], http: httpx.Client) -> None:
    """Neither the whole answer nor any part of a stream has a letter of it."""
    text = chat("stop here", max_tokens=12, temperature=1, seed=3, top_k=40)["choices"][0]["message"]["content"]
    stop = text[4:6]
    body = {"max_tokens": 12, "temperature": 1, "seed": 3, "top_k": 40, "stop": [stop, "never said"]}

    choice = chat("stop here", **body)["choices"][0]
    streamed, _, end = joined(list(chunks(http, messages=[user("stop here")], **body)))

    assert choice["message"]["content"] == streamed == text[: text.index(stop)]
    assert choice["finish_reason"] == end == "stop"


def test_a_bias_decides(chat: Callable[..., Any], tiny_model: Any) -> None:
    """A bias of 100 makes a token certain, one of -100 impossible; the scores are those before it."""
    letter = tiny_model.tokenizer.convert_tokens_to_ids("z")

    certain = chat(logit_bias={str(letter): 100}, max_tokens=4, logprobs=True)["choices"][0]
    impossible = chat(logit_bias={str(letter): -100}, max_tokens=4, temperature=2, seed=1)["choices"][0]

    assert certain["message"]["content"] == "zzzz"
    assert certain["logprobs"]["content"][0]["logprob"] < -0.01
    assert "z" not in impossible["message"]["content"]


def test_a_penalty_keeps_from_repeating(chat: Callable[..., Any], tiny_model: Any) -> None:
    """Where one token is far ahead, only a penalty takes the lead from it."""
    letter = str(tiny_model.tokenizer.convert_tokens_to_ids("z"))
    bias = {letter: 12.0}

    plain = chat(logit_bias=bias, max_tokens=8)["choices"][0]["message"]["content"]
    penalised = chat(logit_bias=bias, max_tokens=8, frequency_penalty=2)["choices"][0]["message"]["content"]

    assert plain.count("z") > penalised.count("z")


def test_scores_are_log_probabilities(chat: Callable[..., Any]) -> None:
    """A greedy answer's tokens are the best at their place, and nothing is likelier than certain."""
    content = chat(logprobs=True, top_logprobs=5)["choices"][0]["logprobs"]["content"]

    assert content
    for token in content:
        best = [one["logprob"] for one in token["top_logprobs"]]
        assert best == sorted(best, reverse=True)
        assert len(best) == 5
        assert token["logprob"] == best[0] <= 0
        assert bytes(token["bytes"]).decode(errors="replace") == token["token"]


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_both_names_of_the_longest_answer_count(name: str, http: httpx.Client) -> None:
    """The old name and the new one; neither gives the server's default."""
    body = {"messages": [user("Hi")], "temperature": 0}

    short = http.post("/v1/chat/completions", json={**body, name: 2}).json()

    assert short["usage"]["completion_tokens"] == 2


def test_what_is_left_out_falls_to_the_default(make_app: Callable[..., Any]) -> None:
    """Without a length an answer is as long as the server says."""
    from starlette.testclient import TestClient

    with TestClient(make_app(answer_tokens=7)) as client:
        answer = client.post("/v1/chat/completions", json={"messages": [user("Hi")]}).json()

    assert answer["usage"]["completion_tokens"] == 7


def test_a_last_assistant_message_is_gone_on_with(chat: Callable[..., Any], tiny_model: Any) -> None:
    """A prefill is continued, as by the model itself."""
    messages = [user("Say a letter."), {"role": "assistant", "content": "The letter"}]

    served = chat(messages=messages)["choices"][0]["message"]["content"]

    assert served == tiny_model.generate(messages, max_new_tokens=8).text


def test_a_developer_is_a_system_where_the_template_knows_none(chat: Callable[..., Any]) -> None:
    """The new name of the role gives the answer of the old one."""
    answers = [
        chat(messages=[{"role": role, "content": "Be brief.", "emphasis": True}, user("Hi")])
        for role in ("developer", "system")
    ]

    assert answers[0]["choices"] == answers[1]["choices"]
    assert told(answers[0]) == told(answers[1])


def test_neutral_fields_change_nothing(chat: Callable[..., Any]) -> None:
    """Every field that is taken because it changes nothing changes nothing."""
    neutral = {
        "user": "somebody",
        "metadata": {"run": "1"},
        "store": False,
        "service_tier": "auto",
        "safety_identifier": "x",
        "prompt_cache_key": "x",
        "response_format": {"type": "text"},
        "modalities": ["text"],
        "tools": None,
        "tool_choice": "none",
        "parallel_tool_calls": False,
        "reasoning_effort": None,
    }

    assert chat(**neutral)["choices"] == chat()["choices"]
    assert chat(**{name: None for name in (*neutral, "n", "stop", "seed", "logit_bias", "stream", "boldface")})
