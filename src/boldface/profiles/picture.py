"""The map of a profile's heads as an SVG picture: layers from left to right, heads from top to bottom.

Squares are turned to the emphasis, discs away from it; their area is the gain's size. Nothing is said by colour alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape

from boldface.profiles.profile import Profile

PAPER, INK, SOFT, EMPTY = "#fdfdfb", "#1d1e20", "#62656a", "#eceae4"
TONES = {False: ("#efb489", "#b3470a"), True: ("#a9c9da", "#245c7d")}
"""Colours of small and large gains: turned to the emphasis, and (True) away from it."""

_FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"
_LETTER = 6.6
"""Pixels of a letter of 13 pixels, on the wide side."""
_LEFT, _TOP, _BELOW, _EDGE = 58, 84, 112, 20
_LONGEST, _SAMPLE = 70, 44
_AWAY, _TOWARDS = "turned away", "turned to the emphasis"


def head_picture(profile: Profile) -> str:
    """Return the map as the text of an SVG file."""
    columns, rows = shape_of(profile)
    cell = 20 if max(columns, rows) <= 48 else 12
    gains = profile.gains
    largest = max(map(abs, gains.values()), default=0.0)
    title, about = _cut(profile.name), _about(profile, columns * rows)
    words = max(*(_LETTER * len(line) for line in about), _LETTER * len(_AWAY + _TOWARDS) + 6 * _SAMPLE)
    width = max(_LEFT + columns * cell, _EDGE + words) + _EDGE
    height = _TOP + rows * cell + _BELOW
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
        f'height="{height}" role="img" font-family="{_FONT}" font-size="11" fill="{SOFT}">',
        f"<title>{escape(f'Heads of the profile {title}')}</title>",
        f'<rect width="100%" height="100%" fill="{PAPER}"/>',
        _text(_EDGE, 28, title, f'font-size="17" font-weight="600" fill="{INK}"'),
        *(_text(_EDGE, 47 + 17 * line, words, 'font-size="13"') for line, words in enumerate(about)),
    ]
    for layer in range(columns):
        for head in range(rows):
            gain = gains.get((layer, head), 0.0)  # type: ignore[call-overload]
            drawn += _cell(_LEFT + layer * cell, _TOP + head * cell, cell, gain, largest, f"L{layer}H{head}")
    drawn += _axes(columns, rows, cell)
    if largest:
        drawn += _legend(_TOP + rows * cell + 58, cell, largest)
    return "\n".join([*drawn, "</svg>"]) + "\n"


def shape_of(profile: Profile) -> tuple[int, int]:
    """Return layers and heads of a profile's model, at least one; where unknown, as far as its heads reach."""
    layers = profile.layers or max((head.layer for head in profile.gains), default=0) + 1
    heads = profile.heads or max((head.head for head in profile.gains), default=0) + 1
    return layers, heads


def _about(profile: Profile, every: int) -> list[str]:
    up = sum(gain > 0 for gain in profile.gains.values())
    down = len(profile.gains) - up
    model = [_cut(profile.model)] if profile.model else []
    strength = f"strength {profile.strength:.2f} nats (×{math.exp(profile.strength):.3g})"
    return [
        " · ".join([*model, strength]),
        f"{len(profile.gains)} of {every} heads steered: {up} turned to the emphasis, {down} away from it",
    ]


def _cell(x: float, y: float, cell: int, gain: float, largest: float, name: str = "") -> Iterator[str]:
    """One head: an empty field, or a mark whose area is the gain's size."""
    yield f'<rect x="{x + 1}" y="{y + 1}" width="{cell - 2}" height="{cell - 2}" rx="2" fill="{EMPTY}"/>'
    if not gain:
        return
    share, away = abs(gain) / largest, gain < 0
    side = max(2.5, (cell - 2) * math.sqrt(math.pi * share) / 2)  # so that a disc of the same area fits too
    middle_x, middle_y = x + cell / 2, y + cell / 2
    tip = f"<title>{name}: {_number(gain)}</title>" if name else ""
    if away:
        shape, place = "circle", f'cx="{middle_x:.1f}" cy="{middle_y:.1f}" r="{side / math.sqrt(math.pi):.1f}"'
    else:
        shape = "rect"
        place = (
            f'x="{middle_x - side / 2:.1f}" y="{middle_y - side / 2:.1f}" width="{side:.1f}" height="{side:.1f}" rx="1"'
        )
    yield f'<{shape} {place} fill="{_blend(*TONES[away], share)}">{tip}</{shape}>'


def _axes(columns: int, rows: int, cell: int) -> Iterator[str]:
    below = _TOP + rows * cell
    for layer in range(0, columns, _step(columns, cell)):
        yield _text(_LEFT + (layer + 0.5) * cell, below + 15, str(layer), 'text-anchor="middle"')
    for head in range(0, rows, _step(rows, cell)):
        yield _text(_LEFT - 6, _TOP + (head + 0.5) * cell + 4, str(head), 'text-anchor="end"')
    yield _text(_LEFT + columns * cell / 2, below + 33, "layer", 'font-size="13" text-anchor="middle"')
    middle = _TOP + rows * cell / 2
    turn = f'font-size="13" text-anchor="middle" transform="rotate(-90 {_EDGE + 6} {middle})"'
    yield _text(_EDGE + 6, middle, "head", turn)


def _legend(y: float, cell: int, largest: float) -> Iterator[str]:
    """Marks for the largest gain, a half and an eighth of it, on both sides."""
    steps = [-largest, -largest / 2, -largest / 8, largest / 8, largest / 2, largest]
    yield _text(_EDGE, y + cell / 2 + 4, _AWAY, 'font-size="13"')
    left = _EDGE + round(_LETTER * len(_AWAY))
    for number, gain in enumerate(steps):
        yield from _cell(left + number * _SAMPLE + (_SAMPLE - cell) / 2, y, cell, gain, largest)
        yield _text(left + (number + 0.5) * _SAMPLE, y + cell + 14, _number(gain), 'text-anchor="middle"')
    yield _text(left + len(steps) * _SAMPLE + 4, y + cell / 2 + 4, _TOWARDS, 'font-size="13"')


def _step(count: int, cell: int) -> int:
    """Label every first, second, fifth … one, so that labels stay apart."""
    room = 8 * len(str(count - 1)) + 2
    return next(step for step in (1, 2, 5, 10, 20, 50, 100, 1000) if step * cell >= room)


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" {style}>{escape(words)}</text>'


def _number(gain: float) -> str:
    return f"{gain:+.2f}".replace("-", "−")


def _cut(words: str) -> str:
    kept = "".join(letter if letter.isprintable() else "�" for letter in words)
    return kept if len(kept) <= _LONGEST else f"{kept[: _LONGEST - 1]}…"


def _blend(pale: str, full: str, share: float) -> str:
    mixed = (round(int(pale[at : at + 2], 16) * (1 - share) + int(full[at : at + 2], 16) * share) for at in (1, 3, 5))
    return "#" + "".join(f"{part:02x}" for part in mixed)
