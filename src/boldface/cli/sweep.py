"""``boldface sweep``: what more obedience costs, point by point, and the point to work at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from boldface.cli import options
from boldface.cli.evaluate import DataFolder, Dtype, ProfileName, require_extra, words
from boldface.errors import HeadError, MissingError, StrengthError, SweepError

if TYPE_CHECKING:
    from boldface.profiles.heads import HeadGains
    from boldface.profiles.profile import Profile
    from boldface.sweeps.axis import Axis
    from boldface.sweeps.questions import Questions
    from boldface.sweeps.space import Space

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


def sweep(
    strength: Strengths = None,
    factor: Factors = None,
    alpha: Alphas = None,
    head_counts: HeadCounts = None,
    sparsity: Sparsity = None,
    scopes: Scopes = "all,answer",
    temperatures: Temperatures = "0",
    sampler: SamplerName = "tpe",
    ablation: Ablation = None,
    seed: Seed = 0,
    tasks: Tasks = None,
    objectives: Objectives = None,
    rows: Rows = 24,
    proof: Proof = None,
    confirm: Confirm = None,
    settings: Settings = "raw",
    variants: Variants = "original",
    batch: Batch = 32,
    most_divergence: MostDivergence = 0.3,
    data: DataFolder = None,
    minutes: Minutes = None,
    trials: Trials = None,
    workers: WorkerCount = 1,
    ray: RayAddress = None,
    storage: Storage = None,
    study: StudyName = None,
    out: Out = None,
    write: Write = None,
    force_write: ForceWrite = False,
    show: Show = False,
    report: Report = None,
    markdown: Markdown = None,
    plot: Plot = None,
    as_json: AsJson = False,
    profile: ProfileName = None,
    force_profile: options.ForceProfile = False,
    model: options.ModelName = "smollm2",
    dtype: Dtype = None,
    route: options.Route = "auto",
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
) -> None:
    """Try strengths, numbers of heads, scopes and decodings of a profile; show what more obedience costs.

    Ends with the front of the best exchanges and a recommended point, which --write puts into a profile. Everything is
    kept; the same command goes on where it was interrupted, and machines may share one storage.
    """
    began = time.monotonic()
    require_extra()
    _require_sweeps()
    from boldface.cli import swept
    from boldface.cli.measured import check_places

    short = Path(model).stem if model.endswith(".gguf") else Path(model).name or "model"
    name = study or (f"{short} {ablation}" if ablation else short)
    place, records = storage or str(Path("sweeps") / f"{short}.journal"), out or Path("sweeps") / f"{short}.jsonl"
    shown = swept.Shown(report, markdown, tuple(plot or ()), as_json)
    shown.check()
    if show:
        if write:
            raise SweepError("A profile is written with its model at hand.", "Leave --show out; nothing is run twice.")
        swept.show(place, name if study or ablation else None, shown)
        return
    check_places(records, write)
    if write is not None:
        if ablation:
            raise SweepError("An ablation recommends nothing, so there is nothing to write.", "Leave --write out.")
        from boldface.sweeps.writing import check_place

        check_place(write)
    from boldface.engine.settings import settings as resolve
    from boldface.profiling.laboratory import Budget
    from boldface.tasks.data import Data

    base = _base(profile, model, force=force_profile)
    if ablation:
        _refuse_with_ablation(strength, factor, alpha, head_counts, sparsity, temperatures)
        space = None
    else:
        space = _space(base, _strengths(strength, factor, alpha), head_counts, sparsity, scopes, temperatures)
        if sampler == "grid":
            space.check_grid()
    gridded = ablation is not None or sampler == "grid"
    budget = Budget(MINUTES if minutes is None and trials is None and not gridded else minutes, trials)
    asked = _questions(
        tasks or ("json" if ablation else "paper,neutral"), rows, proof, confirm, settings, variants, batch, seed
    )
    folder = Data(resolve(data=data).data)
    from boldface.cli import sweeping, terminal

    with terminal.waiting("reading the data …"):
        plan = sweeping.Plan.of(asked, folder, objectives and words(objectives), ablation=ablation)
    from boldface.cli.generate import load

    loaded = load(model, cache=cache, offline=offline, threads=threads, dtype=dtype)
    job = sweeping.Job(
        plan,
        base,
        space,
        ablation,
        sampler,
        budget,
        began,
        place,
        name,
        records,
        most_divergence,
        route,
        workers,
        ray,
        {"threads": threads, "cache": cache, "offline": offline},
    )
    try:
        outcome = sweeping.run(loaded, job)
    except KeyboardInterrupt:
        terminal.note(f"Interrupted. The answers are in {records}, the points in {place}: the same command goes on.")
        raise
    shown.tell(outcome)
    if write is not None:
        sweeping.write(loaded, base, outcome, write, force=force_write)


def _require_sweeps() -> None:
    """Raise MissingError when what only sweeps need is not installed; else have Optuna say what matters alone."""
    from importlib.util import find_spec

    if missing := [name for name in ("optuna", "matplotlib") if find_spec(name) is None]:
        raise MissingError(f"{' and '.join(missing)} is not installed.", "Run: pip install 'boldface[sweep]'")
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)


def _base(profile: str | None, model: str, *, force: bool) -> Profile | HeadGains:
    """Return the profile that is swept, or the heads that were named by hand.

    Raises:
        HeadError: There is none.
    """
    from boldface.cli.generate import forced
    from boldface.engine.catalogue import EMBEDDED
    from boldface.engine.heads import read_heads

    if profile is None and model not in EMBEDDED:
        raise HeadError(f"No profile comes with {model}.", "Name one with --profile: boldface profiles make makes it.")
    if force:
        return forced(profile)
    return read_heads(profile or model)


def _strengths(strength: str | None, factor: str | None, alpha: str | None) -> Axis | None:
    """Read the one spelling of the strengths that is given.

    Raises:
        StrengthError: More than one is given, or a value is out of range.
        SweepError: It cannot be read.
    """
    from boldface.emphasis.strength import check_strength, nats_from_alpha, nats_from_factor
    from boldface.sweeps.axis import read_axis

    spellings = {"--strength": check_strength, "--factor": nats_from_factor, "--alpha": nats_from_alpha}
    given = {name: text for name, text in zip(spellings, (strength, factor, alpha), strict=True) if text is not None}
    if len(given) > 1:
        raise StrengthError(f"{' and '.join(given)} say the same thing twice.", "Give only one of them.")
    return next((read_axis(text, name, spellings[name]) for name, text in given.items()), None)


def _space(
    base: Profile | HeadGains,
    strengths: Axis | None,
    head_counts: str | None,
    sparsity: str | None,
    scopes: str,
    temperatures: str,
) -> Space:
    """Put together what may be tried, and refuse what this profile cannot have.

    Raises:
        SweepError: It makes no sense.
    """
    from boldface.emphasis.strength import DEFAULT_STRENGTH
    from boldface.profiles.profile import Profile
    from boldface.sweeps.axis import Axis, read_axis
    from boldface.sweeps.space import Space, counts, default_strengths, fewer, read_scopes, read_temperatures

    gains, own = (base.gains, base.strength) if isinstance(base, Profile) else (base, DEFAULT_STRENGTH)
    if head_counts and sparsity:
        raise SweepError("--head-counts and --sparsity say the same thing twice.", "Give only one of them.")
    if head_counts:
        heads = read_axis(head_counts, "--head-counts", counts, even=False)
    elif sparsity:
        heads = read_axis(sparsity, "--sparsity", lambda part: fewer(len(gains), part))
    else:
        heads = Axis(max(1, len(gains) // 16), len(gains)) if len(gains) > 1 else Axis.of((1,))
    space = Space(
        strengths or default_strengths(own, gains),
        heads,
        read_scopes(words(scopes)),
        read_temperatures(words(temperatures)),
    )
    space.check(gains)
    return space


def _refuse_with_ablation(*given: str | None) -> None:
    """Refuse what an ablation would not look at.

    Raises:
        SweepError: Something of it is given.
    """
    if any(one not in (None, "0") for one in given):
        raise SweepError(
            "An ablation says itself what is tried.",
            "Leave --strength, --factor, --alpha, --head-counts, --sparsity and --temperatures out, or --ablation.",
        )


def _questions(
    tasks: str, rows: int, proof: int | None, confirm: int | None, settings: str, variants: str, batch: int, seed: int
) -> Questions:
    """Put together what is asked.

    Raises:
        TaskError: There is no such task, setting or wording.
    """
    from boldface.sweeps.questions import Questions
    from boldface.tasks.catalogue import PAPER, find_task

    chosen = [name for word in words(tasks) for name in (PAPER if word == "paper" else [word])]
    asked = Questions(
        tuple(find_task(name) for name in dict.fromkeys(chosen)),
        rows,
        proof or rows,
        confirm or 0,
        tuple(dict.fromkeys(words(settings))),  # type: ignore[arg-type]
        tuple(dict.fromkeys(words(variants))),
        batch,
        seed,
    )
    asked.request()
    return asked.held()
