"""Faults for ``diagnosis.py``: what is spoilt of a prompt that works, and what is moved without harm."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any, NamedTuple

import torch
from diagnosis_cases import Base
from drift import turned

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.heads import STAMP, Heads
from boldface.evaluation.aim import dealt
from boldface.evaluation.noise import noisy, read_noise
from boldface.insight.diagnosis.setting import Setting, choose
from boldface.profiles.heads import Head, HeadGains
from boldface.profiles.profile import Profile

OTHERS = {"smollm2": "gemma", "gemma": "smollm2"}
SEED = 5


class Subjects:
    """The models that are asked: the one that was loaded, and it with its heads in another order.

    Args:
        model: The model.
        name: Its name, which its profile has as well.
    """

    def __init__(self, model: boldface.Model, name: str) -> None:
        self.name, self.profile = name, Profile.load(name)
        self._own = model

    def model(self, subject: str) -> boldface.Model:
        """Return the model as it is (empty), or ``turned``: a checkpoint of nobody's, whose heads were moved."""
        return self._turned() if subject else self._own

    @cache  # noqa: B019
    def _turned(self) -> boldface.Model:
        other = copy.deepcopy(self._own.model)
        with torch.no_grad():
            turned(other, heads=1)
        if hasattr(other, STAMP):
            delattr(other, STAMP)
        return boldface.Model(other, self._own.tokenizer, chat=self._own.chat)


@dataclass(frozen=True)
class Put:
    """How a prompt is asked.

    Attributes:
        base: The prompt as it should be asked.
        spans: What is emphasised; None is what should be.
        heads: Which heads; None is the shipped profile.
        strength: In nats; None is the profile's.
        drawing: How tokens are chosen.
        seed: Of that.
        most: Most tokens; None is what the prompt needs.
        subject: Which model is asked.
    """

    base: Base
    spans: tuple[CharSpan, ...] | None = None
    heads: Heads | None = None
    strength: float | None = None
    drawing: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    most: int | None = None
    subject: str = ""

    @property
    def words(self) -> EmphasisedText:
        """The prompt with its emphasis."""
        return self.base.words if self.spans is None else EmphasisedText(self.base.words.text, self.spans)

    @property
    def room(self) -> int:
        """Most tokens of an answer."""
        return self.base.room if self.most is None else self.most


class Asked(NamedTuple):
    """A setting, and the model that it is asked of."""

    setting: Setting
    subject: str


def setting(subjects: Subjects, base: Base, put: Put) -> Asked:
    """Return what is asked as a diagnosis has it."""
    heads = choose(subjects.model(put.subject), put.heads)
    drawn = dict(put.drawing)
    return Asked(Setting(put.words, heads, base.chat, put.strength, {}, drawn, 1, put.seed, put.room), put.subject)


Plant = Callable[[Put, Subjects, random.Random], Put | None]


class Part(NamedTuple):
    """One thing that is spoilt.

    Attributes:
        cause: What it is.
        plant: Spoils it; None where this prompt has no room for it.
    """

    cause: str
    plant: Plant


class Fault(NamedTuple):
    """What is planted in a case.

    Attributes:
        name: What it is called.
        parts: What is spoilt; nothing, one thing or two.
        distracted: Whether something else is moved as well, without harm.
    """

    name: str
    parts: tuple[Part, ...]
    distracted: bool = True


def _noise(put: Put, subjects: Subjects, dice: random.Random, *, kind: str) -> Put | None:
    assert put.base.example is not None
    spans = noisy(put.base.example, read_noise(kind), subjects.profile.strength)
    return replace(put, spans=spans) if spans and spans != put.base.words.spans else None


def _moved(put: Put, subjects: Subjects, dice: random.Random, *, by: int) -> Put | None:
    """Offsets that were counted in another text, for example one with markup in it."""
    most = len(put.base.words.text)
    spans = [CharSpan(min(one.start + by, most - 1), min(one.end + by, most)) for one in put.base.words.spans]
    return replace(put, spans=tuple(spans))


def _unmarked(put: Put, subjects: Subjects, dice: random.Random) -> Put:
    return replace(put, spans=())


def _of_nats(put: Put, subjects: Subjects, dice: random.Random, *, nats: float = 0.0, times: float = 0.0) -> Put:
    return replace(put, strength=nats or times * subjects.profile.strength)


def _rolled(put: Put, subjects: Subjects, dice: random.Random) -> Put:
    """A profile of a checkpoint whose heads stand one place further."""
    heads = subjects.model("").geometry.heads
    gains = {Head(layer, (head + 1) % heads[layer]): gain for (layer, head), gain in subjects.profile.gains.items()}
    return _with(put, subjects, HeadGains(gains))


def _dealt(put: Put, subjects: Subjects, dice: random.Random) -> Put:
    """Gains dealt out anew within their layers."""
    return _with(put, subjects, dealt(subjects.profile.gains, subjects.model("").geometry.heads, dice.randrange(100)))


