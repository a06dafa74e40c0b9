"""From a body to the prompt as the model gets it: sources and policy, markup, template, tokens, steering."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from boldface.detection.detect import Detected
from boldface.emphasis.chat import Template, render_chat
from boldface.emphasis.dialects import parse_dialect
from boldface.emphasis.judging import Sourced
from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan
from boldface.emphasis.strength import DEFAULT_STRENGTH, resolve_strength
from boldface.emphasis.tokens import EncodedPrompt
from boldface.emphasis.trust import Governed, Policy, Protected, Refused, govern, sourced
from boldface.engine.prompts import Rendered, render_prompt
from boldface.engine.steer import answer_room
from boldface.errors import AlignmentError, ContextLengthError, EmphasisError, RequestError
from boldface.server.bodies import Boldface, ChatBody, ChatMessage, CompletionBody, PlacedSpan, Strengths
from boldface.server.detecting import check_length, detect_in, moved, wanted
from boldface.server.hosting import Offer, Offered
from boldface.server.limits import Asked, RequestLimits, check
from boldface.steering.phases import Phases, as_gate
from boldface.steering.plan import Steering
from boldface.steering.release import Release


@dataclass(frozen=True)
class Reading:
    """One prompt, ready to be run.

    Attributes:
        prompt: Its tokens.
        steering: How it is steered.
        refused: Emphasis that its source may not have.
        protected: Emphasis that it has because a lesser source has some.
        offer: The profile; None when there is none.
        strength: Default strength in nats.
        said: Whether the request says anything about emphasis.
        spans: Emphasised spans, as the request names them, as its markup says or as they were detected.
        detected: What was detected; None where nothing was looked for.
        messages: Of a chat, its messages as the template gets them, without markup and emphasis.
        kept: Tokens of a careful request that are not doubted, because the policy protects their source.
        wished: Emphasis before it was doubted; None where nobody doubted it.
    """

    prompt: EncodedPrompt
    steering: Steering
    refused: tuple[Refused, ...] = ()
    protected: tuple[Protected, ...] = ()
    offer: Offer | None = None
    strength: float = DEFAULT_STRENGTH
    said: bool = False
    spans: int = 0
    detected: Detected | None = None
    messages: tuple[Mapping[str, Any], ...] = ()
    kept: tuple[TokenSpan, ...] = ()
    wished: tuple[TokenSpan, ...] | None = None

    @property
    def emphasised(self) -> int:
        """Tokens that are emphasised."""
        return sum(span.end - span.start for span in self.steering.spans if span.strength)

    @property
    def strongest(self) -> float:
        """Largest size of a strength, in nats."""
        return max((abs(span.strength) for span in self.steering.spans), default=0.0)


def read_chat(
    hosted: Offered, body: ChatBody, policy: Policy, limits: RequestLimits, template: Template | None = None
) -> Reading:
    """Read the prompt of a chat.

    Args:
        hosted: The model.
        body: The request.
        policy: Which sources may emphasise.
        limits: What a request may ask for.
        template: Renders plain messages; the chat template of the tokenizer unless given.

    Raises:
        BoldfaceError: It cannot be had, or may not.
    """
    said = body.boldface or Boldface()
    offer = hosted.offer(said.profile)
    default = _default(said, offer)
    tokenizer = hosted.model.tokenizer
    if not getattr(tokenizer, "chat_template", None):
        raise RequestError("This model has no chat template.", "Use /v1/completions.", param="messages")
    named = _placed(said.spans, len(body.messages), "message")
    spans = len(said.spans or ()) + sum(map(_count, body.messages))
    check(Asked(spans=spans), limits)
    _check_length(hosted, map(_text, body.messages))
    messages = [_message(one, [span for _, span in named[index]]) for index, one in enumerate(body.messages)]
    if "developer" not in str(tokenizer.chat_template):
        messages = [{**one, "role": "system"} if one["role"] == "developer" else one for one in messages]
    auto = wanted(said, limits)
    detected: Detected | None = None
    try:
        if auto is not None:
            detected = detect_in(messages, auto, policy, default=default, markup=_markup(said))
            messages = detected.messages
        governed = govern(messages, policy, default=default, markup=_markup(said))
        texts = sourced(messages, policy, markup=_markup(said)) if said.careful else []
    except EmphasisError as error:
        owns = [len(message.spans or ()) for message in body.messages]
        raise type(error)(_in_its_place(error.message, owns, named), error.hint) from None
    spans = max(spans, governed.wished if said.markup or auto else 0)
    check(Asked(spans=spans), limits)
    reading = _encode(hosted, _render(hosted, governed.messages, governed.roles, template), said, offer, default)
    kept: tuple[TokenSpan, ...] = ()
    if said.careful:
        roles = {message["role"] for message in governed.messages}
        whole = _render(hosted, _protected(governed.messages, texts, policy), roles, template)
        with hosted.in_use:
            kept = whole.encode(tokenizer, default=DEFAULT_STRENGTH, overlap="any").spans
    return _checked(
        replace(
            reading,
            refused=governed.refused,
            protected=governed.protected,
            said=body.boldface is not None or spans > 0,
            spans=spans,
            detected=detected,
            messages=tuple(_plain(message) for message in governed.messages),
            kept=kept,
        ),
        limits,
    )


def read_texts(hosted: Offered, body: CompletionBody, policy: Policy, limits: RequestLimits) -> list[Reading]:
    """Read the prompts of completions; what they say is the user's.

    Raises:
        BoldfaceError: One of them cannot be had, or may not.
    """
    said = body.boldface or Boldface()
    offer = hosted.offer(said.profile)
    default = _default(said, offer)
    prompts: Sequence[str | list[int]] = body.prompts
    named = _placed(said.spans, len(prompts), "prompt")
    check(Asked(spans=len(said.spans or ())), limits)
    auto = wanted(said, limits)
    if auto is not None:
        check_length(sum(len(prompt) for prompt in prompts if isinstance(prompt, str)), auto, len(prompts))
    readings: list[Reading] = []
    for index, prompt in enumerate(prompts):
        where = f"prompt[{index}]" if len(prompts) > 1 else "prompt"
        if isinstance(prompt, list):
            answer_room(len(prompt), 0, hosted.context)
            if named[index] or said.markup or auto:
                raise RequestError("A prompt of token ids cannot be emphasised.", "Send it as text.", param=where)
            reading = Reading(_given(hosted, prompt, where), Steering())
        else:
            _check_length(hosted, [prompt])
            try:
                message = {"role": "user", "content": prompt, "spans": [span for _, span in named[index]]}
                messages: list[dict[str, Any]] = [message]
                detected: Detected | None = None
                if auto is not None:
                    detected = moved(detect_in(messages, auto, policy, default=default, markup=_markup(said)), index)
                    messages = detected.messages
                governed = govern(messages, policy, default=default, markup=_markup(said))
                text = _text_of(governed)
                reading = _encode(hosted, Rendered(text, add_special_tokens=True), said, offer, default)
            except EmphasisError as error:
                words = error.message.replace("messages[0]", f"messages[{index}]")
                words = _in_its_place(words, [0] * len(prompts), named)
                raise type(error)(words.replace(f"messages[{index}]", where), error.hint) from None
            reading = replace(
                reading,
                refused=tuple(replace(one, message=index) for one in governed.refused),
                protected=tuple(replace(one, message=index) for one in governed.protected),
                spans=max(len(named[index]), len(text.spans)),
                detected=detected,
            )
        readings.append(_checked(replace(reading, said=body.boldface is not None), limits))
    return readings


def _render(
    hosted: Offered, messages: Sequence[Mapping[str, Any]], roles: Collection[str], template: Template | None
) -> Rendered:
    with hosted.in_use:
        if template is None:
            return render_prompt(hosted.model.tokenizer, messages, chat=True, allowed_roles=roles)
        return Rendered(render_chat(messages, template, allowed_roles=roles), add_special_tokens=False)


def _protected(
    messages: Sequence[Mapping[str, Any]], texts: Sequence[Sourced], policy: Policy
) -> list[Mapping[str, Any]]:
    """Return a chat in which just that text is marked which the policy protects against somebody who may emphasise."""
    sources = {source for source, against in policy.protects.items() if any(map(policy.limit, against))}
    return [
        {
            **_plain(message),
            "spans": [
                {"start": piece.start, "end": piece.end}
                for piece in each.pieces
                if piece.source in sources and each.text.text[piece.start : piece.end].strip()
            ],
        }
        for message, each in zip(messages, texts, strict=True)
    ]


def _checked(reading: Reading, limits: RequestLimits) -> Reading:
    check(Asked(spans=reading.spans, strength=reading.strongest), limits)
    return reading


_FAR = 2
"""Prompts that are so many times too long are refused before templates, markup and alignment look at them."""


def _check_length(hosted: Offered, texts: Iterable[str]) -> None:
    """Refuse texts that are far too long: what follows costs more than tokens do, and markup may make them shorter."""
    text, most = "\n".join(texts).encode(errors="replace").decode(), _FAR * hosted.context
    if len(text) <= most:
        return
    with hosted.in_use:
        count = len(hosted.model.tokenizer(text, add_special_tokens=False, verbose=False).input_ids)
    if count > most:
        raise ContextLengthError(
            f"The prompt of about {count} tokens exceeds the {hosted.context} that fit.", "Shorten it."
        )


def _default(said: Boldface, offer: Offer | None) -> float:
    """Return the nats of emphasis that names no strength."""
    given = _one(said, "boldface")
    return given if given is not None else DEFAULT_STRENGTH if offer is None else offer.selected.strength


def _one(said: Strengths, where: str) -> float | None:
    spelled = said.said()
    if "x" in spelled and "factor" in spelled:
        raise RequestError(f"{where}: x and factor say the same thing twice.", "Give only one of them.", param=where)
    return resolve_strength(**{"factor" if name == "x" else name: value for name, value in spelled.items()})


def _markup(said: Boldface) -> Any:
    if not said.markup:
        return None
    return partial(parse_dialect, dialect="markdown" if said.markup is True else said.markup)


def _text_of(governed: Governed) -> EmphasisedText:
    """Return the only message of a governed chat as a text."""
    (message,) = governed.messages
    spans = (CharSpan(span["start"], span["end"], span.get("strength")) for span in message.get("spans", ()))
    return EmphasisedText(message["content"], tuple(spans))


def _encode(hosted: Offered, rendered: Rendered, said: Boldface, offer: Offer | None, default: float) -> Reading:
    with hosted.in_use:
        prompt = rendered.encode(hosted.model.tokenizer, default=default, overlap=said.overlap)
    if not prompt.ids:
        raise AlignmentError("The prompt is empty: it has no token.", "Write at least one word.")
    if all(span.strength == 0 for span in prompt.spans):
        return Reading(prompt, Steering(), offer=offer, strength=default)
    if offer is None:
        raise RequestError(
            "No profile comes with this model, so a request must name one to emphasise.",
            f"Offered are: {', '.join(hosted.offers) or 'none'}.",
            param="boldface.profile",
        )
    chosen = offer.selected
    steering = Steering(
        prompt.spans,
        chosen.gains,
        said.scope or chosen.scope,
        said.rule or chosen.rule,
        phases=None if said.phases is None else Phases(**said.phases.model_dump()),
        gate=as_gate(said.gate),
        target=chosen.target if said.target is None else said.target,
        release=None if said.release is None else Release(**said.release.model_dump()),
    )
    return Reading(prompt, steering, offer=offer, strength=default)


def _given(hosted: Offered, ids: list[int], where: str) -> EncodedPrompt:
    """Take a prompt that comes as token ids."""
    tokenizer = hosted.model.tokenizer
    size = hosted.vocabulary
    if wrong := [token for token in ids if token >= size]:
        raise RequestError(f"{where}: there is no token {wrong[0]}.", f"Ids go from 0 to {size - 1}.", param=where)
    control = set(tokenizer.all_special_ids)
    with hosted.in_use:
        text = tokenizer.decode(ids, skip_special_tokens=False)
    return EncodedPrompt(
        text=text,
        ids=tuple(ids),
        offsets=(),
        spans=(),
        widened=(),
        pieces=tuple(map(str, tokenizer.convert_ids_to_tokens(ids))),
        special=tuple(token in control for token in ids),
    )


_Named = list[list[tuple[int, dict[str, Any]]]]
"""Of every text the spans that the object ``boldface`` names, each with its index there."""


def _placed(spans: Sequence[PlacedSpan] | None, count: int, noun: str) -> _Named:
    """Sort spans by the text that they are of."""
    found: _Named = [[] for _ in range(count)]
    for index, span in enumerate(spans or ()):
        where = 0 if span.message is None and count == 1 else span.message
        if where is None or not 0 <= where < count:
            raise RequestError(
                f"boldface.spans[{index}] names no {noun} of the request: {where!r}.",
                f"Give message, the index of the {noun}, from 0 to {count - 1}.",
                param=f"boldface.spans[{index}].message",
            )
        found[where].append((index, span.model_dump(exclude_none=True, exclude={"message"})))
    return found


def _message(message: ChatMessage, more: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a message as the policy reads it, with the spans that are named elsewhere behind its own."""
    told = message.model_dump(exclude_none=True, exclude={"type", "annotations"})
    if "content" not in told:
        told["content"] = None
    if more:
        told["spans"] = [*told.get("spans", ()), *more]
    return told


def _text(message: ChatMessage) -> str:
    content = message.content or ""
    return content if isinstance(content, str) else "".join(part.text for part in content)


def _count(message: ChatMessage) -> int:
    """Count the emphasis of a message, as it is named."""
    parts = message.content if isinstance(message.content, list) else []
    emphasised = [message.emphasis, *(part.emphasis for part in parts)]
    return len(message.spans or ()) + sum(one is not None and one is not False for one in emphasised)


_SPAN = re.compile(r"messages\[(\d+)\]\.spans\[(\d+)\]")


def _in_its_place(words: str, owns: Sequence[int], named: _Named) -> str:
    """Have an error speak of the place where the request has a span: those of boldface stand behind a message's own."""

    def place(found: re.Match[str]) -> str:
        message, index = int(found[1]), int(found[2])
        behind = index - owns[message]
        return f"boldface.spans[{named[message][behind][0]}]" if 0 <= behind < len(named[message]) else found[0]

    return _SPAN.sub(place, words, count=1)


def _plain(message: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in message.items() if key != "spans"}
