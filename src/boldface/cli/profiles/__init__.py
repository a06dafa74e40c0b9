"""``boldface profiles``: which heads are steered. One file a verb."""

from __future__ import annotations

import typer

from boldface.cli.profiles import check, export, importing, listing, making, show

app = typer.Typer(help="Which heads are steered, and how far.", no_args_is_help=True)
app.command("make")(making.make_profile)
app.command("list")(listing.list_profiles)
app.command("show")(show.show_profile)
app.command("check")(check.check_profile)
app.command("import")(importing.import_heads)
app.command("export")(export.export_heads)
