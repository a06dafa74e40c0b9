"""``boldface keys``: who may use the server. One verb each to make, list and remove keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from boldface.cli import options

if TYPE_CHECKING:
    from boldface.server.keys import KeyRing

app = typer.Typer(help="Who may use the server: boldface serve --keys FILE.", no_args_is_help=True)

LIMITS = "Limits of this key; what is not named stays the server's"
Name = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is; stands in the server's logs.")]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--keys", metavar="FILE", envvar="BOLDFACE_KEYS", help="The file of keys (default: in the platform's folder)."
    ),
]
AtOnce = Annotated[
    int | None,
    typer.Option("--at-once", metavar="N", min=1, help="Requests at the same time.", rich_help_panel=LIMITS),
]
Tokens = Annotated[
    int | None,
    typer.Option(
        "--tokens", metavar="N", min=1, help="Tokens of a request, prompt and answers.", rich_help_panel=LIMITS
    ),
]
Spans = Annotated[
    int | None,
    typer.Option("--spans", metavar="N", min=0, help="Emphasised spans of a request.", rich_help_panel=LIMITS),
]
Strength = Annotated[
    float | None,
    typer.Option("--strength", metavar="NATS", min=0.0, help="Largest strength, in nats.", rich_help_panel=LIMITS),
]
MayEmphasise = Annotated[
    bool | None,
    typer.Option("--emphasis/--no-emphasis", help="Whether it may emphasise at all.", rich_help_panel=LIMITS),
]


def add_key(
    name: Name,
    keys: KeyFile = None,
    at_once: AtOnce = None,
    tokens: Tokens = None,
    spans: Spans = None,
    strength: Strength = None,
    emphasis: MayEmphasise = None,
) -> None:
    """Make a key and print it; it is shown this once, and only what tells it is stored."""
    from boldface.cli import terminal

    named: dict[str, Any] = {"at_once": at_once, "tokens": tokens, "spans": spans, "strength": strength}
    named["may_emphasise"] = emphasis
    ring = _ring(keys)
    print(ring.add(name, {limit: value for limit, value in named.items() if value is not None}))
    terminal.note(
        f"The key of {name}; it cannot be shown again. Servers that know it: boldface serve --keys {ring.path}"
    )


def list_keys(keys: KeyFile = None, as_json: options.AsJson = False) -> None:
    """List whose keys are on file, and their limits."""
    found = _ring(keys).keys
    if as_json:
        print(json.dumps([{"name": key.name, "created": key.created, "limits": dict(key.limits)} for key in found]))
        return
    from rich.table import Table

    from boldface.cli import terminal

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in ("name", "created", "limits"):
        table.add_column(head, overflow="fold")
    for key in found:
        limits = ", ".join(f"{limit} {value}" for limit, value in key.limits.items())
        table.add_row(*map(terminal.cell, (key.name, key.created, limits)))
    terminal.screen().print(table)


def remove_key(name: Name, keys: KeyFile = None) -> None:
    """Take a key off the file; a running server refuses it from then on."""
    from boldface.cli import terminal

    _ring(keys).remove(name)
    terminal.note(f"The key of {name} is gone.")


def _ring(named: Path | None) -> KeyRing:
    import platformdirs

    from boldface.server.keys import KeyRing

    return KeyRing(named or platformdirs.user_config_path("boldface", appauthor=False) / "keys.json")


app.command("add")(add_key)
app.command("list")(list_keys)
app.command("remove")(remove_key)
