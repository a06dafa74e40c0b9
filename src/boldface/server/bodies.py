"""Bodies of requests: OpenAI's, and the object ``boldface`` in them. What is not here is refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag

from boldface.server.neutral import Body, ChatNeutral, CompletionNeutral, MessageNeutral, at_most

Role = Literal["system", "developer", "user", "assistant", "tool"]
Source = Literal["system", "user", "assistant", "tool", "retrieved"]
Dialect = Literal["markdown", "a1111", "compel", "spa", "guide", "mark"]

MOST_MESSAGES = 2048
MOST_PROMPTS = 128
MOST_STOPS = 16
MOST_BIASES = 1024
MOST_LOGPROBS = 20


def _kind(value: Any) -> str:
    """Name what a value of several types is, so that an error speaks of the type that was meant."""
    if isinstance(value, bool):
        return "<flag>"
    if isinstance(value, str):
        return "<text>"
    if isinstance(value, int | float):
        return "<number>"
    return "<fields>" if isinstance(value, Mapping | BaseModel) else "<list>"


def _kind_of_prompt(value: Any) -> str:
    if not isinstance(value, list):
        return "<text>"
    return {"<number>": "<tokens>", "<list>": "<rows>"}.get(_kind(value[0]) if value else "", "<texts>")


class Strengths(Body):
    """How strongly, in one of four spellings."""

    x: float | None = Field(default=None, description="Factor on the attention weight; below 1 suppresses.")
    factor: float | None = Field(default=None, description="The same.")
    strength: float | None = Field(default=None, description="Its logarithm, in nats.")
    alpha: float | None = Field(default=None, description="1/factor, as the PASTA paper writes it.")

    def said(self) -> dict[str, float]:
        """Return the spellings that were used."""
        names = ("x", "factor", "strength", "alpha")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


Emphasis = Annotated[
    Annotated[bool, Tag("<flag>")] | Annotated[Strengths, Tag("<fields>")],
    Discriminator(lambda value: "<flag>" if _kind(value) == "<flag>" else "<fields>"),
]
Occurrence = Annotated[
    Annotated[Literal["first", "last", "all"], Tag("<text>")] | Annotated[int, Tag("<number>")],
    Discriminator(lambda value: "<number>" if _kind(value) == "<number>" else "<text>"),
]


class Span(Strengths):
    """Words to emphasise: characters ``[start, end)``, or a substring."""

    start: int | None = None
    end: int | None = None
    substring: str | None = None
    occurrence: Occurrence | None = None


class PlacedSpan(Span):
    """A span that says which message it is of, or which prompt of several."""

    message: int | None = Field(
        default=None, description="Index of the message, from 0; may be left out where there is one."
    )


class TextPart(Body):
    """A part of a message's content."""

    type: Literal["text"]
    text: str
    emphasis: Emphasis | None = None
    source: Source | None = Field(default=None, description="Where the text comes from; by default what the role says.")


Content = Annotated[
    Annotated[str, Tag("<text>")] | Annotated[list[TextPart], Field(fail_fast=True), Tag("<list>")],
    Discriminator(lambda value: "<text>" if _kind(value) == "<text>" else "<list>"),
]


class ChatMessage(MessageNeutral):
    """A message; its text is never read for markup unless ``boldface.markup`` says so."""

    role: Role
    content: Content | None = None
    name: str | None = Field(default=None, description="For templates that read it.")
    tool_call_id: str | None = Field(default=None, description="For templates that read it.")
    source: Source | None = Field(default=None, description="Where the text comes from; by default what the role says.")
    emphasis: Emphasis | None = None
    spans: Annotated[list[Span], Field(fail_fast=True)] | None = None


Markup = Annotated[
    Annotated[bool, Tag("<flag>")] | Annotated[Dialect, Tag("<text>")],
    Discriminator(lambda value: "<flag>" if _kind(value) == "<flag>" else "<text>"),
]


Detector = Literal[
    "auto",
    "instructions",
    "evidence",
    "evidence-model",
    "bm25",
    "embedding",
    "likelihood",
    "quotes",
    "attention",
    "looking",
]


class Auto(Body):
    """What is detected and emphasised though nobody marked it."""

    detector: Detector = Field(default="auto", description="Who looks for it.")
    question: str | None = Field(default=None, description="What is asked; by default the user's last question.")
    most: int | None = Field(default=None, ge=1, le=256, description="Most spans.")
    least: float | None = Field(default=None, ge=0, le=1, description="Least confidence.")


def _kind_of_auto(value: Any) -> str:
    return {"<flag>": "<flag>", "<text>": "<text>"}.get(_kind(value), "<fields>")


Automatic = Annotated[
    Annotated[bool, Tag("<flag>")] | Annotated[Detector, Tag("<text>")] | Annotated[Auto, Tag("<fields>")],
    Discriminator(_kind_of_auto),
]


Share = Annotated[float, Field(ge=0, le=1)]
Mark = Annotated[str, Field(min_length=1, max_length=64)]


class PhasesBody(Body):
    """How far while the prompt is read, while the model thinks and while it answers, from 0 to 1."""

    reading: Share = 1.0
    thinking: Share = 1.0
    answer: Share = 1.0
    begin: Mark = Field(default="<think>", description="What begins thinking, as text.")
    end: Mark = Field(default="</think>", description="What ends it.")
    opened: bool | None = Field(
        default=None, description="Whether the answer begins inside thinking; by default as the prompt's end says."
    )


