"""From what a person wrote to token rows: markup, emphasised texts and chats, one prompt or a batch."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

import torch
from torch import Tensor

from boldface.emphasis.chat import render_chat
from boldface.emphasis.content import ALLOWED_ROLES
from boldface.emphasis.markup import parse
from boldface.emphasis.span import EmphasisedText
from boldface.emphasis.tokens import EncodedPrompt, encode
from boldface.errors import ChatError, SpanError

Prompt = str | EmphasisedText | Sequence[Mapping[str, Any]]
"""One prompt: marked-up text, text with spans, or OpenAI-style messages (whose text is never parsed for markup)."""

Overlap = Literal["any", "inside", "error"]


@dataclass(frozen=True)
class Rows:
    """Encoded prompts, padded to one batch.

    Attributes:
        prompts: The prompts, unpadded.
        ids: (batch, width) token ids.
        mask: (batch, width) 1 for tokens, 0 for padding.
    """

    prompts: tuple[EncodedPrompt, ...]
    ids: Tensor
    mask: Tensor

    @property
    def lengths(self) -> list[int]:
        """Tokens of every prompt."""
        return [len(prompt.ids) for prompt in self.prompts]


def is_batch(prompt: Prompt | Sequence[Prompt]) -> bool:
    """True for a list of prompts; a list of messages is one prompt."""
    if isinstance(prompt, (str, EmphasisedText)):
        return False
    if not isinstance(prompt, Sequence):
        raise SpanError(
            f"A prompt is text, an EmphasisedText or a list of messages, not {type(prompt).__name__}.",
            "Pass for example 'Be brief. **Answer in French.**'.",
        )
    return not any(isinstance(item, Mapping) for item in prompt)


def as_batch(prompt: Prompt | Sequence[Prompt]) -> list[Prompt]:
    """Return the prompts as a list; a single one becomes a batch of one."""
    prompts = list(cast("Sequence[Prompt]", prompt)) if is_batch(prompt) else [cast("Prompt", prompt)]
    if not prompts:
        raise SpanError("There is no prompt: the list is empty.", "Pass at least one prompt, or one message.")
    return prompts


class Rendered(NamedTuple):
    """The text a tokenizer will see, with its spans.

    Attributes:
        text: The whole prompt.
        add_special_tokens: Whether the tokenizer adds its own; a chat template has written them already.
    """

    text: EmphasisedText
    add_special_tokens: bool

    def encode(self, tokenizer: Any, *, default: float, overlap: Overlap = "any") -> EncodedPrompt:
        """Tokenise, with ``default`` nats for spans that name no strength."""
        return encode(
            tokenizer, self.text, default=default, overlap=overlap, add_special_tokens=self.add_special_tokens
        )


def render_prompt(
    tokenizer: Any, prompt: Prompt, *, chat: bool, allowed_roles: Collection[str] = ALLOWED_ROLES
) -> Rendered:
    """Parse markup and apply the chat template, where they apply.

    Args:
        tokenizer: A transformers tokenizer.
        prompt: See :data:`Prompt`.
        chat: Whether plain text is one user turn of a chat.
        allowed_roles: Roles of messages whose text may be emphasised.

    Raises:
        EmphasisError: When markup, spans or chat template do not fit together.
    """
    text = parse(prompt) if isinstance(prompt, str) else prompt
    if isinstance(text, EmphasisedText) and chat:
        spans = [{"start": span.start, "end": span.end, **_said(span.strength)} for span in text.spans]
        text = [{"role": "user", "content": text.text, "spans": spans}]
    if isinstance(text, EmphasisedText):
        return Rendered(text, add_special_tokens=True)
    if not getattr(tokenizer, "chat_template", None):
        raise ChatError("This tokenizer has no chat template.", "Pass plain text, or raw=True.")
    rendered = render_chat(text, lambda messages: _template(tokenizer, messages), allowed_roles=allowed_roles)
    return Rendered(rendered, add_special_tokens=False)


def pad(
    prompts: Sequence[EncodedPrompt], *, pad_id: int, side: Literal["left", "right"] = "left", device: Any = "cpu"
) -> Rows:
    """Pad encoded prompts to one batch."""
    width = max(len(prompt.ids) for prompt in prompts)
    ids = torch.full((len(prompts), width), pad_id, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        length = len(prompt.ids)
        columns = slice(width - length, width) if side == "left" else slice(0, length)
        ids[row, columns] = torch.tensor(prompt.ids)
        mask[row, columns] = 1
    return Rows(tuple(prompts), ids.to(device), mask.to(device))


def pad_id(tokenizer: Any) -> int:
    """Return an id to pad with; padding is masked, so any valid one will do."""
    for name in ("pad_token_id", "eos_token_id"):
        value = getattr(tokenizer, name, None)
        if isinstance(value, int):
            return value
    return 0


def _template(tokenizer: Any, messages: list[dict[str, Any]]) -> str:
    last_is_answer = messages[-1].get("role") == "assistant"
    try:
        text: str = tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=not last_is_answer, continue_final_message=last_is_answer
        )
    except Exception as error:  # templates are programs of other people, and raise whatever they like
        raise ChatError(
            f"The chat template refuses these messages: {error}.",
            "Change roles, their order or contents to what the template takes; a last assistant message needs text.",
        ) from error
    return text


def _said(strength: float | None) -> dict[str, float]:
    return {} if strength is None else {"strength": strength}
