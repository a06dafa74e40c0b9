"""``boldface profiles make``: find the heads of a model, and write them to a profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from boldface.cli import options
from boldface.cli.evaluate import DataFolder, Dtype, require_extra, words
from boldface.errors import ProfilingError

if TYPE_CHECKING:
    from boldface.profiling.order import Order
    from boldface.tasks.data import Data

HOW, FROM, CHOICE, COST = "How", "What it is learned from", "What is chosen", "What it may cost"

ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", help="A model's name, folder or hub id.", autocompletion=options.models)
]
Out = Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE", help="The profile (default: MODEL.json).")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Its name (default: the file's).")]
Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="FILE",
        help="Every trial, JSON Lines; run again with the same file to go on (default: profiling/MODEL.jsonl).",
    ),
]
Method = Annotated[
    Literal["learned", "gradient", "coarse", "exhaustive"],
    typer.Option("--method", help="Learn gains, or rank heads; exhaustive is the paper's.", rich_help_panel=HOW),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="NAME",
        help="multi-task (learned), intersection (default of rankings), union, task-specific or task-agnostic.",
        rich_help_panel=HOW,
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="TASK",
        help="The one task of task-specific; the one that task-agnostic never sees.",
        rich_help_panel=HOW,
    ),
]
Steps = Annotated[int, typer.Option("--steps", min=1, metavar="N", help="Steps of learning.", rich_help_panel=HOW)]
Rate = Annotated[float, typer.Option("--rate", metavar="X", help="Learning rate.", rich_help_panel=HOW)]
Price = Annotated[float, typer.Option("--price", metavar="X", help="What a gain of 1 costs.", rich_help_panel=HOW)]
Calm = Annotated[
    float,
    typer.Option(
        "--calm",
        metavar="X",
        help="What a nat of divergence weighs where emphasis should change nothing.",
        rich_help_panel=HOW,
    ),
]
Contrast = Annotated[
    float,
    typer.Option(
        "--contrast",
        min=0,
        max=0.9,
        metavar="X",
        help="Share of a task's weight for another span emphasised.",
        rich_help_panel=HOW,
    ),
]
Lift = Annotated[
    Literal["pasta", "flat"] | None,
    typer.Option(
        "--rule",
        help="Lift the model's own words with the emphasis (pasta, as in the paper; default of rankings), or the "
        "emphasis alone (flat; default of learned gains).",
        rich_help_panel=HOW,
    ),
]
Measure = Annotated[
    Literal["likelihood", "answers"],
    typer.Option(
        "--measure",
        help="What ranks heads: the likelihood of right answers, or written answers as in the paper.",
        rich_help_panel=HOW,
    ),
]
Racing = Annotated[
    bool,
    typer.Option("--racing/--no-racing", help="Stop measuring heads whose place is settled.", rich_help_panel=HOW),
]
Keep = Annotated[
    float,
    typer.Option(
        "--keep", min=0, max=1, metavar="X", help="Part of the layers that coarse looks into.", rich_help_panel=HOW
    ),
]
Tasks = Annotated[
    str,
    typer.Option(
        "--tasks",
        metavar="NAMES",
        help="With commas; 'paper' is its four, json@chat one task in one setting.",
        rich_help_panel=FROM,
    ),
]
Templates = Annotated[
    str,
    typer.Option(
        "--settings", metavar="raw,chat", help="Without the chat template, with it, or both ways.", rich_help_panel=FROM
    ),
]
Variants = Annotated[
    str, typer.Option("--variants", metavar="NAMES", help="Wordings of the prompts.", rich_help_panel=FROM)
]
Rows = Annotated[
    int, typer.Option("--rows", min=1, metavar="N", help="Data rows to learn from, of each kind.", rich_help_panel=FROM)
]
Longest = Annotated[
    int, typer.Option("--longest", min=1, metavar="N", help="Most tokens of one of them.", rich_help_panel=FROM)
]
Looked = Annotated[
    int,
    typer.Option(
        "--looked",
        min=1,
        metavar="N",
        help="Validation rows that stop learning, of each kind.",
        rich_help_panel=FROM,
    ),
]
Judged = Annotated[
    int,
    typer.Option(
        "--judged", min=1, metavar="N", help="Validation rows to choose on, of each kind.", rich_help_panel=CHOICE
    ),
]
Times = Annotated[
    str,
    typer.Option("--times", metavar="X,X", help="Multiples of the strength to try.", rich_help_panel=CHOICE),
]
Least = Annotated[
    str,
    typer.Option("--least", metavar="X,X", help="Smallest learned gains to keep, to try.", rich_help_panel=CHOICE),
]
Shares = Annotated[
    str | None,
    typer.Option(
        "--shares",
        metavar="X,X",
        help="Parts of all heads that make up a task's best, to try (rankings).",
        rich_help_panel=CHOICE,
    ),
]
MostDivergence = Annotated[
    float,
    typer.Option(
        "--most-divergence",
        min=0,
        metavar="NATS",
        help="What may change, a token, where emphasis should change nothing.",
        rich_help_panel=CHOICE,
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Of all that is drawn.", rich_help_panel=HOW)]
Minutes = Annotated[
    float | None, typer.Option("--minutes", metavar="N", help="Most minutes of work.", rich_help_panel=COST)
]
Trials = Annotated[int | None, typer.Option("--trials", metavar="N", help="Most trials.", rich_help_panel=COST)]
WorkerCount = Annotated[
    int,
    typer.Option("--workers", min=1, metavar="N", help="Processes, each with a copy (Ray).", rich_help_panel=COST),
]
RayAddress = Annotated[
    str | None,
    typer.Option("--ray", metavar="ADDRESS", help="A Ray cluster to run them on.", rich_help_panel=COST),
]


def make_profile(
    model: ModelName,
    out: Out = None,
    name: Name = None,
    store: Store = None,
    method: Method = "learned",
    strategy: Strategy = None,
    target: Target = None,
    steps: Steps = 60,
    rate: Rate = 0.08,
    price: Price = 0.001,
    calm: Calm = 0.5,
    contrast: Contrast = 0.15,
    rule: Lift = None,
    measure: Measure = "likelihood",
    racing: Racing = True,
    keep: Keep = 0.5,
    scope: options.Scope = None,
    alpha: options.Alpha = None,
    factor: options.Factor = None,
    strength: options.Strength = None,
    tasks: Tasks = "paper,which-wins,neutral",
    settings: Templates = "raw",
    variants: Variants = "original",
    rows: Rows = 96,
    longest: Longest = 192,
    looked: Looked = 8,
    judged: Judged = 16,
    times: Times = "0.75,1",
    least: Least = "0.15",
    shares: Shares = None,
    most_divergence: MostDivergence = 0.3,
    minutes: Minutes = None,
    trials: Trials = None,
    workers: WorkerCount = 1,
    ray: RayAddress = None,
    data: DataFolder = None,
    dtype: Dtype = None,
    seed: Seed = 0,
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
) -> None:
    """Find which heads of a model to steer, and how far, and write them to a profile.

    Every trial is kept; the same command goes on where it was interrupted.
    """
    from boldface.cli.measured import check_places
    from boldface.emphasis.strength import DEFAULT_STRENGTH, resolve_strength
    from boldface.engine.settings import settings as resolve
    from boldface.profiling.laboratory import Budget
    from boldface.profiling.learned import Learning
    from boldface.profiling.order import MULTI, Order
    from boldface.profiling.racing import Race
    from boldface.tasks.catalogue import task_names
    from boldface.tasks.data import Data

    require_extra()
    short = Path(model).name or "model"
    place, kept = out or Path(f"{short}.json"), store or Path("profiling") / f"{short}.jsonl"
    check_places(place, kept)
    nats = resolve_strength(alpha=alpha, factor=factor, strength=strength)
    nats, where = DEFAULT_STRENGTH if nats is None else nats, scope or "all"
    budget = Budget(minutes, trials)
    order = Order(
        name=name or place.stem,
        method=method,
        strategy=strategy or (MULTI if method == "learned" else "intersection"),
        target=target,
        tasks=task_names(words(tasks)),
        settings=tuple(dict.fromkeys(words(settings))),  # type: ignore[arg-type]
        variants=tuple(dict.fromkeys(words(variants))),
        rows=rows,
        looked=looked,
        judged=judged,
        longest=longest,
        contrast=contrast,
        learning=Learning(
            steps=steps, rate=rate, price=price, calm=calm, strength=nats, scope=where, rule=rule or "flat"
        ),
        race=Race(strength=nats, measure=measure, scope=where, racing=racing, rule=rule or "pasta"),
        keep=keep,
        least=_numbers(least),
        shares=None if shares is None else _numbers(shares),
        times=_numbers(times),
        most_divergence=most_divergence,
        seed=seed,
    )
    folder = Data(resolve(data=data).data)
    check_data(order, folder)
    check_room(place, kept)
    from boldface.cli import terminal
    from boldface.cli.generate import load
    from boldface.cli.profiles import made

    loaded = load(model, cache=cache, offline=offline, threads=threads, dtype=dtype)
    try:
        profile = made.run(
            loaded,
            order,
            folder,
            kept,
            budget,
            workers=workers,
            ray=ray,
            threads=threads,
            cache=cache,
            offline=offline,
        )
    except KeyboardInterrupt:
        terminal.note(f"Interrupted. The trials are in {kept}; the same command goes on from there.")
        raise
    profile.save(place)
    made.show(profile, place)


def check_room(place: Path, kept: Path) -> None:
    """Make the folder of the profile, so that it can be written when all the work is done.

    Raises:
        ProfilingError: It cannot be made, or the profile would be written over its trials.
    """
    if place.resolve() == kept.resolve():
        raise ProfilingError(f"{place} cannot hold the profile and its trials.", "Name two files.")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ProfilingError(f"{place.parent} cannot be made: {error}.", "Name a file elsewhere.") from error


def check_data(order: Order, data: Data) -> None:
    """Read the first example of every task, so that what is missing is told before a model is loaded.

    Raises:
        MissingError: A data set is not there.
    """
    from boldface.profiling.material import task_of

    for name in order.learned_from:
        task = task_of(name)
        wording = next((variant for variant in order.variants if variant in task.variants), task.variants[0])
        next(iter(task.examples(data, "train", wording)), None)


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(word) for word in words(text))
    except ValueError:
        raise ProfilingError(f"{text!r} is no list of numbers.", "Write for example 0.75,1.") from None
