"""The official client of OpenAI's, unchanged: emphasis travels in ``extra_body`` and in content parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

HELLO: list[Any] = [{"role": "user", "content": "Hello world"}]
EMPHASIS = {"boldface": {"spans": [{"message": 0, "substring": "world", "x": 20}]}}


@pytest.fixture
def client(address: str) -> Iterator[OpenAI]:
    """The client as everybody makes it."""
    with OpenAI(base_url=f"{address}/v1", api_key="unused", max_retries=0) as made:
        yield made


def test_a_chat(client: OpenAI) -> None:
    """Plain and emphasised; what was steered is an extra of the answer."""
    asked: dict[str, Any] = {"model": "bytes", "messages": HELLO, "max_completion_tokens": 6, "temperature": 0}

    plain = client.chat.completions.create(**asked)
    steered = client.chat.completions.create(**asked, extra_body=EMPHASIS)

    assert plain.choices[0].finish_reason == "length"
    assert plain.usage is not None
    assert plain.usage.completion_tokens == 6
    assert plain.model_extra == {}
    assert steered.model_extra is not None
    assert steered.model_extra["boldface"]["tokens"][0]["text"] == "world"
    assert steered.choices[0].message.content != plain.choices[0].message.content


def test_emphasis_in_a_content_part(client: OpenAI) -> None:
    """A key of ours in a part of the client's travels along."""
    parts = [{"type": "text", "text": "Hello "}, {"type": "text", "text": "world", "emphasis": {"x": 20}}]

    by_part = client.chat.completions.create(
        model="bytes", messages=[{"role": "user", "content": parts}], max_tokens=6, temperature=0
    )
    by_span = client.chat.completions.create(
        model="bytes", messages=HELLO, max_tokens=6, temperature=0, extra_body=EMPHASIS
    )

    assert by_part.choices[0].message.content == by_span.choices[0].message.content


def test_a_conversation_goes_on_with_the_messages_of_its_answers(client: OpenAI) -> None:
    """A message of an answer, as the client dumps it, is a message of the next request."""
    first = client.chat.completions.create(model="bytes", messages=HELLO, max_tokens=3, temperature=0)
    for said in (first.choices[0].message, first.choices[0].message.model_dump()):
        answer = client.chat.completions.create(
            model="bytes", messages=[*HELLO, said, {"role": "user", "content": "And?"}], max_tokens=3
        )
        assert answer.choices[0].message.role == "assistant"


def test_a_stream(client: OpenAI) -> None:
    """Part by part, with the usage at the end."""
    asked: dict[str, Any] = {"model": "bytes", "messages": HELLO, "max_tokens": 6, "temperature": 0}
    whole = client.chat.completions.create(**asked, extra_body=EMPHASIS)

    parts = list(
        client.chat.completions.create(
            **asked, stream=True, stream_options={"include_usage": True}, extra_body=EMPHASIS
        )
    )

    text = "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
    assert text == whole.choices[0].message.content
    assert parts[-1].usage == whole.usage
    assert parts[-1].model_extra is not None
    assert parts[-1].model_extra["boldface"]["steered"]


def test_the_streaming_helper(client: OpenAI) -> None:
    """The client's own gathering of a stream."""
    asked: dict[str, Any] = {"model": "bytes", "messages": HELLO, "max_tokens": 8, "temperature": 0, "logprobs": True}
    text = client.chat.completions.create(**asked).choices[0].message.content or ""

    with client.chat.completions.stream(**asked, stop=text[3:5]) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()

    assert final.choices[0].finish_reason == "stop"
    assert final.choices[0].message.content == text[: text.index(text[3:5])]
    assert final.choices[0].logprobs is not None


def test_completions(client: OpenAI) -> None:
    """Texts, scores and streams."""
    answer = client.completions.create(model="bytes", prompt=["a", "b"], max_tokens=2, logprobs=2, temperature=0)
    parts = list(client.completions.create(model="bytes", prompt="a", max_tokens=2, temperature=0, stream=True))

    assert [choice.index for choice in answer.choices] == [0, 1]
    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.tokens is not None
    assert len(answer.choices[0].logprobs.tokens) == 2
    assert "".join(part.choices[0].text for part in parts) == answer.choices[0].text


def test_the_asynchronous_client(address: str) -> None:
    """Many at once get each their own answer."""

    async def ask() -> tuple[list[str | None], list[str | None]]:
        async with AsyncOpenAI(base_url=f"{address}/v1", api_key="unused", max_retries=0) as client:

            async def one(text: str, **more: Any) -> str | None:
                answer = await client.chat.completions.create(
                    model="bytes", messages=[{"role": "user", "content": text}], max_tokens=6, temperature=0, **more
                )
                return answer.choices[0].message.content

            texts = [f"Number {index} is here" for index in range(12)]
            emphasis = [
                {"extra_body": {"boldface": {"spans": [{"substring": "is"}]}}} if index % 2 else {}
                for index in range(12)
            ]
            together = await asyncio.gather(*(one(text, **more) for text, more in zip(texts, emphasis, strict=True)))
            alone = [await one(text, **more) for text, more in zip(texts, emphasis, strict=True)]
            return list(together), alone

    together, alone = asyncio.run(ask())

    assert together == alone


def test_models(client: OpenAI) -> None:
    """The list, and one of it."""
    assert [model.id for model in client.models.list()] == ["bytes"]
    assert client.models.retrieve("bytes").owned_by == "boldface"


@pytest.mark.parametrize(
    ("ask", "error", "param"),
    [
        (lambda c: c.chat.completions.create(model="gpt-4", messages=HELLO), openai.NotFoundError, "model"),
        (lambda c: c.models.retrieve("no/such"), openai.NotFoundError, "model"),
        (
            lambda c: c.chat.completions.create(
                model="bytes",
                messages=HELLO,
                tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}],
            ),
            openai.BadRequestError,
            "tools",
        ),
        (
            lambda c: c.chat.completions.create(model="bytes", messages=HELLO, extra_body={"boldfase": {}}),
            openai.BadRequestError,
            "boldfase",
        ),
    ],
)
def test_errors_are_the_clients_own(ask: Callable[[OpenAI], Any], error: type, param: str, client: OpenAI) -> None:
    """They come as its classes, with message and field."""
    with pytest.raises(error) as caught:
        ask(client)

    assert isinstance(caught.value, openai.APIStatusError)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
