"""``boldface profiles import``: a list of heads of somebody else's becomes a profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from boldface.cli import options
from boldface.cli.profiles.folder import own_folder
from boldface.cli.prompt import read_file
from boldface.errors import BoldfaceError

if TYPE_CHECKING:
    from boldface.profiles.profile import Profile

HeadFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help='Heads as {"12": \\[3, 7]} (the reference implementation), as \\[\\[12, 3], \\[12, 7]], as L12H3 and '
        "L12H7=0.5, or as lines of layer,head,gain.",
    ),
]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Of the profile (default: the file's).")]
ModelName = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="The model that the heads are of: they are checked against it, and the profile is tied to it.",
        autocompletion=options.models,
        rich_help_panel=options.MODEL,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Write the profile here (default: NAME.json among your own profiles)."
    ),
]


def import_heads(
    file: HeadFile,
    name: Name = None,
    out: Out = None,
    alpha: options.Alpha = None,
    factor: options.Factor = None,
    strength: options.Strength = None,
    model: ModelName = None,
    cache: options.Cache = None,
    offline: options.Offline = None,
) -> None:
    """Make a profile of a list of heads.

    The strength is PASTA's, alpha 0.01, unless another is given.
    """
    from importlib.metadata import version

    from boldface.cli import terminal
    from boldface.emphasis.strength import DEFAULT_STRENGTH, resolve_strength
    from boldface.profiles.head_files import read_head_file
    from boldface.profiles.profile import Profile

    gains = read_head_file(read_file(file), str(file))
    said = resolve_strength(alpha=alpha, factor=factor, strength=strength)
    profile = Profile(
        name=name or file.stem,
        model="",
        gains=gains,
        strength=DEFAULT_STRENGTH if said is None else said,
        method=f"imported from {file.name}",
        boldface=version("boldface"),
    )
    if model is not None:
        profile = _tied(profile, model, str(file), cache, offline)
    else:
        terminal.note("No --model is named, so any model that has these heads will take the profile.")
    place = out or own_folder() / f"{profile.name}.json"
    if out is None:
        if Path(profile.name).name != profile.name:
            raise BoldfaceError(f"{profile.name!r} is no file name.", "Name a file with --out.")
        place.parent.mkdir(parents=True, exist_ok=True)
    profile.save(place)
    terminal.note(f"{terminal.count(len(gains), 'head')} in {place}. Use it with --heads {place}")


def _tied(profile: Profile, model: str, origin: str, cache: Path | None, offline: bool | None) -> Profile:
    """Return the profile with the model it is for, whose heads it names."""
    from boldface.cli.generate import load
    from boldface.profiles.head_files import check_range

    loaded = load(model, cache=cache, offline=offline, threads=None)
    check_range(profile.gains, loaded.geometry.heads, origin)
    return replace(profile, model=loaded.title, identity=loaded.identity)
