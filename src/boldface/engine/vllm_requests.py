"""For people who hold a ``vllm.LLM`` or an ``AsyncLLM`` of their own: a marked-up prompt as vLLM takes it.

::

    model = boldface.load("smollm2")
    prompt, extra = for_vllm(model, "Mary is a nurse. **Answer as JSON.**")
    llm.generate(prompt, SamplingParams(max_tokens=64, extra_args=extra))
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from boldface.engine.model import Model
from boldface.engine.prompts import Prompt
from boldface.engine.steer import prepare
from boldface.steering.plan import Steering
from boldface.vllm.wire import KEY, digest, write


def for_vllm(model: Model, prompt: Prompt, *, raw: bool = False, **how: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """Return a prompt and its ``extra_args`` as vLLM takes them.

    Args:
        model: The model as transformers has it; it is looked at, not run.
        prompt: Marked-up text, an EmphasisedText or messages.
        raw: Do not wrap plain text into the chat template.
        how: As for :meth:`Model.generate`: heads, one of alpha, factor and strength, scope, rule, overlap.

    Returns:
        The tokens of the prompt, and what says how they are steered; empty for a prompt without emphasis.

    Raises:
        BoldfaceError: See :mod:`boldface.errors`.
    """
    prepared = prepare(model.model, model.tokenizer, [prompt], chat=model.chat and not raw, **how)
    ids = prepared.rows.prompts[0].ids
    return {"prompt_token_ids": list(ids)}, dict(extra_args(prepared.steerings[0], ids))


def extra_args(steering: Steering, ids: Sequence[int]) -> Mapping[str, str]:
    """Return the ``extra_args`` of a request to vLLM.

    Args:
        steering: How its prompt is steered.
        ids: Tokens of the prompt; any others are refused.
    """
    return {} if steering.is_null else {KEY: write(steering, digest(ids))}
