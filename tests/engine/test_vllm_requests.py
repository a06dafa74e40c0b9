"""A marked-up prompt for a vLLM of one's own says what our engines would do with it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import boldface
from boldface.engine.vllm_requests import extra_args, for_vllm
from boldface.errors import BoldfaceError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering
from boldface.vllm.wire import KEY, digest, read, steering


@pytest.fixture(scope="module")
def model(byte_llama: tuple[Any, Any]) -> Any:
    """A byte model."""
    return boldface.load(*byte_llama)


@pytest.mark.parametrize("raw", [True, False])
def test_spans_and_strengths_survive(model: Any, raw: bool) -> None:
    """And the prompt is named, so that another one is refused."""
    text = "One **two** [three]{x=0.5}"
    prompt, extra = for_vllm(model, text, raw=raw, heads="L0H1, L1H0=-0.5", strength=3.0, scope="answer", rule="flat")

    encoded = model.encode(text, raw=raw, strength=3.0)
    assert prompt == {"prompt_token_ids": list(encoded.ids)}
    wanted = Steering(encoded.spans, HeadGains.parse("L0H1, L1H0=-0.5"), "answer", "flat")
    assert steering(extra[KEY]) == wanted
    assert read(extra[KEY]).prompt == digest(encoded.ids)


def test_without_emphasis_there_is_nothing_to_say(model: Any) -> None:
    """So that the request is like anybody's."""
    assert for_vllm(model, "nothing marked")[1] == {}
    assert for_vllm(model, "**a** b", heads="L0H1", strength=0.0)[1] == {}


def test_heads_that_the_model_does_not_have_are_refused(model: Any) -> None:
    """Before vLLM hears of them."""
    with pytest.raises(BoldfaceError, match="layer 7"):
        for_vllm(model, "**a** b", heads="L7H0")


@given(st.lists(st.integers(0, 2**31), max_size=20))
def test_a_null_steering_has_no_arguments(ids: list[int]) -> None:
    """Whatever the prompt."""
    assert extra_args(Steering(), ids) == {}
