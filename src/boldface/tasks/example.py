"""One question to a model: the prompt with its emphasis, what is asked of the model, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from boldface.emphasis.span import CharSpan, EmphasisedText


@dataclass(frozen=True)
class Generate:
    """Write an answer, greedily.

    Attributes:
        max_new_tokens: Longest answer in tokens.
        until: When the answer is complete before the model ends it: ``json`` once a first ``{`` is closed (strings and
            nesting respected), ``sentences`` after ``sentences`` of them, ``line`` at the first line break after text,
            ``end`` only when the model says so.
        sentences: For ``until="sentences"``: how many.
    """

    max_new_tokens: int
    until: Literal["end", "json", "line", "sentences"] = "end"
    sentences: int = 0


@dataclass(frozen=True)
class Choose:
    """Compare words by the log-probability of the first token of each, right after the prompt.

    Attributes:
        candidates: Words, without a leading space; each is tokenised as it would follow the prompt.
    """

    candidates: tuple[str, ...]


@dataclass(frozen=True)
class Continue:
    """Read a given continuation; the answer is how far the steered model is from the plain one while it does.

    Attributes:
        text: What follows the prompt, its leading space included.
    """

    text: str


Question = Generate | Choose | Continue


@dataclass(frozen=True)
class Example:
    """A prompt, its emphasis and its question. Everything is plain data, so that it can be stored and scored later.

    Attributes:
        id: Unique within the task, split and variant.
        group: Examples of one group are one observation: their scores are joined before means and errors are taken
            (the paraphrases of one fact, both orders of two instructions). Usually the id of the data row.
        prompt: The raw prompt, nothing of any chat template in it; its spans are what should matter (strength None).
        question: What is asked.
        other: Spans of the same prompt that should not matter, for the placebo *another span emphasised*; where there
            is a natural rival (the other instruction, the other passage) that one. Empty when there is no other text.
        answer_start: For prompts that the model completes (``… has the occupation of``): the character at which the
            text that is the model's own begins. In a chat, what is before becomes the user's turn and what follows the
            beginning of the assistant's. None when the whole prompt is the user's.
        target: A right answer, written out as it would follow the prompt; for few-shot examples and profiling.
        rival: A right answer where ``other`` is emphasised instead; None where there is no rival and the model should
            then answer as it would without emphasis.
        info: What scoring needs, JSON values only.
    """

    id: str
    group: str
    prompt: EmphasisedText
    question: Question
    other: tuple[CharSpan, ...] = ()
    answer_start: int | None = None
    target: str | None = None
    rival: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        text: For Generate: the answer without special tokens, cut at the end of the complete answer.
        tokens: For Generate: its tokens.
        ended: For Generate: False when the token limit ended it.
        logprobs: For Choose: of every candidate's first token, in their order, in nats.
        divergence: For Continue: mean over the continuation's tokens of KL(plain ‖ steered), in nats a token.
        plain_logprob: For Generate: mean log-probability a token, in nats, that the plain model gives this answer after
            the plain prompt; None when the answer is empty.
    """

    text: str = ""
    tokens: int = 0
    ended: bool = True
    logprobs: tuple[float, ...] = ()
    divergence: float | None = None
    plain_logprob: float | None = None
