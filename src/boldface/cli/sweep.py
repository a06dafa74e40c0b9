"""``boldface sweep``: what more obedience costs, point by point, and the point to work at."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from boldface.cli import options, sweep_options
from boldface.cli.evaluate import DataFolder, Dtype, ProfileName, require_extra, words
from boldface.errors import HeadError, MissingError, StrengthError, SweepError

if TYPE_CHECKING:
    from boldface.profiles.heads import HeadGains
    from boldface.profiles.profile import Profile
    from boldface.sweeps.axis import Axis
    from boldface.sweeps.questions import Questions
    from boldface.sweeps.space import Space


def sweep(
    strength: sweep_options.Strengths = None,
    factor: sweep_options.Factors = None,
    alpha: sweep_options.Alphas = None,
    head_counts: sweep_options.HeadCounts = None,
    sparsity: sweep_options.Sparsity = None,
    scopes: sweep_options.Scopes = "all,answer",
    temperatures: sweep_options.Temperatures = "0",
    sampler: sweep_options.SamplerName = "tpe",
    ablation: sweep_options.Ablation = None,
    seed: sweep_options.Seed = 0,
    tasks: sweep_options.Tasks = None,
    objectives: sweep_options.Objectives = None,
    rows: sweep_options.Rows = 24,
    proof: sweep_options.Proof = None,
    confirm: sweep_options.Confirm = None,
    settings: sweep_options.Settings = "raw",
    variants: sweep_options.Variants = "original",
    batch: sweep_options.Batch = 32,
    most_divergence: sweep_options.MostDivergence = 0.3,
    data: DataFolder = None,
    minutes: sweep_options.Minutes = None,
    trials: sweep_options.Trials = None,
    workers: sweep_options.WorkerCount = 1,
    ray: sweep_options.RayAddress = None,
    storage: sweep_options.Storage = None,
    study: sweep_options.StudyName = None,
    out: sweep_options.Out = None,
    write: sweep_options.Write = None,
    force_write: sweep_options.ForceWrite = False,
    show: sweep_options.Show = False,
    report: sweep_options.Report = None,
    markdown: sweep_options.Markdown = None,
    plot: sweep_options.Plot = None,
    as_json: sweep_options.AsJson = False,
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
    budget = Budget(sweep_options.MINUTES if minutes is None and trials is None and not gridded else minutes, trials)
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
    from boldface.tasks.catalogue import find_task, task_names

    asked = Questions(
        tuple(find_task(name) for name in task_names(words(tasks))),
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
