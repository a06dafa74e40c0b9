"""Options that several verbs share, and what the shell completes for them. Nothing heavy is imported here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from boldface.emphasis.dialects import DIALECTS
from boldface.engine.catalogue import EMBEDDED
from boldface.profiles.catalogue import names as profile_names

# Spelt out, because the modules that own these words load torch; a test compares them.
RouteName = Literal["auto", "reference", "sdpa", "fused", "folded", "split", "flex"]
ScopeName = Literal["all", "answer"]
OverlapName = Literal["any", "inside", "error"]

STEERING, ANSWER, MODEL = "Steering", "Answer", "Model"


def _models(incomplete: str) -> list[str]:
    return [name for name in EMBEDDED if name.startswith(incomplete)]


def _dialects(incomplete: str) -> list[str]:
    return [name for name in DIALECTS if name.startswith(incomplete)]


def profiles(incomplete: str) -> list[str]:
    """Complete the name of a shipped profile."""
    return [name for name in profile_names() if name.startswith(incomplete)]


ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help=f"An embedded model ({', '.join(EMBEDDED)}), a folder, a .gguf file or a hub id.",
        autocompletion=_models,
        rich_help_panel=MODEL,
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER", help="Where converted models are kept (default: BOLDFACE_CACHE).", rich_help_panel=MODEL
    ),
]
Offline = Annotated[
    bool | None,
    typer.Option(
        "--offline/--online", help="Never, or do, ask the network (default: BOLDFACE_OFFLINE).", rich_help_panel=MODEL
    ),
]
Threads = Annotated[int | None, typer.Option(min=1, help="CPU threads (default: torch's).", rich_help_panel=MODEL)]

Dialect = Annotated[
    str,
    typer.Option(
        metavar="NAME", help=f"How emphasis is spelt: {', '.join(DIALECTS)}.", autocompletion=_dialects
    ),
]
Heads = Annotated[
    str | None,
    typer.Option(
        metavar="HEADS",
        help="A profile's name, a profile file, a JSON file {layer: \\[heads]}, or heads as in 'L12H7, L3H0=0.5' "
        "(default: the profile shipped with the model).",
        autocompletion=profiles,
        rich_help_panel=STEERING,
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option(help="Strength of the emphasis as PASTA's alpha (0.01).", rich_help_panel=STEERING),
]
Factor = Annotated[
    float | None, typer.Option(help="The same as a factor on the attention weight (100).", rich_help_panel=STEERING)
]
Strength = Annotated[float | None, typer.Option(help="The same in nats (4.605).", rich_help_panel=STEERING)]
Scope = Annotated[
    ScopeName,
    typer.Option(
        help="Which queries are steered: all, or only from the last prompt token on.", rich_help_panel=STEERING
    ),
]
Route = Annotated[
    RouteName,
    typer.Option(help="How the bias is carried; auto is the fastest exact way.", rich_help_panel=STEERING),
]
Overlap = Annotated[
    OverlapName,
    typer.Option(help="What happens to a token that straddles a span's edge.", rich_help_panel=STEERING),
]
MaxNewTokens = Annotated[int, typer.Option(min=1, help="Longest answer, in tokens.", rich_help_panel=ANSWER)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
