"""``boldface evaluate``: does it obey, is it still right, is it still fluent, what does it cost?"""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from boldface.cli import options
from boldface.errors import BoldfaceError, HeadError, MissingError, TaskError

if TYPE_CHECKING:
    from boldface.engine.heads import Selected
    from boldface.engine.model import Model
    from boldface.evaluation.run import Request
    from boldface.tasks.data import Data

EXTRA = ("langdetect", "nltk", "numpy", "scipy")
"""What only evaluation needs."""
WHAT, KEPT, SHOWN = "What is measured", "What is kept", "What is shown"

Tasks = Annotated[
    str,
    typer.Option("--tasks", metavar="NAMES", help="Tasks, with commas; 'paper' is its four.", rich_help_panel=WHAT),
]
Arms = Annotated[
    str,
    typer.Option(
        "--arms",
        metavar="NAMES",
        help="Arms, with commas; 'default' is the whole table. A value stands behind =, as in instaboost=5.",
        rich_help_panel=WHAT,
    ),
]
Rows = Annotated[int, typer.Option("--rows", min=1, metavar="N", help="Data rows of a task.", rich_help_panel=WHAT)]
SplitName = Annotated[
    str, typer.Option("--split", metavar="train|validation|test", help="Rows of this split.", rich_help_panel=WHAT)
]
Settings = Annotated[
    str,
    typer.Option("--settings", metavar="raw,chat", help="Without, with, or both ways.", rich_help_panel=WHAT),
]
Variants = Annotated[
    str, typer.Option("--variants", metavar="NAMES", help="Wordings of the prompts.", rich_help_panel=WHAT)
]
ProfileName = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Head gains to judge: a profile's name or file (default: the one shipped with the model).",
        autocompletion=options.profiles,
        rich_help_panel=WHAT,
    ),
]
TuneRows = Annotated[
    int | None,
    typer.Option(
        "--tune",
        min=1,
        metavar="N",
        help="First try every tunable arm's settings on N rows of the validation split, and add the best as an arm.",
        rich_help_panel=WHAT,
    ),
]
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", metavar="FOLDER", help="The data sets (default: BOLDFACE_DATA).", rich_help_panel=WHAT),
]
Batch = Annotated[int, typer.Option("--batch", min=1, metavar="N", help="Most rows at once.", rich_help_panel=WHAT)]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Of the random heads.", rich_help_panel=WHAT)]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="FILE",
        help="Every answer, JSON Lines; run again with the same file to go on (default: evaluation/MODEL.jsonl).",
        rich_help_panel=KEPT,
    ),
]
Dtype = Annotated[
    Literal["float32", "bfloat16", "float16"] | None,
    typer.Option(
        "--dtype", metavar="TYPE", help="Type of the weights (default: the model's own).", rich_help_panel=options.MODEL
    ),
]
Rescore = Annotated[
    list[Path] | None,
    typer.Option(
        "--from", metavar="FILE", help="Show these records; no model is run. Repeatable.", rich_help_panel=SHOWN
    ),
]
Compare = Annotated[
    tuple[Path, Path] | None,
    typer.Option("--compare", metavar="A B", help="Paired differences of two files of records.", rich_help_panel=SHOWN),
]
Report = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write the HTML page here.", rich_help_panel=SHOWN)
]
Markdown = Annotated[
    Path | None, typer.Option("--markdown", metavar="FILE", help="Write the tables here.", rich_help_panel=SHOWN)
]