def _of_another(put: Put, subjects: Subjects, dice: random.Random) -> Put:
    """Those heads of another model's profile that this model has."""
    heads, other = subjects.model("").geometry.heads, Profile.load(OTHERS[subjects.name])
    gains = other.gains.select(lambda head, gain: head.head < heads.get(head.layer, 0))
    return replace(put, heads=Profile(other.name, other.model, gains, other.strength, other.scope, other.rule))


def _with(put: Put, subjects: Subjects, gains: HeadGains) -> Put:
    own = subjects.profile
    return replace(put, heads=Profile("of another checkpoint", "", gains, own.strength, own.scope, own.rule))


def _turned(put: Put, subjects: Subjects, dice: random.Random) -> Put:
    """The shipped profile on a checkpoint whose heads stand in another order."""
    return replace(put, subject="turned", heads=subjects.profile)


def _drawn(put: Put, subjects: Subjects, dice: random.Random, **drawing: Any) -> Put:
    return replace(put, drawing={"do_sample": True, **drawing}, seed=SEED)


def _penalised(put: Put, subjects: Subjects, dice: random.Random, *, penalty: float) -> Put:
    return replace(put, drawing={"repetition_penalty": penalty})


def _cut(put: Put, subjects: Subjects, dice: random.Random, *, tokens: int) -> Put:
    return replace(put, most=tokens)


def _part(cause: str, plant: Callable[..., Put | None], **how: Any) -> Part:
    return Part(cause, partial(plant, **how) if how else plant)


_RIVAL, _SHIFTED = _part("span", _noise, kind="other"), _part("span", _noise, kind="shift=4")
_SENTENCE, _HALF = _part("span", _noise, kind="sentence"), _part("span", _noise, kind="cut=0.7")
_FAINT, _LOUD = _part("too weak", _of_nats, times=0.1), _part("too strong", _of_nats, times=3.0)
_ALPHA, _QUARTER = _part("too weak", _of_nats, nats=0.22), _part("too weak", _of_nats, times=0.25)
_TWICE, _TWELVE = _part("too strong", _of_nats, times=2.2), _part("too strong", _of_nats, nats=12.0)
_HOT, _WILD = _part("decoding", _drawn, temperature=1.6), _part("decoding", _drawn, temperature=3.0)
_PENALTY = _part("decoding", _penalised, penalty=3.0)
_CUT = _part("decoding", _cut, tokens=3)
_ROLLED, _DEALT = _part("profile", _rolled), _part("profile", _dealt)

FAULTS: Mapping[str, tuple[Fault, ...]] = {
    "validation": (
        Fault("none", ()),
        Fault("the rival emphasised", (_RIVAL,)),
        Fault("moved by 4 words", (_SHIFTED,)),
        Fault("heads one place further", (_ROLLED,)),
        Fault("strength × 0.1", (_FAINT,)),
        Fault("strength × 3", (_LOUD,)),
        Fault("temperature 1.6", (_HOT,)),
        Fault("the rival, strength × 0.1", (_RIVAL, _FAINT)),
        Fault("heads one place further, temperature 1.6", (_ROLLED, _HOT)),
    ),
    "test": (
        Fault("none", ()),
        Fault("another sentence emphasised", (_SENTENCE,)),
        Fault("70 % of the words lost", (_HALF,)),
        Fault("moved by 9 characters", (_part("span", _moved, by=9),)),
        Fault("nothing emphasised", (_part("span", _unmarked),)),
        Fault("gains dealt out anew", (_DEALT,)),
        Fault("another model's profile", (_part("profile", _of_another),)),
        Fault("a checkpoint with its heads in another order", (_part("profile", _turned),), distracted=False),
        Fault("alpha 0.8", (_ALPHA,)),
        Fault("strength × 0.25", (_QUARTER,)),
        Fault("strength × 2.2", (_TWICE,)),
        Fault("12 nats", (_TWELVE,)),
        Fault("temperature 3", (_WILD,)),
        Fault("repetition penalty 3", (_PENALTY,)),
        Fault("cut after 3 tokens", (_CUT,)),
        Fault("another sentence, alpha 0.8", (_SENTENCE, _ALPHA)),
        Fault("another sentence, temperature 3", (_SENTENCE, _WILD)),
        Fault("another sentence, cut after 3 tokens", (_SENTENCE, _CUT)),
        Fault("gains dealt out anew, another sentence", (_DEALT, _SENTENCE)),
        Fault("gains dealt out anew, repetition penalty 3", (_DEALT, _PENALTY)),
        Fault("alpha 0.8, temperature 3", (_ALPHA, _WILD)),
    ),
}


def _near(put: Put, subjects: Subjects, *, times: float) -> Put:
    return replace(put, strength=times * subjects.profile.strength)


def _lukewarm(put: Put, subjects: Subjects) -> Put:
    return replace(put, drawing={"do_sample": True, "temperature": 0.2}, seed=SEED)


HARMLESS: tuple[Callable[[Put, Subjects], Put], ...] = (
    lambda put, subjects: put,
    partial(_near, times=0.85),
    partial(_near, times=1.15),
    _lukewarm,
)
"""What is moved beside the fault: where the fault is of the same kind it takes its place."""
