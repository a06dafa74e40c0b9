"""``boldface.auto`` of a request: what is detected in its text before the policy decides over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from boldface.detection.choosing import LEAST, MOST
from boldface.detection.detect import Detected, detect
from boldface.detection.names import runs_model
from boldface.emphasis.policy import Policy
from boldface.emphasis.trust import Markup
from boldface.errors import MissingError, RequestError
from boldface.server.bodies import Auto, Boldface
from boldface.server.limits import Asked, RequestLimits, check

_WHERE = "boldface.auto"
MOST_CHARACTERS = 40_000
"""Of one request that is looked at, its question included, some 10 000 tokens: others with auto wait meanwhile."""


def wanted(said: Boldface, limits: RequestLimits) -> Auto | None:
    """Return what a request wants detected; None when it wants nothing.

    Raises:
        LimitError: It may not emphasise.
        RequestError: Its detector would run the model.
    """
    if said.auto is None or said.auto is False:
        return None
    check(Asked(spans=1), limits)
    auto = said.auto if isinstance(said.auto, Auto) else Auto() if said.auto is True else Auto(detector=said.auto)
    if runs_model(auto.detector):
        raise RequestError(
            f"The detector {auto.detector!r} runs the model over the prompt, which this server does not do for it.",
            "Name evidence, or detect with boldface.detect and send the spans.",
            param=_WHERE,
        )
    return auto


def check_length(characters: int, auto: Auto, times: int = 1) -> None:
    """Refuse to look at more than other requests can wait for.

    Args:
        characters: Of all texts of a request.
        auto: What is wanted.
        times: Texts that the question is asked of.

    Raises:
        RequestError: It is too much.
    """
    if (count := characters + times * len(auto.question or "")) > MOST_CHARACTERS:
        raise RequestError(
            f"{count} characters are too many to detect anything in: at most {MOST_CHARACTERS} are looked at.",
            "Shorten the text, or detect with boldface.detect and send the spans.",
            param=_WHERE,
        )


def detect_in(
    messages: Sequence[Mapping[str, Any]], auto: Auto, policy: Policy, *, default: float, markup: Markup | None
) -> Detected:
    """Return a chat with what was detected in it.

    Raises:
        EmphasisError: The chat cannot be read.
        RequestError: It is too long to be looked at, or what the detector needs is not installed on the server.
    """
    check_length(sum(map(_characters, messages)), auto)
    try:
        return detect(
            messages,
            auto.detector,
            question=auto.question,
            most=MOST if auto.most is None else auto.most,
            least=LEAST if auto.least is None else auto.least,
            strength=default,
            policy=policy,
            markup=markup,
        )
    except MissingError as error:
        raise RequestError(
            f"The detector {auto.detector!r} is not to be had on this server: {error.message}",
            "Name another one, or leave auto out.",
            param=_WHERE,
        ) from None


def _characters(message: Mapping[str, Any]) -> int:
    content = message.get("content") or ""
    return len(content) if isinstance(content, str) else sum(len(part["text"]) for part in content)


def moved(detected: Detected, index: int) -> Detected:
    """Return what was detected in one prompt of several, at its place among them."""
    return replace(detected, found=tuple(found._replace(message=index) for found in detected.found))