class ReleaseBody(Body):
    """The share of the attention that the emphasis has by itself from which it is released, and below which lifted."""

    upper: Share
    lower: Share
    tokens: int = Field(default=4, ge=1, le=1024, description="So many tokens in a row.")


class Boldface(Strengths):
    """What is emphasised and how. Its own strength is the default, for emphasis that names none."""

    markup: Markup = Field(
        default=False, description="Read markup in the text: true for Markdown bold, or a dialect's name."
    )
    spans: Annotated[list[PlacedSpan], Field(fail_fast=True)] | None = None
    auto: Automatic | None = Field(
        default=None,
        description="Detect what to emphasise in text that may be emphasised: true, a detector's name, or more.",
    )
    profile: str | None = Field(default=None, description="A profile that the server offers.")
    scope: Literal["all", "answer"] | None = Field(
        default=None, description="Which queries are steered; the profile's own."
    )
    rule: Literal["pasta", "flat"] | None = Field(default=None, description="What the bias is; the profile's own.")
    target: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=None,
        description="Target share of the attention, beyond which no head is lifted; the profile's own.",
    )
    release: ReleaseBody | None = Field(
        default=None, description="When nothing is lifted any more, because the emphasis is obeyed."
    )
    phases: PhasesBody | None = Field(default=None, description="How far in which phase of the answer; 1 unless given.")
    gate: Share | None = Field(
        default=None,
        description="How plausible a steered token has to be to the plain model, else it is steered less.",
    )
    overlap: Literal["any", "inside", "error"] = Field(
        default="any", description="A token that straddles a span's edge."
    )
    careful: bool = Field(
        default=False,
        description="Emphasise every span only as far as the plain model finds it worth reading; costs a pass.",
    )
    explain: bool = Field(
        default=False, description="Tell how the attention moved; costs two more passes over the prompt."
    )

    @property
    def detects(self) -> bool:
        """Whether words are to be detected."""
        return self.auto is not None and self.auto is not False


class StreamOptions(Body):
    """What a stream carries besides the answer."""

    include_usage: bool | None = None
    include_obfuscation: Literal[False] | None = None


Stop = Annotated[
    Annotated[str, Field(min_length=1, max_length=1000), Tag("<text>")]
    | Annotated[
        list[Annotated[str, Field(min_length=1, max_length=1000)]],
        Field(fail_fast=True, max_length=MOST_STOPS),
        Tag("<list>"),
    ],
    Discriminator(lambda value: "<text>" if _kind(value) == "<text>" else "<list>"),
]


Bias = Annotated[float, Field(ge=-100, le=100)]


class Drawing(Body):
    """How words are drawn; the same for chats and completions."""

    model: str | None = Field(default=None, description="One of /v1/models; may be left out.")
    n: int | None = Field(default=None, ge=1, le=128)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: float | None = Field(default=None, ge=0, le=2, description="1 unless given; 0 is greedy.")
    top_p: float | None = Field(default=None, ge=0, le=1)
    top_k: int | None = Field(default=None, ge=0, le=2**31, description="Not OpenAI's; 0 is no limit.")
    seed: int | None = Field(default=None, ge=-(2**63), lt=2**63)
    stop: Stop | None = None
    min_tokens: int | None = Field(default=None, ge=0, le=2**31, description="Not OpenAI's.")
    ignore_eos: bool | None = Field(default=None, description="Not OpenAI's; for benchmarks.")
    logit_bias: Annotated[dict[str, Bias], at_most(MOST_BIASES), Field(max_length=MOST_BIASES)] | None = None
    presence_penalty: float | None = Field(default=None, ge=-2, le=2)
    frequency_penalty: float | None = Field(default=None, ge=-2, le=2)
    boldface: Boldface | None = None

    @property
    def detects(self) -> bool:
        """Whether words are to be detected."""
        return self.boldface is not None and self.boldface.detects


class ChatBody(Drawing, ChatNeutral):
    """Body of ``/v1/chat/completions``."""

    messages: list[ChatMessage] = Field(fail_fast=True, min_length=1, max_length=MOST_MESSAGES)
    max_tokens: int | None = Field(default=None, ge=1, le=2**31)
    max_completion_tokens: int | None = Field(default=None, ge=1, le=2**31)
    logprobs: bool | None = None
    top_logprobs: int | None = Field(default=None, ge=0, le=MOST_LOGPROBS)


Tokens = Annotated[list[Annotated[int, Field(ge=0)]], Field(fail_fast=True, min_length=1)]
Prompts = Annotated[
    Annotated[str, Tag("<text>")]
    | Annotated[list[str], Field(fail_fast=True, min_length=1, max_length=MOST_PROMPTS), Tag("<texts>")]
    | Annotated[Tokens, Tag("<tokens>")]
    | Annotated[list[Tokens], Field(fail_fast=True, min_length=1, max_length=MOST_PROMPTS), Tag("<rows>")],
    Discriminator(_kind_of_prompt),
]


class CompletionBody(Drawing, CompletionNeutral):
    """Body of ``/v1/completions``; the text is the user's, and goes to the model as it stands."""

    prompt: Prompts
    max_tokens: int | None = Field(default=None, ge=0, le=2**31, description="16 unless given.")
    echo: bool | None = None
    logprobs: int | None = Field(default=None, ge=0, le=MOST_LOGPROBS)

    @property
    def prompts(self) -> list[str] | list[list[int]]:
        """The prompts, whether there is one or more."""
        given: Any = self.prompt
        single = isinstance(given, str) or isinstance(given[0], int)
        return [given] if single else given
