"""``boldface profiles show``: what a profile was made for and how, and the map of its heads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from boldface.cli import options
from boldface.errors import BoldfaceError

if TYPE_CHECKING:
    from boldface.profiles.profile import Profile

ProfileSource = Annotated[
    str,
    typer.Argument(
        metavar="PROFILE", help="A shipped profile's name, or a profile file.", autocompletion=options.profiles
    ),
]
Image = Annotated[
    Path | None, typer.Option("--image", metavar="FILE", help="Write the map of the heads here, as an SVG picture.")
]


def show_profile(profile: ProfileSource, image: Image = None, as_json: options.AsJson = False) -> None:
    """Show one profile: what it was made for and how, and a map of its heads, layer by layer."""
    from boldface.profiles.profile import Profile

    found = Profile.load(profile)
    if image is not None:
        _draw(found, image)
    if as_json:
        print(found.to_json(), end="")
        return
    from boldface.cli import terminal
    from boldface.cli.profiles.about import about
    from boldface.cli.profiles.head_map import head_map

    console = terminal.screen()
    first, *others = about(found)
    console.print(first)
    console.print(head_map(found, console.width), no_wrap=True, overflow="crop")
    for part in others:
        console.print()
        console.print(part)


def _draw(profile: Profile, image: Path) -> None:
    from boldface.cli import terminal
    from boldface.profiles.picture import head_picture

    if image.suffix.lower() != ".svg":
        raise BoldfaceError(
            f"{image} would not be an SVG picture, and no other kind is drawn.",
            f"Name it {image.with_suffix('.svg').name}; a browser shows it, and a converter makes a PNG of it.",
        )
    try:
        image.write_text(head_picture(profile), encoding="utf-8")
    except OSError as error:
        raise BoldfaceError(f"{image} cannot be written: {error}.", "Name a writable file.") from error
    terminal.note(f"The map is in {image}.")
