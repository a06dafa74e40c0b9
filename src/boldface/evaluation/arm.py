"""An arm: one way of putting an example to the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from boldface.evaluation.noise import Noise

Writing = Literal["plain", "marked", "repeated", "few-shot"]
Target = Literal["asked", "other", "random", "none"]
Which = Literal["profile", "set", "all", "random", "none"]
Rule = Literal["pasta", "flat", "share"]
Trust = Literal["everybody", "default", "protecting"]


@dataclass(frozen=True)
class Arm:
    """One row of the table.

    Attributes:
        name: As people type it; a value behind ``=`` is part of it (``instaboost=5``).
        title: As the report says it.
        says: One sentence: what it is, and whose.
        writing: How the prompt is written.
        marker: For ``marked``: what is put on both sides of the emphasised words (a tag ``<mark>`` is closed properly).
        emphasis: Which spans are steered: those ``asked``, another span (``other``), a ``random`` one of the same
            length, or ``none``.
        heads: Which heads are steered: those of the ``profile`` with its gains, the ``set`` of its heads of gain 1/2 or
            more with gain 1, ``all`` with gain 1, ``random`` ones with the profile's gains in the same layers.
        strength: In nats; None is the profile's own.
        times: Factor on the strength.
        shots: Answered examples before the prompt.
        rule: ``pasta`` (generated tokens lifted too), ``flat`` (only the emphasised keys), ``share`` (raise the mass on
            the emphasis to ``share``). Arms with the profile's own gains have the profile's.
        share: For ``share``: the target share.
        target: The target share beyond which nothing is lifted; None is an open loop.
        release: The marks from which nothing is lifted any more, and below which it is again; None is never.
        scope: Which queries are steered; None is the profile's own where its gains are steered, else ``all``.
        trust: Which text may emphasise: ``everybody``s, or as a policy says that knows where each text comes from: the
            ``default`` one, or one that is ``protecting`` the user's words and denies nobody.
        placebo: Whether it should do nothing for obedience.
        careful: Whether the model is asked first how far it finds the emphasised words worth reading.
        noise: What is wrong with the emphasis; None is nothing.
        base: For an arm with noise: name of the arm that it is without.
        detector: Who finds what is emphasised, in place of what the data mark; empty is nobody.
        top: So many heads of largest gain; None is all that ``heads`` says.
        only: The only layer (``L12``) or head (``L12H7``) whose heads are steered; empty is every one.
        temperature: Words are drawn this evenly; 0 is greedy.
        gate: How plausible a steered token has to be to the plain model; None is no gate.
    """

    name: str
    title: str
    says: str
    writing: Writing = "plain"
    marker: str = ""
    emphasis: Target = "none"
    heads: Which = "none"
    strength: float | None = None
    times: float = 1.0
    shots: int = 0
    rule: Rule = "pasta"
    share: float | None = None
    target: float | None = None
    release: tuple[float, float] | None = None
    scope: Literal["all", "answer"] | None = None
    trust: Trust = "everybody"
    placebo: bool = False
    careful: bool = False
    noise: Noise | None = None
    base: str = ""
    detector: str = ""
    top: int | None = None
    only: str = ""
    temperature: float = 0.0
    gate: float | None = None
