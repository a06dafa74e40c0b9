"""From a body with emphasis, as vLLM's own server gets it, to one that vLLM understands: plain text and token spans."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import ValidationError

from boldface.emphasis.chat import Template
from boldface.emphasis.trust import Policy
from boldface.errors import BoldfaceError, ChatError, RequestError
from boldface.server.bodies import ChatBody, CompletionBody
from boldface.server.faults import dumps, read_errors
from boldface.server.hosting import Offered
from boldface.server.limits import RequestLimits
from boldface.server.reading import Reading, read_chat, read_texts
from boldface.vllm.wire import KEY, digest, read, write

WORDS = (b'"boldface"', b'"emphasis"', b'"spans"', b"\\u00", b"\0")
"""A body without any of these, plain, escaped or in 16 bits, holds no emphasis, and goes on as it came."""
OF_MESSAGES = ("emphasis", "spans", "source")
"""What is ours in a message, and in a part of one."""


@dataclass(frozen=True)
class Served:
    """What requests with emphasis are read by.

    Attributes:
        offered: The model and its profiles.
        policy: Which sources of text may emphasise.
        limits: What a request may ask for.
        template: Chat template that vLLM was started with; None for the tokenizer's own.
        template_options: What vLLM gives to every chat template.
    """

    offered: Offered
    policy: Policy
    limits: RequestLimits
    template: str | None
    template_options: Mapping[str, Any]


def understood(served: Served, body: bytes, *, chat: bool) -> tuple[bytes, Reading | None] | None:
    """Return the body for vLLM, and what was read of its text; None where it may go on as it came.

    That is where it holds no emphasis, or none that is left to be looked up, or where vLLM will refuse it.

    Args:
        served: What it is read by.
        body: As it came.
        chat: Whether it is a chat; else a completion.

    Raises:
        BoldfaceError: Its emphasis cannot be had, or may not.
    """
    if not any(word in body for word in WORDS):
        return None
    try:
        said = json.loads(body, parse_constant=_no_number, parse_float=_finite)
    except BoldfaceError:
        raise
    except (ValueError, RecursionError):
        return None
    xargs = said.get("vllm_xargs") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(xargs, dict | None):
        return None
    emphasised, spans = _is_emphasised(said) if chat else KEY in said, xargs is not None and KEY in xargs
    if emphasised and spans:
        raise RequestError("vllm_xargs.boldface and emphasis in text are given.", "Give one of them.", param=KEY)
    if not emphasised and not spans:
        return None
    if said.get("use_beam_search"):
        raise RequestError("Beams are not steered.", "Leave use_beam_search out, or the emphasis.", param=KEY)
    if spans:
        return _looked_up(served, said, xargs or {})
    _check_looking(said.get(KEY))
    reading, plain = (_chat if chat else _completion)(served, said)
    plain.pop(KEY, None)
    if not reading.steering.is_null:
        plain["vllm_xargs"] = {**(xargs or {}), KEY: write(reading.steering, digest(reading.prompt.ids))}
    return dumps(plain), reading


def _looked_up(served: Served, said: Mapping[str, Any], xargs: Mapping[str, Any]) -> tuple[bytes, None] | None:
    """Put the heads of a profile into the spans of a request that names a profile, or says nothing of heads."""
    asked = read(xargs[KEY])
    offer = None if asked.heads is not None else served.offered.offer(asked.profile)
    if offer is None:
        return None
    steering = asked.resolve(offer.selected)
    return dumps({**said, "vllm_xargs": {**xargs, KEY: write(steering, asked.prompt)}}), None


def _check_looking(said: Any) -> None:
    """Refuse what looks into the model, which is not here but in vLLM's processes.

    Raises:
        RequestError: It asks for that.
    """
    for name in ("explain", "careful"):
        if isinstance(said, dict) and said.get(name):
            raise RequestError(f"{name} needs a look into the model.", "Leave it out.", param=f"{KEY}.{name}")


def _no_number(name: str) -> NoReturn:
    raise RequestError(f"{name} is no number of JSON.", "Send a number.", code="invalid_json")


def _finite(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text)


def _is_emphasised(said: Mapping[str, Any]) -> bool:
    messages = said.get("messages")
    return KEY in said or (isinstance(messages, list) and any(map(_marked, messages)))


def _marked(message: Any) -> bool:
    """Whether a message says anything about emphasis."""
    if not isinstance(message, dict):
        return False
    parts = message.get("content")
    inside = parts if isinstance(parts, list) else []
    return any(name in one for one in (message, *inside) if isinstance(one, dict) for name in ("emphasis", "spans"))


def _chat(served: Served, said: dict[str, Any]) -> tuple[Reading, dict[str, Any]]:
    asked = {name: said[name] for name in ("messages", KEY) if name in said}
    body = _read(ChatBody, asked)
    if said.get("chat_template") is not None:
        raise RequestError("A chat template of the request's own cannot be emphasised through.", param="chat_template")
    reading = read_chat(served.offered, body, served.policy, served.limits, _template(served, said))
    pairs = zip(said["messages"], reading.messages, strict=True)
    kept = [{**_without(message), "role": plain["role"], "content": plain["content"]} for message, plain in pairs]
    return reading, {**said, "messages": kept}


def _completion(served: Served, said: dict[str, Any]) -> tuple[Reading, dict[str, Any]]:
    body = _read(CompletionBody, {name: said[name] for name in ("prompt", KEY) if name in said})
    if len(body.prompts) > 1:
        raise RequestError("Several prompts cannot be emphasised in one request.", "Send them one by one.", param=KEY)
    if said.get("suffix") is not None:
        raise RequestError("A prompt with a suffix cannot be emphasised.", "Leave the suffix out.", param="suffix")
    if said.get("add_special_tokens", True) is not True:
        raise RequestError("Without special tokens a prompt cannot be emphasised.", param="add_special_tokens")
    (reading,) = read_texts(served.offered, body, served.policy, served.limits)
    return reading, {**said, "prompt": list(reading.prompt.ids)}


def _read(kind: Any, asked: Mapping[str, Any]) -> Any:
    """Read what concerns emphasis as our own server reads it."""
    try:
        return kind.model_validate(asked)
    except ValidationError as error:
        fault = read_errors([{**one, "loc": ("body", *one["loc"])} for one in error.errors()])
        message = f"{fault['message']} Beside emphasis, only messages of text can be read."
        raise RequestError(message, param=fault["param"]) from None


def _without(message: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key not in OF_MESSAGES}


def _template(served: Served, said: Mapping[str, Any]) -> Template:
    """Return what renders messages as vLLM is going to."""
    tokenizer = served.offered.model.tokenizer
    options = {
        "tools": said.get("tools"),
        "documents": said.get("documents"),
        "chat_template": served.template,
        "add_generation_prompt": said.get("add_generation_prompt", True),
        "continue_final_message": said.get("continue_final_message", False),
    }
    more = said.get("chat_template_kwargs")
    more = {**served.template_options, **(more if isinstance(more, dict) else {})}

    def render(messages: list[dict[str, Any]]) -> str:
        try:
            text: str = tokenizer.apply_chat_template(messages, **{**more, **options, "tokenize": False})
        except Exception as error:  # templates are programs of other people, and raise whatever they like
            raise ChatError(
                f"The chat template refuses these messages: {error}.", "Change roles or contents."
            ) from error
        return text

    return render
