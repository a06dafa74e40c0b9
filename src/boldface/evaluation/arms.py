"""The arms that stand in the tables: prompting, steering, peers' rules at their published settings, and placebos."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

from boldface.detection.names import check_name
from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.errors import DetectionError, TaskError
from boldface.evaluation.arm import Arm
from boldface.evaluation.knobs import KNOBS, turned
from boldface.evaluation.noise import NOISES, read_noise

_FIXED = (
    Arm("plain", "plain", "The prompt as it stands, nothing steered (the paper's zero-shot)."),
    Arm("repeated", "repeated", "The emphasised words stand once more at the end of the prompt.", writing="repeated"),
    Arm(
        "steered",
        "steered",
        "The profile's head gains and strength, by PASTA's rule (Zhang et al. 2024).",
        emphasis="asked",
        heads="profile",
    ),
    Arm(
        "answer-scope",
        "steered, answer scope",
        "As steered, but only queries from the last prompt token on: the prompt is the plain model's.",
        emphasis="asked",
        heads="profile",
        scope="answer",
    ),
    Arm(
        "careful",
        "careful",
        "As steered, but every span only as strongly as the plain model, which reads the prompt first, finds it worth "
        "reading.",
        emphasis="asked",
        heads="profile",
        careful=True,
    ),
    Arm(
        "pasta",
        "PASTA, head set",
        "The paper's form: the profile's heads of gain 1/2 or more, all with gain 1, alpha 0.01.",
        emphasis="asked",
        heads="set",
        strength=DEFAULT_STRENGTH,
    ),
    Arm(
        "all-heads",
        "all heads",
        "Every head with gain 1 and alpha 0.01; the paper finds that it hurts.",
        emphasis="asked",
        heads="all",
        strength=DEFAULT_STRENGTH,
    ),
    Arm(
        "other-span",
        "other span",
        "The same gains with another span emphasised: what is left of the effect does not read the emphasis.",
        emphasis="other",
        heads="profile",
        placebo=True,
    ),
    Arm(
        "random-span",
        "random span",
        "The same gains with a random run of as many other words emphasised.",
        emphasis="random",
        heads="profile",
        placebo=True,
    ),
    Arm(
        "random-heads",
        "random heads",
        "The profile's gains dealt out at random among the heads of the same layers.",
        emphasis="asked",
        heads="random",
        placebo=True,
    ),
    Arm(
        "attacker",
        "attacker",
        "The profile's gains on text that somebody else put into the prompt: it manages to emphasise itself.",
        emphasis="other",
        heads="profile",
        placebo=True,
    ),
    Arm(
        "attacker-refused",
        "attacker, refused",
        "The same under the default policy: text of documents may not emphasise, so nothing is steered.",
        emphasis="other",
        heads="profile",
        trust="default",
        placebo=True,
    ),
    Arm(
        "attacker-outweighed",
        "attacker, outweighed",
        "The same where documents may emphasise: the policy lifts the user's text as much as they lift theirs.",
        emphasis="other",
        heads="profile",
        trust="protecting",
        placebo=True,
    ),
)

PUBLISHED = {"instaboost": 3.0, "autopasta": 100.0, "spotlight": 0.2, "gate": 0.5, "target": 0.9, "release": 0.2}
"""Settings of the peers: factor 3 (InstABoost's code), +log 100 (AutoPASTA), target share 0.2 (SpotLight's code),
gate 0.5 (DIRECTER's); and our own target share and upper mark of a release, see docs/closed-loop.md."""
GRIDS: dict[str, tuple[float, ...]] = {
    "steered": (0.25, 0.5, 0.75, 1.0, 1.25),
    "pasta": (2.0, 5.0, 10.0, 30.0, 100.0),
    "instaboost": (1.5, 3.0, 5.0, 9.0, 15.0),
    "autopasta": (2.0, 5.0, 10.0, 30.0, 300.0),
    "spotlight": (0.05, 0.1, 0.2, 0.3, 0.4),
    "target": (0.5, 0.7, 0.8, 0.9, 0.95),
    "gate": (0.001, 0.003, 0.01, 0.1, 0.5),
    "release": (0.1, 0.15, 0.2, 0.3, 0.4),
}
"""What ``--tune`` tries on the validation split, five values for everybody: for ``steered`` a multiple of the profile's
strength, for ``spotlight`` and ``target`` the target share, for ``gate`` how plausible tokens have to be, for
``release`` the upper mark, else a factor on the attention weight."""
DEFAULT = (
    "plain",
    "marked=*",
    'marked="',
    "marked=<mark>",
    "repeated",
    "few-shot",
    "steered",
    "pasta",
    "all-heads",
    "other-span",
    "random-span",
    "random-heads",
    "instaboost",
    "autopasta",
    "spotlight",
)
FORMS = (
    *(arm.name for arm in _FIXED),
    "marked=MARKER",
    "few-shot[=N]",
    *(f"{name}[=VALUE]" for name in GRIDS),
    *(f"ARM@{noise}" for noise in NOISES),
    "auto=DETECTOR",
    "ARM@auto=DETECTOR",
    *(f"ARM:{knob}=VALUE" for knob in KNOBS),
)
SHOTS = 3


def find_arm(name: str) -> Arm:
    """Return an arm by name, as people type it.

    Examples: ``steered``, ``marked=*``, ``few-shot=5``, ``instaboost=5``, ``steered@shift=4``, ``pasta@random``,
    ``steered:strength=2.5:heads=40``.

    Raises:
        TaskError: There is no such arm, or its value is out of range.
    """
    fixed = next((arm for arm in _FIXED if arm.name == name), None)
    if fixed:
        return fixed
    base, at, error = name.partition("@")
    if at and error.startswith("auto="):
        return _detected(name, base, error.removeprefix("auto="))
    if at and not base.startswith("marked"):
        return _with_noise(name, base, error)
    base, colon, knobs = name.partition(":")
    if colon and not base.startswith("marked"):
        return turned(find_arm(base), name, knobs)
    kind, _, value = name.partition("=")
    if kind == "auto":
        return _detected(name, "steered", value)
    if kind == "marked" and value:
        says = "The emphasised words stand between these marks; nothing is steered."
        return Arm(name, f"marked {value}", says, writing="marked", marker=value)
    if kind == "few-shot" and re.fullmatch(r"[1-9]\d?|", value):
        count = int(value or SHOTS)
        says = f"{count} answered examples of the training split stand before the prompt; nothing is steered."
        return Arm(name, f"few-shot ({count})", says, writing="few-shot", shots=count)
    if kind in GRIDS:
        return _with_value(name, kind, value if "=" in name else f"{PUBLISHED[kind]:g}")
    raise TaskError(f"There is no arm {name!r}.", f"Choose among {', '.join(FORMS)}.")


def _detected(name: str, base: str, detector: str) -> Arm:
    """An arm that steers what a detector finds."""
    arm = find_arm(base)
    if arm.emphasis != "asked" or arm.noise is not None:
        raise TaskError(f"{base!r} does not emphasise what is asked for.", "Write for example steered@auto=bm25.")
    try:
        check_name(detector)
    except DetectionError as error:
        raise TaskError(error.message, error.hint) from None
    says = f"What the detector {detector} finds is emphasised, not what the data mark."
    return replace(arm, name=name, title=f"{arm.title}, {detector}", says=says, detector=detector)


def _with_noise(name: str, base: str, text: str) -> Arm:
    """An arm that steers what is asked, with an error in its emphasis."""
    arm = find_arm(base)
    if arm.emphasis != "asked" or arm.noise is not None:
        raise TaskError(
            f"{base!r} does not emphasise what is asked for, so its emphasis cannot go wrong.",
            f"Write for example steered@{text or 'shift=4'}.",
        )
    noise = read_noise(text)
    title = f"{arm.title}, {noise}"
    return replace(arm, name=name, title=title, says=noise.says, placebo=noise.is_elsewhere, noise=noise, base=arm.name)


def _with_value(name: str, kind: str, text: str) -> Arm:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    limit = 1.0 if kind in ("spotlight", "gate", "target", "release") else 1e6
    if not 0 < value < limit:
        raise TaskError(
            f"The value of the arm {name!r} is not between 0 and {limit:g}.", f"Write for example {kind}=2."
        )
    asked: dict[str, Any] = {"emphasis": "asked"}
    if kind == "steered":
        return replace(find_arm("steered"), name=name, title=f"steered × {value:g}", times=value)
    if kind == "pasta":
        says = "The paper's form at another alpha: head set, gain 1."
        return replace(find_arm("pasta"), name=name, title=f"PASTA × {value:g}", says=says, strength=math.log(value))
    if kind == "instaboost":
        says = "Attention on the emphasised words × a factor in all heads, renormalised (Guardieiro et al. 2025)."
        return Arm(name, f"InstABoost × {value:g}", says, heads="all", rule="flat", strength=math.log(value), **asked)
    if kind == "autopasta":
        says = "+ log factor on the emphasised words in the profile's head set (Zhang et al. 2024b, arXiv 2409.10790)."
        return Arm(name, f"AutoPASTA × {value:g}", says, heads="set", rule="flat", strength=math.log(value), **asked)
    if kind == "gate":
        says = "As steered, but less at tokens that the plain model finds implausible (DIRECTER's gate, ICLR 2026)."
        return replace(find_arm("steered"), name=name, title=f"gate {value:g}", says=says, gate=value)
    if kind == "target":
        says = "As steered, but every head is lifted no further than to the target share of a query's attention."
        return replace(find_arm("steered"), name=name, title=f"target {value:g}", says=says, target=value)
    if kind == "release":
        says = "As steered, until the emphasis has so much of the attention by itself, and again from half of it on."
        marks = value, value / 2
        return replace(find_arm("steered"), name=name, title=f"release {value:g}", says=says, release=marks)
    says = "Attention on the emphasised words raised towards a target share in all heads (SpotLight, arXiv 2505.12025)."
    return Arm(name, f"SpotLight {value:g}", says, heads="all", rule="share", share=value, **asked)
