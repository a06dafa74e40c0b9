"""How a request says its steering to vLLM: one JSON text, in ``extra_args["boldface"]`` or ``vllm_xargs["boldface"]``.

::

    {"spans": [[12, 30], [41, 44, -2.0]], "profile": "smollm2"}

===========  ====================================================================================  =================
field        holds                                                                                 unless given
===========  ====================================================================================  =================
version      of this format                                                                        1
spans        tokens ``[start, end]`` of the prompt, half-open, or ``[start, end, nats]``           none: not steered
alpha        default strength as PASTA's alpha; or ``factor``, or ``strength`` in nats             the profile's
heads        ``{layer: [heads]}``, ``{layer: {head: gain}}`` or ``"L12H7, L3H0=0.5"``              the profile's
profile      name of a profile that the server holds                                               the server's own
scope        ``all`` or ``answer``                                                                 the profile's
rule         ``pasta`` or ``flat``                                                                 the profile's
share        target share of rule ``share``                                                        none
prompt       :func:`digest` of the prompt that the spans were made for                             not checked
===========  ====================================================================================  =================

:func:`read` takes what people write. The front end resolves it (:meth:`Asked.resolve`) and sends on what
:func:`write` gives, in which nothing is left to look up; :func:`steering` reads that in the engine.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from boldface.emphasis.span import TokenSpan
from boldface.emphasis.strength import DEFAULT_STRENGTH, resolve_strength
from boldface.errors import BoldfaceError, HeadError, RequestError, RouteError, SpanError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import SCOPES, Scope, Steering
from boldface.steering.rules import RULES, Rule

KEY = "boldface"
"""Name of the argument."""

VERSION = 1
LONGEST = 1 << 18
"""Characters that the text may have: thousands of heads and of spans, which are read in half a second."""
_KEPT = 1 << 14
"""Characters of heads up to which they are kept once they are read."""

_STRENGTHS = ("alpha", "factor", "strength")
_FIELDS = ("version", "spans", *_STRENGTHS, "heads", "profile", "scope", "rule", "share", "prompt")
_EXAMPLE = '{"spans": [[12, 30]], "heads": "L12H7"}'


class Chosen(Protocol):
    """Heads, and what they are steered with by default: a profile, or what the engine selects for a model."""

    @property
    def gains(self) -> HeadGains:
        """Gain of every steered head."""

    @property
    def strength(self) -> float:
        """Default strength in nats."""

    @property
    def scope(self) -> Scope:
        """Default scope."""

    @property
    def rule(self) -> Rule:
        """Default rule."""

    @property
    def target(self) -> float | None:
        """Default target share."""


@dataclass(frozen=True)
class Asked:
    """What a request asks for, checked by itself; None is "not said".

    Attributes:
        spans: Tokens ``[start, end)`` and nats.
        strength: Default strength in nats.
        heads: Gains of heads.
        profile: Name of a profile.
        scope: ``all`` or ``answer``.
        rule: ``pasta``, ``flat`` or ``share``.
        share: Target share of rule ``share``.
        prompt: :func:`digest` of the prompt that the spans were made for.
    """

    spans: tuple[tuple[int, int, float | None], ...] = ()
    strength: float | None = None
    heads: HeadGains | None = None
    profile: str | None = None
    scope: Scope | None = None
    rule: Rule | None = None
    share: float | None = None
    prompt: str | None = None

    def resolve(self, chosen: Chosen | None = None) -> Steering:
        """Return the steering, in which nothing is left open.

        Args:
            chosen: What the named profile, or the server's own where none is named, says; ``heads`` of the request go
                before its gains.

        Raises:
            HeadError: Something is emphasised, and nothing says which heads.
            BoldfaceError: What is asked for makes no sense together.
        """
        strength = self.strength
        if strength is None:
            strength = chosen.strength if chosen is not None else DEFAULT_STRENGTH
        spans = tuple(TokenSpan(start, end, strength if nats is None else nats) for start, end, nats in self.spans)
        gains = self.heads if self.heads is not None else chosen.gains if chosen is not None else HeadGains()
        if self.heads is None and chosen is None and any(span.strength for span in spans):
            raise HeadError("Tokens are emphasised, and no head is named.", "Say heads or profile.")
        scope = self.scope or (chosen.scope if chosen is not None else "all")
        rule = self.rule or (chosen.rule if chosen is not None else "pasta")
        target = chosen.target if chosen is not None and rule != "share" else None
        return Steering(spans, gains, scope, rule, self.share, target=target)


def read(text: object) -> Asked:
    """Return what a request asks for.

    Args:
        text: What stands in the argument; anything a client may send.

    Raises:
        BoldfaceError: It is no JSON text of this format; the error says where it is not.
    """
    said = _fields(text)
    if said.get("version", VERSION) != VERSION or isinstance(said.get("version"), bool):
        raise _wrong(f"it has version {said['version']!r}, and this boldface reads {VERSION}")
    if "heads" in said and "profile" in said:
        raise _wrong("it names heads and a profile")
    spans = said.get("spans", [])
    if not isinstance(spans, list):
        raise _wrong("spans is no list")
    return Asked(
        spans=tuple(map(_span, spans)),
        strength=resolve_strength(**{name: said[name] for name in _STRENGTHS if name in said}),
        heads=_heads(said["heads"]) if "heads" in said else None,
        profile=_word(said, "profile"),
        scope=_choice(said, "scope", SCOPES),
        rule=_choice(said, "rule", RULES),
        share=_number(said["share"], "share") if "share" in said else None,
        prompt=_word(said, "prompt"),
    )


def write(steering: Steering, prompt: str | None = None) -> str:
    """Return a steering as a text that :func:`read` takes and :func:`steering` gives back, equal to the last bit.

    Args:
        steering: How the prompt is steered.
        prompt: Its :func:`digest`, so that another prompt is refused.

    Raises:
        RouteError: It changes from token to token, or with the attention, which vLLM's workers do not know.
    """
    if steering.phases is not None or steering.gate is not None:
        raise RouteError(
            "vLLM steers every token alike: it carries neither phases nor a gate.",
            "Leave them out, or use the engine transformers.",
        )
    if steering.target is not None or steering.release is not None:
        raise RouteError(
            "vLLM's kernels do not tell how much attention the emphasis has, which target shares and releases need.",
            "Leave them out, or use the engine transformers.",
        )
    said: dict[str, Any] = {
        "version": VERSION,
        "spans": [[span.start, span.end, span.strength] for span in steering.spans],
        "heads": str(steering.gains),
        "scope": steering.scope,
        "rule": steering.rule,
    }
    if steering.share is not None:
        said["share"] = steering.share
    if prompt is not None:
        said["prompt"] = prompt
    return json.dumps(said, separators=(",", ":"))


def digest(ids: Sequence[int]) -> str:
    """Return 16 hexadecimal digits that tell a prompt from others: of the SHA-256 of its ids as 32 bits each."""
    return hashlib.sha256(b"".join(token.to_bytes(4, "little") for token in ids)).hexdigest()[:16]


def steering(text: object) -> Steering:
    """Return the steering that :func:`write` made a text of.

    Raises:
        BoldfaceError: Something is left to be looked up, or it is not of this format.
    """
    asked = read(text)
    if asked.profile is not None:
        raise _wrong("it names a profile, which is for the front end to look up")
    return asked.resolve()


def _fields(text: object) -> Mapping[str, Any]:
    if not isinstance(text, str):
        raise _wrong(f"it is {type(text).__name__} and not a text of JSON")
    if len(text) > LONGEST:
        raise _wrong(f"it has {len(text)} characters, and may have {LONGEST}")
    try:
        said = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise _wrong(f"it is not JSON: {error}") from error
    if not isinstance(said, dict):
        raise _wrong("it is no object")
    if unknown := [name for name in said if name not in _FIELDS]:
        raise _wrong(f"it has a field {unknown[0][:40]!r}; there are {', '.join(_FIELDS)}")
    return said


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    said = dict(pairs)
    if len(said) < len(pairs):
        raise ValueError("a field stands there twice")
    return said


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def _span(span: Any) -> tuple[int, int, float | None]:
    if not isinstance(span, list) or len(span) not in (2, 3):
        raise _wrong(f"{_short(span)} is no span")
    if not all(type(place) is int for place in span[:2]):
        raise _wrong(f"the span {_short(span)} does not begin and end at whole numbers")
    start, end = span[:2]
    nats = _number(span[2], "the strength of a span") if len(span) == 3 else None
    try:
        TokenSpan(start, end, 0.0 if nats is None else nats)
    except BoldfaceError as error:
        raise type(error)(f"{KEY}: {error.message}", error.hint) from error
    return start, end, nats


def _heads(heads: Any) -> HeadGains:
    if isinstance(heads, str):
        return _parsed(heads) if len(heads) <= _KEPT else HeadGains.parse(heads)
    try:
        return HeadGains.from_layers(heads)
    except HeadError:
        raise
    except (TypeError, ValueError) as error:  # for example a layer number of thousands of digits
        raise HeadError(f"{KEY}: these are no heads: {error}.", "Write L12H7, or {layer: [heads]}.") from error


@lru_cache(maxsize=64)
def _parsed(heads: str) -> HeadGains:
    """Requests differ in their spans and share their heads, and are read five times on their way to a worker."""
    return HeadGains.parse(heads)


def _word(said: Mapping[str, Any], name: str) -> str | None:
    word = said.get(name)
    if name in said and (not isinstance(word, str) or not 0 < len(word) <= 200):
        raise _wrong(f"{name} is {_short(word)} and not a name")
    return word


def _choice(said: Mapping[str, Any], name: str, choices: tuple[Any, ...]) -> Any:
    word = _word(said, name)
    if word is not None and word not in choices:
        raise SpanError(f"{KEY}: there is no {name} {_short(word)}.", f"Choose one of {', '.join(choices)}.")
    return word


def _number(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(f"{what} is {_short(value)} and not a number")
    try:
        number = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        number = math.inf
    if not math.isfinite(number):
        raise _wrong(f"{what} is not finite")
    return number


def _short(value: Any) -> str:
    """Return a value as an error may repeat it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"


def _wrong(what: str) -> RequestError:
    return RequestError(f"{KEY}: {what}.", f"Write for example {_EXAMPLE}.", param=KEY)
