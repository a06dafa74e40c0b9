"""``boldface profiles export``: a profile's heads as others read them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from boldface.cli.profiles.show import ProfileSource
from boldface.errors import BoldfaceError

FormatName = Literal["reference", "list", "csv", "json"]

FormatOption = Annotated[
    FormatName,
    typer.Option(
        "--format",
        metavar="reference|list|csv|json",
        help="The reference implementation's JSON (gains of 1 alone), L12H7=0.5 line by line, layer,head,gain, or a "
        "profile file.",
    ),
]
Least = Annotated[
    float | None,
    typer.Option("--least", metavar="GAIN", help="Only heads of at least this gain, each with gain 1: a head set."),
]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here, not to standard output.")]


def export_heads(profile: ProfileSource, format: FormatOption = "list", least: Least = None, out: Out = None) -> None:
    """Write a profile's heads in a format that others read.

    Scores and canaries were measured with the profile's own gains, so a head set made of them has none.
    """
    from boldface.profiles.head_files import head_set, write_head_file
    from boldface.profiles.profile import Profile

    found = Profile.load(profile)
    if least is not None:
        found = replace(found, gains=head_set(found.gains, least), scores={}, canaries=())
    written = found.to_json() if format == "json" else write_head_file(found.gains, format)
    if out is None:
        sys.stdout.write(written)
        return
    try:
        out.write_text(written, encoding="utf-8")
    except OSError as error:
        raise BoldfaceError(f"{out} cannot be written: {error}.", "Name a writable file.") from error
