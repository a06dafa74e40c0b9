"""The options of ``boldface sweep``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

TRIED, ASKED, COST, KEPT, SHOWN = "What is tried", "What is asked", "What it may cost", "What is kept", "What is shown"
MINUTES = 30.0
"""Of a sweep that is given neither minutes nor trials, and is no grid."""

Strengths = Annotated[
    str | None,
    typer.Option(
        "--strength",
        metavar="LOW:HIGH",
        help="Nats: a range, 1:6:6 for six values, or 1,2,4. One of strength, factor and alpha; default: a quarter to "
        "twice the profile's.",
        rich_help_panel=TRIED,
    ),
]
Factors = Annotated[
    str | None,
    typer.Option("--factor", metavar="LOW:HIGH", help="The same as factors, as in 2:100.", rich_help_panel=TRIED),
]
Alphas = Annotated[
    str | None,
    typer.Option(
        "--alpha", metavar="LOW:HIGH", help="The same as PASTA's alpha, as in 0.5:0.01.", rich_help_panel=TRIED
    ),
]
HeadCounts = Annotated[
    str | None,
    typer.Option(
        "--head-counts",
        metavar="LOW:HIGH",
        help="So many heads of largest gain (default: a sixteenth to all of the profile's).",
        rich_help_panel=TRIED,
    ),
]
Sparsity = Annotated[
    str | None,
    typer.Option(
        "--sparsity",
        metavar="LOW:HIGH",
        help="The same as the part of the profile's heads that is left out, 0 to below 1.",
        rich_help_panel=TRIED,
    ),
]
Scopes = Annotated[
    str, typer.Option("--scopes", metavar="all,answer", help="Which queries are steered.", rich_help_panel=TRIED)
]
Temperatures = Annotated[
    str,
    typer.Option(
        "--temperatures", metavar="T,T", help="How evenly words are drawn; 0 is greedy.", rich_help_panel=TRIED
    ),
]
SamplerName = Annotated[
    Literal["tpe", "nsga2", "random", "grid"],
    typer.Option("--sampler", help="Who proposes points; grid tries every one.", rich_help_panel=TRIED),
]
Ablation = Annotated[
    Literal["heads", "alpha", "grain"] | None,
    typer.Option(
        "--ablation",
        help="One of the paper's instead: by the number of heads, by alpha, or all heads, one layer and one head.",
        rich_help_panel=TRIED,
    ),
]
Tasks = Annotated[
    str | None,
    typer.Option(
        "--tasks",
        metavar="NAMES",
        help="Tasks, with commas; 'paper' is its four (default: paper,neutral; of an ablation json).",
        rich_help_panel=ASKED,
    ),
]
Objectives = Annotated[
    str | None,
    typer.Option(
        "--objectives",
        metavar="NAMES",
        help="What is weighed, the first decides: obedience, accuracy, fluency, divergence, latency, or TASK.METRIC "
        "(default: the first four, as far as the tasks tell them).",
        rich_help_panel=ASKED,
    ),
]
Rows = Annotated[
    int,
    typer.Option(
        "--rows", min=2, metavar="N", help="Validation rows of a task that points are chosen by.", rich_help_panel=ASKED
    ),
]
Proof = Annotated[
    int | None,
    typer.Option(
        "--proof",
        min=2,
        metavar="N",
        help="Further validation rows, which say what the recommended point does (default: as many).",
        rich_help_panel=ASKED,
    ),
]
Confirm = Annotated[
    int | None,
    typer.Option(
        "--confirm",
        min=2,
        metavar="N",
        help="Ask it, plain and placebos N test rows in the end.",
        rich_help_panel=ASKED,
    ),
]
Settings = Annotated[
    str,
    typer.Option("--settings", metavar="raw,chat", help="Without, with, or both ways.", rich_help_panel=ASKED),
]
Variants = Annotated[
    str, typer.Option("--variants", metavar="NAMES", help="Wordings of the prompts.", rich_help_panel=ASKED)
]
Batch = Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Most rows at once.", rich_help_panel=ASKED)]
MostDivergence = Annotated[
    float,
    typer.Option(
        "--most-divergence",
        min=0,
        metavar="NATS",
        help="What may change, a token, where emphasis should change nothing.",
        rich_help_panel=ASKED,
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", min=0, metavar="N", help="Of the sampler and of random heads.", rich_help_panel=TRIED)
]
Minutes = Annotated[
    float | None,
    typer.Option(
        "--minutes",
        metavar="N",
        help=f"All of it, loading and closing included (default: {MINUTES:g}, without --trials and for no grid).",
        rich_help_panel=COST,
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(
        "--trials", metavar="N", help="Most points of the study, whoever measured them.", rich_help_panel=COST
    ),
]
WorkerCount = Annotated[
    int,
    typer.Option("--workers", min=1, metavar="N", help="Processes, each with a copy (Ray).", rich_help_panel=COST),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="A Ray cluster to run them on.", rich_help_panel=COST),
]
Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="FILE|URL",
        help="Every point: a file, which machines may share, or a database (default: sweeps/MODEL.journal).",
        rich_help_panel=KEPT,
    ),
]
StudyName = Annotated[
    str | None,
    typer.Option("--study", metavar="NAME", help="One storage holds many (default: MODEL).", rich_help_panel=KEPT),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Every answer, JSON Lines, as evaluate writes them; one file a process (default: sweeps/MODEL.jsonl).",
        rich_help_panel=KEPT,
    ),
]
Write = Annotated[
    Path | None,
    typer.Option(
        "--write",
        metavar="PROFILE",
        help="Write the recommended point into this profile file; a new one, or one that is there.",
        rich_help_panel=KEPT,
    ),
]
ForceWrite = Annotated[
    bool,
    typer.Option(
        "--force-write",
        help="Write it although the rows of its proof, or the test rows, speak against it.",
        rich_help_panel=KEPT,
    ),
]
Show = Annotated[
    bool, typer.Option("--show", help="Show what the storage holds; no model is run.", rich_help_panel=SHOWN)
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write the HTML page here.", rich_help_panel=SHOWN)
]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write all tables here.", rich_help_panel=SHOWN)
]
Plot = Annotated[
    list[Path] | None,
    typer.Option("--plot", metavar="FILE", help="Draw it, as .svg, .png or .pdf. Repeatable.", rich_help_panel=SHOWN),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object instead of the tables.", rich_help_panel=SHOWN)
]
