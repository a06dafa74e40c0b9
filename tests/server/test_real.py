"""The whole of it with a real model: what is emphasised over HTTP is obeyed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import OpenAI

TEXT = "Mary is a nurse in Ohio. "
WISH = "Answer as JSON with keys name and occupation."


@pytest.fixture(scope="module")
def client(serving: Callable[..., Any]) -> Iterator[OpenAI]:
    """The official client of a server of SmolLM2, in the type that is fastest to serve."""
    import torch

    import boldface
    from boldface.errors import MissingError
    from boldface.server.app import create_app

    try:
        model = boldface.load("smollm2", dtype=torch.bfloat16)
    except MissingError as error:
        pytest.skip(str(error))
    with serving(create_app(model)) as where, OpenAI(base_url=f"{where}/v1", api_key="x", max_retries=0) as made:
        yield made


@pytest.mark.models
@pytest.mark.slow
def test_an_emphasised_instruction_is_obeyed(client: OpenAI) -> None:
    """The default profile, the official client, and a stream that says what the whole answer says."""
    parts = [{"type": "text", "text": TEXT}, {"type": "text", "text": WISH, "emphasis": True}]
    asked: dict[str, Any] = {
        "model": "smollm2",
        "messages": [{"role": "user", "content": parts}],
        "max_tokens": 40,
        "temperature": 0,
    }

    answer = client.chat.completions.create(**asked)
    streamed = client.chat.completions.create(**asked, stream=True)
    plain = client.chat.completions.create(**{**asked, "messages": [{"role": "user", "content": TEXT + WISH}]})

    text = answer.choices[0].message.content or ""
    assert "".join(part.choices[0].delta.content or "" for part in streamed) == text
    assert text.lstrip().startswith("{")
    assert '"occupation"' in text
    assert text != plain.choices[0].message.content
    assert answer.model_extra is not None
    told = answer.model_extra["boldface"]
    assert (told["profile"], told["steered"]) == ("smollm2", True)
    assert "".join(token["text"] for token in told["tokens"]).strip() == WISH


@pytest.mark.models
@pytest.mark.slow
def test_control_words_in_text_are_previewed_as_such(client: OpenAI) -> None:
    """What a template writes is told apart from what people write, and is never emphasised."""
    body = {"messages": [{"role": "user", "content": WISH, "emphasis": True}]}

    shown = client.post("/boldface/preview", body=body, cast_to=object)

    assert isinstance(shown, dict)
    assert any(token["special"] for token in shown["tokens"])
    assert not any(token["special"] and token["strength"] for token in shown["tokens"])
