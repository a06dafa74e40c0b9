"""``boldface.explain``: what the emphasis did to one answer, and which heads did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from boldface.emphasis.content import without_emphasis
from boldface.emphasis.markup import parse
from boldface.emphasis.span import EmphasisedText
from boldface.engine.generation import Generation
from boldface.engine.heads import Heads
from boldface.engine.model import Model
from boldface.engine.prompts import Overlap, Prompt, as_batch
from boldface.engine.scoring import following
from boldface.engine.steer import prepare
from boldface.engine.vllm_model import VllmModel
from boldface.errors import PromptMismatchError, RouteError, SpanError
from boldface.insight.explaining.explanation import Explanation
from boldface.insight.explaining.readings import plan_of
from boldface.insight.explaining.steps import Explaining
from boldface.steering.plan import Scope
from boldface.steering.rules import Rule

LONGEST = 64
"""Tokens of an answer that is written to be explained, where no length is asked for."""

Watch = Callable[[int, int], None]
"""Told how many of all steps are done."""


def explain(
    model: Model,
    prompt: Prompt,
    answer: str | Generation | None = None,
    *,
    heads: Heads | None = None,
    alpha: float | None = None,
    factor: float | None = None,
    strength: float | None = None,
    scope: Scope | None = None,
    rule: Rule | None = None,
    share: float | None = None,
    target: float | None = None,
    route: str = "auto",
    overlap: Overlap = "any",
    raw: bool = False,
    max_new_tokens: int = LONGEST,
    each: bool = True,
    watch: Watch | None = None,
) -> Explanation:
    """Explain one answer to one prompt: where the attention went, and which heads made the answer what it is.

    Prompt and answer are read by the plain model and by the steered one. Then every steered head is left out in turn
    (its effect is what the answer's log-likelihood loses), and the slopes of all heads are taken in one backward pass.

    Args:
        model: The model; vLLM's are refused.
        prompt: Marked-up text, an EmphasisedText or messages.
        answer: The answer to explain: what :meth:`Model.generate` gave, or any text that might follow, such as the one
            that was wished for. None lets the model write it, greedily, with and without the emphasis.
        heads: As for :meth:`Model.generate`, and so all down to ``raw``.
        alpha: See there.
        factor: See there.
        strength: See there.
        scope: See there.
        rule: See there. Under rules that look at the attention no slopes are taken.
        share: See there.
        target: See there.
        route: See there.
        overlap: See there.
        raw: See there.
        max_new_tokens: Longest answer that is written.
        each: Leave every head out in turn; without that the slopes alone tell what heads did, to first order.
        watch: Told how far it is.

    Raises:
        NothingSteeredError: Nothing of the prompt is emphasised.
        BoldfaceError: The prompt cannot be run, or the attention of the model not be told; see :mod:`boldface.errors`.
    """
    if isinstance(model, VllmModel):
        raise RouteError("vLLM runs the model in a process of its own.", "Load it with engine transformers.")
    prompts = as_batch(prompt)
    if len(prompts) != 1:
        raise SpanError(f"{len(prompts)} prompts were given.", "Explain one prompt at a time.")
    written = answer is None
    how: dict[str, Any] = {
        "heads": heads,
        "alpha": alpha,
        "factor": factor,
        "strength": strength,
        "scope": scope,
        "rule": rule,
        "share": share,
        "target": target,
        "overlap": overlap,
    }
    chat = model.chat and not raw
    room = max_new_tokens if answer is None else 0
    prepared = prepare(model.model, model.tokenizer, prompts, chat=chat, room=room, **how)
    plan_of(prepared)
    plain_text = None
    if answer is None:
        answer = model.generate(prompts[0], **how, route=route, raw=raw, max_new_tokens=max_new_tokens)
        assert isinstance(answer, Generation)
        plain_text = model.generate(_plain(prompts[0]), raw=raw, max_new_tokens=max_new_tokens).text
    (encoded,) = prepared.rows.prompts
    if isinstance(answer, Generation) and answer.prompt.ids != encoded.ids:
        raise PromptMismatchError("This is the answer to another prompt.", "Give the prompt that it answers.")
    text = answer.text if isinstance(answer, Generation) else answer
    ids = answer.ids if isinstance(answer, Generation) else answer_ids(model, text, encoded.text)
    work = Explaining(model, prepared, ids, text, written=written, plain_text=plain_text, each=each, route=route)
    for _ in work:
        if watch is not None:
            watch(work.done, work.total)
    return work.result


def answer_ids(model: Model, text: str, prompt: str) -> list[int]:
    """Return the tokens of an answer that is given as text.

    Raises:
        SpanError: It is empty.
        AlignmentError: It has no tokens of its own behind the prompt.
    """
    if not text.strip():
        raise SpanError("The answer is empty.", "Give the words that follow the prompt.")
    return following(model.tokenizer, text, prompt)


def _plain(prompt: Prompt) -> Prompt:
    """Return the prompt without its emphasis."""
    text = parse(prompt) if isinstance(prompt, str) else prompt
    return EmphasisedText(text.text) if isinstance(text, EmphasisedText) else [without_emphasis(one) for one in text]