def evaluate(
    tasks: Tasks = "paper",
    arms: Arms = "plain,steered,other-span,random-heads",
    rows: Rows = 100,
    split: SplitName = "test",
    settings: Settings = "raw",
    variants: Variants = "original",
    profile: ProfileName = None,
    force_profile: options.ForceProfile = False,
    tune: TuneRows = None,
    data: DataFolder = None,
    batch: Batch = 16,
    seed: Seed = 0,
    out: Out = None,
    rescore: Rescore = None,
    compare: Compare = None,
    report: Report = None,
    markdown: Markdown = None,
    model: options.ModelName = "smollm2",
    dtype: Dtype = None,
    route: options.Route = "auto",
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
    engine: options.EngineName = "transformers",
    engine_option: options.EngineOption = None,
) -> None:
    """Measure a model and a profile on tasks, beside prompting, peers and placebos.

    Every answer is kept; the same command goes on where it was interrupted.
    """
    require_extra()
    from boldface.cli import measured

    if compare is not None and (rescore or report or markdown):
        raise BoldfaceError("--compare stands alone.", "Leave --from, --report and --markdown out, or --compare.")
    if tune and (rescore or compare):
        raise BoldfaceError("Nothing is run, so nothing can be tuned.", "Leave --tune out, or --from and --compare.")
    if compare is not None:
        measured.show_comparison(*compare)
        return
    measured.check_places(report, markdown)
    if rescore:
        measured.show(measured.together(rescore), report, markdown)
        return
    from boldface.engine.settings import settings as resolve
    from boldface.evaluation.tune import tunable
    from boldface.tasks.data import Data

    folder = Data(resolve(data=data).data)
    request = _request(tasks, arms, rows, split, settings, variants, batch, seed)
    if tune is not None:
        tunable(request)
    path = out or Path("evaluation") / f"{Path(model).name or 'model'}.jsonl"
    measured.check_places(path)
    check_data(request, folder)
    from boldface.cli import measuring
    from boldface.cli.generate import load

    wanted = options.engine_options(engine, engine_option)
    loaded = load(
        model, cache=cache, offline=offline, threads=threads, dtype=dtype, engine=engine, engine_options=wanted
    )
    heads = _heads(loaded, profile, force=force_profile)
    began = {
        "command": shlex.join(["boldface", *sys.argv[1:]]),
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    measuring.run(loaded, request, folder, path, heads, tune=tune, route=route, session=began)
    measured.show(measured.together([path]), report, markdown)


def _request(
    tasks: str, arms: str, rows: int, split: str, settings: str, variants: str, batch: int, seed: int
) -> Request:
    from boldface.evaluation.arms import DEFAULT, find_arm
    from boldface.evaluation.run import Request
    from boldface.tasks.catalogue import find_task, task_names

    wanted = [name for word in words(arms) for name in (DEFAULT if word == "default" else [word])]
    if "plain" not in wanted:
        wanted.insert(0, "plain")
    return Request(
        tuple(find_task(name) for name in task_names(words(tasks))),
        tuple(find_arm(name) for name in dict.fromkeys(wanted)),
        rows,
        split,  # type: ignore[arg-type]
        tuple(dict.fromkeys(words(settings))),  # type: ignore[arg-type]
        tuple(dict.fromkeys(words(variants))),
        batch,
        seed,
    )


def words(text: str) -> list[str]:
    """Split at commas.

    Raises:
        TaskError: Nothing is named.
    """
    found = [word.strip() for word in text.split(",") if word.strip()]
    if not found:
        raise TaskError(f"{text!r} names nothing.", "Write names with commas between them.")
    return found


def check_data(request: Request, data: Data) -> None:
    """Read the first example of every case, so that what is missing is told before a model is loaded.

    Raises:
        MissingError: A data set is not there.
        TaskError: A case is empty.
    """
    from boldface.cli import terminal
    from boldface.evaluation.run import take

    for task in request.tasks:
        if lacking := [name for name in request.variants if name not in task.variants]:
            terminal.note(f"{task.name} has no wording {' or '.join(lacking)}, and is left out there.")
    for task, case in request.cases:
        take(task, case, data, 1)


def require_extra() -> None:
    """Raise MissingError when what only evaluation needs is not installed."""
    from importlib.util import find_spec

    if missing := [name for name in EXTRA if find_spec(name) is None]:
        raise MissingError(f"{' and '.join(missing)} is not installed.", "Run: pip install 'boldface[evaluate]'")


def _heads(model: Model, profile: str | None, *, force: bool) -> Selected | None:
    from boldface.cli.generate import forced
    from boldface.engine.heads import select_heads

    try:
        return select_heads(model.model, forced(profile) if force else profile, model.tokenizer)
    except HeadError:
        if profile is not None or force:
            raise
        return None  # arms that need one say so
