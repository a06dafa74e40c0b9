"""Changes: what of a setting can be put back to where it is known to work, one thing at a time."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from boldface.emphasis.span import CharSpan
from boldface.engine.steer import DEFAULT_ROOM
from boldface.insight.diagnosis.candidates import Marked
from boldface.insight.diagnosis.reruns import Cause, Change, Rerun
from boldface.insight.diagnosis.setting import Chosen, Setting
from boldface.insight.diagnosis.words import Place, lifted, lifting, quote

MORE, LEAST = 4, 64
"""Times as much room an answer gets that was cut, and the least, in tokens."""
LADDER = (0.75, 1.5, 0.5, 2.0)
"""Multiples of the strength that is known to work which are tried where that one does not do."""
_OWN = ("scope", "rule", "share", "target")
"""What a profile says itself about steering."""


def off_reference(asked: Rerun, reference: Chosen | None) -> list[Change]:
    """Return the changes that put back what stands elsewhere than it is known to work; what is drawn comes first.

    Another change may repair a drawn answer by luck, greedy decoding cannot.

    Args:
        asked: What was asked, and how it was answered.
        reference: Heads that are known to fit the model; None when there are none.
    """
    setting = asked.setting
    greedy = [Change("decoding", f"greedy, not {_drawn(setting)}", _greedily)] if setting.drawing else []
    found = greedy if setting.is_drawn else []
    if reference is not None and not _alike(setting, reference):
        says = f"profile {reference.profile.name!r}, not {setting.heads.profile.name!r}"
        found.append(Change("profile", says, partial(_with_heads, heads=reference)))
    known = known_strength(setting, reference)
    if setting.strongest and abs(setting.strongest - known) > 1e-9:
        found.append(strength(setting, known))
    return found if setting.is_drawn else [*found, *greedy]


def roomier(asked: Rerun, least: int = 0) -> list[Change]:
    """Return the change to a longer answer, where one was cut or has less room than it should."""
    given = asked.setting.room or DEFAULT_ROOM
    room = max(least, given if asked.ended else max(LEAST, MORE * given))
    if room <= given:
        return []
    return [Change("decoding", f"at most {room} tokens, not {given}", partial(replace, room=room))]


def known_strength(setting: Setting, reference: Chosen | None) -> float:
    """Return the strength that heads are meant for, in nats: those that are known to fit, else those of the setting."""
    return (reference or setting.heads).profile.strength


def strength(setting: Setting, nats: float) -> Change:
    """Return the change to another strength, of all that is lifted."""
    weak = setting.strongest < nats
    cause: Cause = "too weak" if weak else "too strong"
    return Change(cause, f"strength {nats:g} nats, not {setting.strongest:g}", partial(_with_nats, nats=nats))


def span(setting: Setting, marked: Marked) -> Change:
    """Return the change to other emphasised words, or to none."""
    says = f"emphasis on {quote(setting.words, marked)}" if marked else "no emphasis at all"
    return Change("span", says, partial(_with_places, marked=marked))


def ladder(setting: Setting, known: float) -> list[Change]:
    """Return changes to strengths around the one that is known to work."""
    return [strength(setting, times * known) for times in LADDER]


def _alike(setting: Setting, reference: Chosen) -> bool:
    own, other = setting.heads.profile, reference.profile
    said = {name: getattr(own, name, None) for name in _OWN} | dict(setting.steering)
    return own.gains == other.gains and all(said[name] == getattr(other, name, None) for name in _OWN)


def _with_heads(setting: Setting, *, heads: Chosen) -> Setting:
    kept = {name: value for name, value in setting.steering.items() if name not in _OWN}
    return replace(setting, heads=heads, steering=kept)


def _with_nats(setting: Setting, *, nats: float) -> Setting:
    own = setting.heads.profile.strength
    plain = [Place(place.message, CharSpan(place.span.start, place.span.end)) for place in lifted(setting.words)]
    return replace(setting, words=lifting(setting.words, plain), strength=None if nats == own else nats)


def _with_places(setting: Setting, *, marked: Marked) -> Setting:
    own = [place.span.strength for place in lifted(setting.words) if place.span.strength is not None]
    nats = max(own, default=None)
    places = [Place(message, replace(one, strength=nats)) for message, one in marked]
    return replace(setting, words=lifting(setting.words, places))


def _greedily(setting: Setting) -> Setting:
    return replace(setting, drawing={}, draws=1, seed=None)


def _drawn(setting: Setting) -> str:
    said = [f"{name} {value:g}" for name, value in setting.drawing.items() if not isinstance(value, bool)]
    return ", ".join(said) or "drawn at random"
