"""``boldface profiles``: which heads are steered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from boldface.cli import options
from boldface.profiles import catalogue

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from boldface.profiles.profile import Profile

app = typer.Typer(help="Which heads are steered, and how far.", no_args_is_help=True)

SIGNS = (("▲", "▵", "bold yellow"), ("▼", "▿", "blue"))
"""For heads turned to the emphasis and away from it: strongly (half of the largest gain, or more), less so, colour."""


@app.command("list")
def list_profiles(as_json: options.AsJson = False) -> None:
    """List the profiles that ship with boldface."""
    import json

    from boldface.profiles.profile import Profile

    shipped = [Profile.load(name) for name in catalogue.names()]
    if as_json:
        rows = [
            {"name": one.name, "model": one.model, "heads": len(one.gains), "strength": one.strength} for one in shipped
        ]
        print(json.dumps(rows, ensure_ascii=False))
        return
    from rich.table import Table

    from boldface.cli import terminal

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in ("name", "model", "heads", "of", "strength"):
        table.add_column(head)
    for one in shipped:
        every = f"{one.layers * one.heads}" if one.layers and one.heads else "?"
        table.add_row(one.name, one.model, str(len(one.gains)), every, terminal.nats_and_factor(one.strength))
    terminal.screen().print(table)


@app.command("show")
def show_profile(
    name: Annotated[
        str,
        typer.Argument(help="A shipped profile's name, or a profile file.", autocompletion=options.profiles),
    ],
    as_json: options.AsJson = False,
) -> None:
    """Show one profile: what it was made for and how, and a map of its heads, layer by layer."""
    from boldface.profiles.profile import Profile

    profile = Profile.load(name)
    if as_json:
        print(profile.to_json(), end="")
        return
    from boldface.cli import terminal

    console = terminal.screen()
    console.print(_about(profile))
    console.print(head_map(profile))


def head_map(profile: Profile) -> Text:
    """Draw a row of heads for every layer; what points up is turned to the emphasis, what points down away from it."""
    from rich.text import Text

    gains = profile.gains
    layers = profile.layers or max(gains.layers, default=-1) + 1
    heads = profile.heads or max((head.head for head in gains), default=-1) + 1
    largest = max(map(abs, gains.values()), default=0.0)
    drawn = Text("\nlayer  head " + "".join(f"{head:<3}" for head in range(heads)).rstrip() + "\n")
    for layer in range(layers):
        drawn.append(f"{layer:>5}       ")
        for head in range(heads):
            gain = gains.get((layer, head), 0.0)  # type: ignore[call-overload]
            strong, weak, colour = SIGNS[gain < 0]
            sign = strong if abs(gain) >= largest / 2 else weak
            drawn.append(f"{sign if gain else '·':<3}", style=colour if gain else "dim")
        drawn.append("\n")
    (up, up_weak, up_colour), (down, down_weak, down_colour) = SIGNS
    drawn.append(f"\n{up} {up_weak}", style=up_colour)
    drawn.append(" turned to the emphasis   ")
    drawn.append(f"{down} {down_weak}", style=down_colour)
    drawn.append(f" turned away from it\nThe largest gain is {largest:g}; heads of at least half of it are filled.")
    return drawn


def _about(profile: Profile) -> Table:
    from rich.markup import escape
    from rich.table import Table

    from boldface.cli import terminal

    up = sum(gain > 0 for gain in profile.gains.values())
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    for label, value in (
        ("name", f"{profile.name}, version {profile.version}"),
        ("model", profile.model or "unknown"),
        ("heads", f"{len(profile.gains)} ({up} turned to the emphasis, {len(profile.gains) - up} away from it)"),
        ("strength", terminal.nats_and_factor(profile.strength)),
        ("method", profile.method),
        ("note", profile.note),
    ):
        if value:
            table.add_row(label, escape(value))
    return table
