"""``boldface profiles list``: the shipped profiles, and a person's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from boldface.cli import options
from boldface.cli.profiles.folder import own_folder
from boldface.errors import BoldfaceError

if TYPE_CHECKING:
    from boldface.profiles.profile import Profile

Folder = Annotated[
    Path | None,
    typer.Option("--folder", metavar="FOLDER", help="Profiles of your own (default: in the platform's data folder)."),
]


def list_profiles(folder: Folder = None, as_json: options.AsJson = False) -> None:
    """List the profiles that ship with boldface, and your own.

    The first column is what --heads takes: a name, or a file.
    """
    found = [(source, profile, _row(source, profile)) for source, profile in _profiles(folder)]
    if as_json:
        print(json.dumps([row for _, _, row in found], ensure_ascii=False))
        return
    from rich.table import Table

    from boldface.cli import terminal

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in ("name", "model", "heads", "of", "strength", "scope"):
        table.add_column(head, overflow="fold")
    for source, one, _ in found:
        every = f"{one.layers * one.heads}" if one.layers and one.heads else "?"
        strength = terminal.nats_and_factor(one.strength)
        cells = (source, one.model or "unknown", str(len(one.gains)), every, strength, one.scope)
        table.add_row(*map(terminal.cell, cells))
    terminal.screen().print(table)


def _profiles(folder: Path | None) -> Iterator[tuple[str, Profile]]:
    """Every profile with what a person types for it; files that are none are told, and left out."""
    from boldface.cli import terminal
    from boldface.profiles import catalogue
    from boldface.profiles.profile import Profile

    for name in catalogue.names():
        yield name, Profile.load(name)
    if folder is not None and not folder.is_dir():
        raise BoldfaceError(f"There is no folder {folder}.", "Name an existing one.")
    for file in sorted((folder or own_folder()).glob("*.json")):
        try:
            yield str(file), Profile.load(file)
        except BoldfaceError as error:
            terminal.note(error.message)


def _row(source: str, one: Profile) -> dict[str, Any]:
    return {
        "source": source,
        "name": one.name,
        "model": one.model,
        "heads": len(one.gains),
        "strength": one.strength,
        "scope": one.scope,
    }
