"""Fields of OpenAI's that this server has no use for: the values that change nothing, and why any other is refused.

This is the one list of them. A field that stands neither here nor among the honoured ones is refused as unknown.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Nothing = Annotated[None, Field(description="Refused unless null: the server cannot honour it.")]

WHY = {
    "tools": "This server calls no tools.",
    "tool_choice": "This server calls no tools, so only 'none' is true of it.",
    "tool_calls": "This server calls no tools; write into the content what was called.",
    "functions": "This server calls no functions.",
    "function_call": "This server calls no functions, so only 'none' is true of it.",
    "response_format": "Words are not constrained to a format; ask for it in the prompt, and emphasise that.",
    "modalities": "The model writes text alone.",
    "audio": "The model neither hears nor speaks.",
    "prediction": "Predicted outputs are not used.",
    "web_search_options": "This server searches nothing.",
    "reasoning_effort": "The model has no such setting.",
    "verbosity": "The model has no such setting; ask for it in the prompt, and emphasise that.",
    "moderation": "Nothing is moderated here.",
    "prompt_cache_options": "What is kept of a prompt is not for the request to say.",
    "prompt_cache_retention": "What is kept of a prompt is not for the request to say.",
    "store": "Nothing is stored; say false, or leave it out.",
    "service_tier": "There is one tier; say 'auto' or 'default', or leave it out.",
    "suffix": "The model writes what follows a text, not what stands between two.",
    "best_of": "Answers are not ranked; ask for n and rank them by their logprobs.",
    "include_obfuscation": "Streams are not padded; say false, or leave it out.",
    "repetition_penalty": "Use frequency_penalty or presence_penalty.",
    "min_p": "Use top_p or top_k.",
    "guided_json": "Words are not constrained to a format.",
    "guided_regex": "Words are not constrained to a format.",
    "heads": "Heads are named by a profile: boldface.profile.",
    "share": "Rule 'share' is not served; say target, which closes rules 'pasta' and 'flat'.",
    "refusal": "The model's answers are content.",
    "image_url": "Only text can be read.",
    "input_audio": "Only text can be read.",
    "file": "Only text can be read.",
}
"""What is said to whoever asks for one of them."""


def at_most(count: int) -> BeforeValidator:
    """Refuse mappings of more entries before any entry is looked at: each would be an error of its own."""

    def check(value: Any) -> Any:
        if isinstance(value, dict) and len(value) > count:
            raise PydanticCustomError("too_long", f"Input should have at most {count} entries")
        return value

    return BeforeValidator(check)


class Body(BaseModel):
    """What a request may say: no other field, no value of another type, no number that is none."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _first_unknown(cls, value: Any) -> Any:
        """Refuse the first field that is not known: to list thousands of them would cost more than to read them."""
        if isinstance(value, dict):
            for name in value:
                if name not in cls.model_fields:
                    field = str(name)[:100].encode(errors="replace").decode()
                    raise PydanticCustomError("unknown_field", "unknown field", {"field": field})
        return value


class TextFormat(Body):
    """The only format there is."""

    type: Literal["text"]


class Neutral(Body):
    """Taken because they change nothing: who asks and what for is neither stored nor used."""

    user: str | None = None
    metadata: Annotated[dict[str, str], at_most(16), Field(max_length=16)] | None = None
    service_tier: Literal["auto", "default"] | None = None
    store: Literal[False] | None = None


class ChatNeutral(Neutral):
    """The same for chats; what may only be null stands here to be refused by name."""

    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    response_format: TextFormat | None = None
    modalities: Annotated[list[Literal["text"]], Field(fail_fast=True, max_length=2)] | None = None
    tool_choice: Literal["none"] | None = None
    function_call: Literal["none"] | None = None
    parallel_tool_calls: bool | None = None
    tools: Nothing = None
    functions: Nothing = None
    audio: Nothing = None
    prediction: Nothing = None
    web_search_options: Nothing = None
    reasoning_effort: Nothing = None
    verbosity: Nothing = None
    moderation: Nothing = None
    prompt_cache_options: Nothing = None
    prompt_cache_retention: Nothing = None


class CompletionNeutral(Neutral):
    """The same for completions."""

    suffix: Literal[""] | None = None
    best_of: Literal[1] | None = None


class MessageNeutral(Body):
    """What messages carry that came back from an answer, and says nothing."""

    type: Literal["text", "message"] | None = None
    refusal: Nothing = None
    audio: Nothing = None
    tool_calls: Nothing = None
    function_call: Nothing = None
    annotations: Annotated[list[None], Field(fail_fast=True, max_length=0)] | None = None
