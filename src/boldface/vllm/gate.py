"""What lets requests in: in the front end, where a bad one is told why, and once more where the engine takes them.

An exception in a worker ends the engine. So everything that could go wrong with a text is tried here, by the one
function :func:`boldface.vllm.shape.check`; workers lay out what has passed it, which cannot fail.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from vllm.exceptions import VLLMValidationError

from boldface.errors import BoldfaceError, HeadError, PromptMismatchError, RouteError
from boldface.profiles.catalogue import read_shipped
from boldface.profiles.profile import Profile
from boldface.vllm import shape, wire


def admit(request: Any, heads: shape.Heads) -> None:
    """Resolve what a request of the front end says, in place; a steering that changes nothing is taken out.

    Args:
        request: vLLM's ``EngineCoreRequest``; its parameters are its own.
        heads: What the model has.

    Raises:
        VLLMValidationError: What it says cannot be honoured: HTTP 400 with the reason.
    """
    text = said(request)
    if text is None:
        return
    try:
        steering = _resolve(request, text, heads)
    except BoldfaceError as error:
        raise VLLMValidationError(str(error), parameter=wire.KEY) from error
    kept = {name: value for name, value in request.sampling_params.extra_args.items() if name != wire.KEY}
    if steering is not None:
        kept[wire.KEY] = steering
    request.sampling_params.extra_args = kept


def refuse_beams(request: Any) -> None:
    """Refuse beams to a request over HTTP that says a steering.

    Raises:
        VLLMValidationError: It has one.
    """
    if wire.KEY in (request.vllm_xargs or {}):
        raise VLLMValidationError(
            "Beams are not steered. Leave use_beam_search out, or the emphasis.", parameter=wire.KEY
        )


def check(request: Any, heads: shape.Heads) -> None:
    """Refuse what a front end without this plugin, or of another version, has let pass.

    Raises:
        BoldfaceError: The request, and no other, ends with an error.
    """
    text = said(request)
    if text is not None and shape.check(text, len(_tokens(request)), heads).is_null:
        raise RouteError("A steering that changes nothing came to the engine.", "Leave it out.")


def said(request: Any) -> object:
    """Return what stands in the argument of a request; None where there is none."""
    params = request.sampling_params
    return params.extra_args.get(wire.KEY) if params is not None and params.extra_args else None


def _tokens(request: Any) -> list[int]:
    """Return the prompt, which has to be known, and as tokens, to be steered."""
    ids: list[int] | None = request.prompt_token_ids
    if ids is None or request.prompt_embeds is not None:
        raise RouteError("The prompt is given as embeddings, and spans are of tokens.", "Send text or tokens.")
    if request.resumable:
        raise RouteError("A prompt that is still being sent cannot be steered.", "Send it whole.")
    return ids


def _resolve(request: Any, text: object, heads: shape.Heads) -> str | None:
    ids = _tokens(request)
    asked = wire.read(text)
    if asked.prompt is not None and asked.prompt != wire.digest(ids):
        raise PromptMismatchError(
            "The spans were made for another prompt than the one that came.", "Make them of the very same tokens."
        )
    resolved = wire.write(asked.resolve(None if asked.profile is None else _shipped(asked.profile, heads)))
    return None if shape.check(resolved, len(ids), heads).is_null else resolved


def _shipped(name: str, heads: shape.Heads) -> Profile:
    """Return a shipped profile; never a file, which whoever sends a request may not name."""
    profile = _read(name)
    if not profile.matches(len(heads), max(heads.values())):
        raise HeadError(f"The profile {name!r} was made for a model of another shape.", "Name one of this model.")
    return profile


@lru_cache(maxsize=8)
def _read(name: str) -> Profile:
    return Profile.from_json(read_shipped(name), origin=name)
