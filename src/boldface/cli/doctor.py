"""``boldface doctor``: say what is installed, where things lie, and which routes run here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import typer

from boldface.cli import options

if TYPE_CHECKING:
    from rich.table import Table

HEALTH = {"exact": ("✓ exact", "green"), "refused": ("– refused", "yellow"), "failed": ("✗ failed", "red"),
          "inexact": ("✗ inexact", "red")}  # fmt: skip


def doctor(as_json: options.AsJson = False, cache: options.Cache = None) -> None:
    """Examine this machine: versions, models, caches, settings, devices, and every route on a tiny model.

    The exit code is 1 when no exact route runs here.
    """
    from boldface.cli import terminal
    from boldface.cli.examination import examine

    with terminal.waiting("trying the routes …"):
        found = examine(cache)
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
    else:
        console = terminal.screen()
        for table in _tables(found):
            console.print(table)
            console.print()
        console.print(_diagnosis(found))
    if not found["sound"]:
        raise typer.Exit(1)


def _tables(found: dict[str, Any]) -> Iterator[Table]:
    from rich.text import Text

    yield _table("Versions", "", "", *found["versions"].items())
    models = (
        (one["name"], f"{one['title']}: {one['licence']}", _yes(one["installed"], one["install"]))
        for one in found["models"]
    )
    yield _table("Embedded models", "", "licence of the weights", "", *models)
    extras = ((name, _yes(here, f"pip install 'boldface[{name}]'")) for name, here in found["extras"].items())
    yield _table("Extras", "", "", *extras)
    in_force = ((one["name"], one["value"] or "–", one["from"]) for one in found["settings"])
    yield _table("Settings", "", "value", "from", *in_force)
    entries = [(one["path"], f"{one['bytes'] / 2**20:.0f} MiB") for one in found["caches"]]
    yield _table("Converted models", "", "", *(entries or [("none yet", "")]))
    yield _table("Devices", "", "", *((one["name"], one["title"]) for one in found["devices"]))
    yield _table(
        "Routes", "", "device", "", "largest error of the logits (tiny model, float32)",
        *(
            (one["route"], one["device"], Text(*HEALTH[one["outcome"]]), one["reason"] or f"{one['error']:.1e}")
            for one in found["routes"]
        ),
    )  # fmt: skip


def _table(title: str, *content: Any) -> Table:
    """Draw rows (tuples) below the column heads (strings) that come before them."""
    from rich.table import Table

    heads = [one for one in content if isinstance(one, str)]
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False,
                  header_style="dim", show_header=any(heads), padding=(0, 2, 0, 0))  # fmt: skip
    for head in heads:
        table.add_column(head, overflow="fold")
    for row in content[len(heads) :]:
        table.add_row(*row)
    return table


def _yes(here: bool, install: str) -> Any:
    from rich.text import Text

    return Text("✓ installed", "green") if here else Text(f"– not installed: {install}", "yellow")


def _diagnosis(found: dict[str, Any]) -> Any:
    from rich.text import Text

    if not found["sound"]:
        return Text("✗ No exact route runs here: boldface cannot steer on this machine.", "bold red")
    if not any(one["installed"] for one in found["models"]):
        return Text("✓ Steering works here. No embedded model is installed: name your own, or install one.", "green")
    return Text("✓ Steering works here. Try: boldface demo", "green")
