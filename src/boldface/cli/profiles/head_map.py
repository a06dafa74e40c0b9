"""The map of a profile's heads in the terminal: a row a layer, a sign a head."""

from __future__ import annotations

from rich.text import Text

from boldface.profiles.picture import shape_of
from boldface.profiles.profile import Profile

SIGNS = (("▲", "▵", "bold yellow"), ("▼", "▿", "blue"))
"""For heads turned to the emphasis and away from it: strongly (half of the largest gain, or more), less so, colour."""

_MARGIN = 12


def head_map(profile: Profile, width: int) -> Text:
    """Draw a row of heads for every layer; what points up is turned to the emphasis, what points down away from it.

    Args:
        profile: The profile.
        width: Columns of the terminal; heads stand as far apart as fits, and those that do not fit are cut off.
    """
    gains = profile.gains
    layers, heads = shape_of(profile)
    apart = next((apart for apart in (3, 2) if _MARGIN + heads * apart <= width), 1)
    largest = max(map(abs, gains.values()), default=0.0)
    drawn = Text(f"\nlayer  head {_numbers(heads, apart)}\n")
    for layer in range(layers):
        drawn.append(f"{layer:>5}".ljust(_MARGIN))
        for head in range(heads):
            gain = gains.get((layer, head), 0.0)  # type: ignore[call-overload]
            strong, weak, colour = SIGNS[gain < 0]
            sign = strong if abs(gain) >= largest / 2 else weak
            drawn.append((sign if gain else "·").ljust(apart), style=colour if gain else "dim")
        drawn.append("\n")
    (up, up_weak, up_colour), (down, down_weak, down_colour) = SIGNS
    drawn.append(f"\n{up} {up_weak}", style=up_colour)
    drawn.append(" turned to the emphasis   ")
    drawn.append(f"{down} {down_weak}", style=down_colour)
    drawn.append(f" turned away from it\nThe largest gain is {largest:g}; heads of at least half of it are filled.")
    return drawn


def _numbers(heads: int, apart: int) -> str:
    """The heads' numbers over their columns, as many as do not run into each other."""
    step = 1 if apart == 3 and heads <= 100 else 5 if apart > 1 else 10
    return "".join(f"{head:<{apart * step}}" for head in range(0, heads, step)).rstrip()
