"""What a request has to fit: layers and query heads of the model that vLLM serves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boldface.errors import RouteError, SpanError
from boldface.steering.plan import Steering, check_heads
from boldface.vllm import wire

Heads = Mapping[int, int]
"""Layer to its query heads, of all ranks together."""


def check(text: object, prompt: int, heads: Heads) -> Steering:
    """Return the steering of a request, if it can be carried out to the letter; the one gate that all texts pass.

    Args:
        text: What :func:`boldface.vllm.wire.write` gave.
        prompt: Tokens of the prompt.
        heads: What the model has.

    Raises:
        BoldfaceError: It cannot, and why.
    """
    steering = wire.steering(text)
    if steering.rule == "share":
        raise RouteError(
            "Rule 'share' needs the mass on the emphasis before its bias, which vLLM's kernels do not give.",
            "Choose the rule pasta or flat, or the transformers engine.",
        )
    check_heads(steering.gains, heads)
    for span in steering.spans:
        if span.end > prompt:
            raise SpanError(f"{span} ends beyond the prompt of {prompt} tokens.", "Token spans are half-open.")
    return steering


def heads_of(config: Any) -> Heads:
    """Return what a model has, by its config, vLLM's ``ModelConfig``; workers compare it with the model itself."""
    text = config.hf_text_config
    return dict.fromkeys(range(text.num_hidden_layers), text.num_attention_heads)
