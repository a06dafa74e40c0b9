"""The command ``boldface``: its verbs and the few options that belong to none of them."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated

import typer

from boldface.cli import cache, demo, diagnose, doctor, evaluate, explain, generate, keys, profiles, serve, sweep
from boldface.cli.failures import Verbs

EXIT_CODES = (
    "Exit codes: 0 all is well, 1 something unforeseen, 2 wrong usage, emphasis, heads or route, "
    "3 a model, package or data set is missing, 4 and 5 a profile has drifted or is broken (profiles check), "
    "6 an answer fails its check (diagnose), 130 interrupted."
)

app = typer.Typer(
    name="boldface",
    cls=Verbs,
    help="Bold words in a prompt, and a language model attends to them.",
    epilog=EXIT_CODES,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["--help", "-h"]},
)
app.command("demo")(demo.demo)
app.command("generate")(generate.generate)
app.command("explain")(explain.explain)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(profiles.app, name="profiles")
app.command("sweep")(sweep.sweep)
app.command("serve")(serve.serve)
app.add_typer(keys.app, name="keys")
app.add_typer(cache.app, name="cache")
app.command("diagnose")(diagnose.diagnose)
app.command("doctor")(doctor.doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"boldface {import_module('boldface').__version__}")
        raise typer.Exit()


@app.callback()
def boldface(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_show_version)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error.", envvar="BOLDFACE_DEBUG")
    ] = False,
) -> None:
    """Say what there is when no verb is given."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
