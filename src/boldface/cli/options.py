"""The options of the verbs, and what the shell completes for them. Nothing heavy is imported here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from boldface.detection.names import NAMES as DETECTORS
from boldface.emphasis.dialects import DIALECTS
from boldface.engine.catalogue import EMBEDDED
from boldface.errors import BoldfaceError
from boldface.profiles.catalogue import names as profile_names

# Spelt out, because the modules that own these words load torch; a test compares them.
RouteName = Literal["auto", "reference", "sdpa", "fused", "folded", "split", "flex"]
RuleName = Literal["pasta", "flat", "share"]
ScopeName = Literal["all", "answer"]
OverlapName = Literal["any", "inside", "error"]

EMPHASIS, STEERING, ANSWER, MODEL = "Emphasis", "Steering", "Answer", "Model"


def models(incomplete: str) -> list[str]:
    """Complete the name of an embedded model."""
    return [name for name in EMBEDDED if name.startswith(incomplete)]


def dialects(incomplete: str) -> list[str]:
    """Complete the name of a dialect."""
    return [name for name in DIALECTS if name.startswith(incomplete)]


def profiles(incomplete: str) -> list[str]:
    """Complete the name of a shipped profile."""
    return [name for name in profile_names() if name.startswith(incomplete)]


def detectors(incomplete: str) -> list[str]:
    """Complete the name of a detector."""
    return [name for name in DETECTORS if name.startswith(incomplete)]


def occurrences(incomplete: str) -> list[str]:
    """Complete which occurrence of a word."""
    return [name for name in ("first", "last", "all") if name.startswith(incomplete)]


# What is asked, and how the answer is shown.
PromptText = Annotated[
    str | None, typer.Argument(metavar="[PROMPT]", help="The prompt; '-' or nothing reads standard input.")
]
PromptFile = Annotated[Path | None, typer.Option("--file", "-f", metavar="FILE", help="Read the prompt from here.")]
MessagesFile = Annotated[
    Path | None, typer.Option("--messages", metavar="FILE", help="A chat as JSON; its emphasis is in its own spans.")
]
Compare = Annotated[bool, typer.Option("--compare", help="Show the plain model's answer beside the steered one.")]
ShowSpans = Annotated[
    bool, typer.Option("--show-spans", help="Show which tokens are hit and how hard; the model does not answer.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Stream = Annotated[
    bool | None, typer.Option("--stream/--no-stream", help="Write word by word (default: in a terminal).")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Write no notes to standard error.")]

# What is emphasised.
Markup = Annotated[
    bool,
    typer.Option(
        "--markup/--no-markup",
        help="Read **bold** and \\[words]{x=10}, or take them as they are.",
        rich_help_panel=EMPHASIS,
    ),
]
Dialect = Annotated[
    str,
    typer.Option(
        "--dialect",
        metavar="NAME",
        help=f"How emphasis is spelt: {', '.join(DIALECTS)}.",
        autocompletion=dialects,
        rich_help_panel=EMPHASIS,
    ),
]
Spans = Annotated[
    list[str] | None,
    typer.Option(
        "--span",
        metavar="START:END[:STRENGTH]",
        help="Emphasise characters of the text without markup, as in 10:25 or 10:25:x=10; repeatable.",
        rich_help_panel=EMPHASIS,
    ),
]
Words = Annotated[
    list[str] | None,
    typer.Option(
        "--emphasise",
        "--emphasize",
        "-e",
        metavar="WORDS",
        help="Emphasise these words of the text; repeatable.",
        rich_help_panel=EMPHASIS,
    ),
]
Occurrence = Annotated[
    str,
    typer.Option(
        "--occurrence",
        metavar="WHICH",
        help="Which occurrence of the words: first, last, all, or a number from 0.",
        autocompletion=occurrences,
        rich_help_panel=EMPHASIS,
    ),
]

Auto = Annotated[
    bool,
    typer.Option(
        "--auto",
        help="Emphasise what nobody marked: the evidence for a question, else the instructions.",
        rich_help_panel=EMPHASIS,
    ),
]
Detector = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help=f"Who looks for it: {', '.join(DETECTORS)}; says --auto by itself.",
        autocompletion=detectors,
        rich_help_panel=EMPHASIS,
    ),
]

# How it steers.
Heads = Annotated[
    str | None,
    typer.Option(
        "--heads",
        metavar="HEADS",
        help="A profile's name, a profile file, a JSON file {layer: \\[heads]}, or heads as in 'L12H7, L3H0=0.5' "
        "(default: the profile shipped with the model).",
        autocompletion=profiles,
        rich_help_panel=STEERING,
    ),
]
Alpha = Annotated[
    float | None,
    typer.Option(
        "--alpha",
        metavar="A",
        help="Strength as PASTA's alpha, above 0 (0.01 is the paper's). One of alpha, factor and strength; "
        "default: the profile's.",
        rich_help_panel=STEERING,
    ),
]
Factor = Annotated[
    float | None,
    typer.Option(
        "--factor", metavar="X", help="Strength as a factor on the attention weight.", rich_help_panel=STEERING
    ),
]
Strength = Annotated[
    float | None,
    typer.Option("--strength", metavar="NATS", help="Strength in nats, log(factor).", rich_help_panel=STEERING),
]
Rule = Annotated[
    RuleName | None,
    typer.Option(
        "--rule",
        metavar="|".join(get_args(RuleName)),
        help="What is lifted: the emphasis and the model's own words (pasta), the emphasis alone (flat), or that up "
        "to --share (share, SpotLight); default: the profile's, else pasta.",
        rich_help_panel=STEERING,
    ),
]
Share = Annotated[
    float | None,
    typer.Option(
        "--share", min=0.0, max=1.0, metavar="S", help="Target share of rule share.", rich_help_panel=STEERING
    ),
]
TargetShare = Annotated[
    float | None,
    typer.Option(
        "--target",
        min=0.0,
        max=1.0,
        metavar="S",
        help="Lift no head further than until what is lifted has this share of a query's attention "
        "(default: the profile's, else no end but the strength).",
        rich_help_panel=STEERING,
    ),
]
Release = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--release",
        metavar="UPPER LOWER",
        help="Lift nothing once the emphasis has the upper share of the attention by itself, until it has less "
        "than the lower one.",
        rich_help_panel=STEERING,
    ),
]
Gate = Annotated[
    float | None,
    typer.Option(
        "--gate",
        min=0.0,
        max=1.0,
        metavar="B",
        help="A steered token has to be at least B times as likely to the plain model as its likeliest one, else it is "
        "steered less.",
        rich_help_panel=STEERING,
    ),
]
Phase = Annotated[
    list[str] | None,
    typer.Option(
        "--phase",
        metavar="NAME=LEVEL",
        help="Steer only so far, from 0 to 1, in a phase (reading, thinking, answer), as in thinking=0; begin= and "
        "end= name other marks than <think> and </think>; repeatable.",
        rich_help_panel=STEERING,
    ),
]
Careful = Annotated[
    bool,
    typer.Option(
        "--careful",
        help="Read the prompt plain first, and emphasise words only as far as the model itself finds them worth it.",
        rich_help_panel=STEERING,
    ),
]
ForceProfile = Annotated[
    bool,
    typer.Option(
        "--force-profile",
        help="Use the named profile though it was made for another model.",
        rich_help_panel=STEERING,
    ),
]
Scope = Annotated[
    ScopeName | None,
    typer.Option(
        "--scope",
        metavar="|".join(get_args(ScopeName)),
        help="Steer every query, or only from the last prompt token on (default: the profile's, else all).",
        rich_help_panel=STEERING,
    ),
]
Route = Annotated[
    RouteName,
    typer.Option(
        "--route",
        metavar="NAME",
        help=f"How the bias is carried: {', '.join(get_args(RouteName))}; auto is the fastest exact way.",
        rich_help_panel=STEERING,
    ),
]
Overlap = Annotated[
    OverlapName,
    typer.Option(
        "--overlap",
        metavar="|".join(get_args(OverlapName)),
        help="A token that straddles a span's edge is hit, is left out, or is an error.",
        rich_help_panel=STEERING,
    ),
]

# How it answers.
MaxNewTokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens",
        min=1,
        metavar="N",
        help="Longest answer, in tokens (default: 256, or what the context leaves).",
        rich_help_panel=ANSWER,
    ),
]
Sample = Annotated[bool, typer.Option("--sample", help="Draw the words at random.", rich_help_panel=ANSWER)]
Temperature = Annotated[
    float | None,
    typer.Option(
        "--temperature", min=0.0, metavar="T", help="Sample, this evenly; 0 is greedy.", rich_help_panel=ANSWER
    ),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p",
        min=0.0,
        max=1.0,
        metavar="P",
        help="Sample from the likeliest words that share this much.",
        rich_help_panel=ANSWER,
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Seed of the sampling.", rich_help_panel=ANSWER)]
Raw = Annotated[
    bool, typer.Option("--raw", help="Do not wrap the text into the model's chat template.", rich_help_panel=ANSWER)
]

# Which model, and how it is loaded.
ModelName = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help=f"An embedded model ({', '.join(EMBEDDED)}), a folder, a .gguf file or a hub id.",
        autocompletion=models,
        rich_help_panel=MODEL,
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        metavar="FOLDER",
        help="Where converted models are kept (default: BOLDFACE_CACHE, or the platform's).",
        rich_help_panel=MODEL,
    ),
]
Offline = Annotated[
    bool | None,
    typer.Option(
        "--offline/--online", help="Never ask the network, or do (default: BOLDFACE_OFFLINE).", rich_help_panel=MODEL
    ),
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", min=1, metavar="N", help="CPU threads (default: torch's).", rich_help_panel=MODEL),
]
EngineName = Annotated[
    Literal["transformers", "vllm"],
    typer.Option("--engine", metavar="transformers|vllm", help="What runs the model.", rich_help_panel=MODEL),
]
EngineOption = Annotated[
    list[str] | None,
    typer.Option(
        "--engine-option",
        metavar="NAME=VALUE",
        help="An engine argument of vLLM's, as in max_model_len=4096 or enforce_eager=true; repeatable.",
        rich_help_panel=MODEL,
    ),
]


def phases(given: list[str] | None) -> dict[str, Any] | None:
    """Read phases: levels, and the marks of thinking.

    Raises:
        BoldfaceError: One has no value, or a level is no number.
    """
    read: dict[str, Any] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if not equals or name in read:
            raise BoldfaceError(f"--phase {one!r} names no level, or names it twice.", "Write it as thinking=0.")
        try:
            read[name] = value if name in ("begin", "end") else float(value)
        except ValueError:
            raise BoldfaceError(f"--phase {one!r} has no number.", "Write it as thinking=0.5.") from None
    return read or None


def engine_options(engine: str, given: list[str] | None) -> dict[str, Any]:
    """Read the engine's options: a value is JSON, or else a word.

    Raises:
        BoldfaceError: The engine has no options, or one has no value.
    """
    read: dict[str, Any] = {}
    for one in given or ():
        name, equals, value = one.partition("=")
        if engine != "vllm":
            raise BoldfaceError(f"The engine {engine} has no options.", "Leave --engine-option out.")
        if not equals or not name.strip():
            raise BoldfaceError(f"--engine-option {one!r} has no value.", "Write it as max_model_len=4096.")
        try:
            read[name.strip()] = json.loads(value)
        except ValueError:
            read[name.strip()] = value
    return read
