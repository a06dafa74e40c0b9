"""What a profile says about itself, as tables: what it is for, how it was made, what it scored, its canaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from boldface.cli import terminal
from boldface.cli.profiles.scores import scores_table
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.profiles.identity import Identity
from boldface.profiles.profile import Profile
from boldface.profiles.provenance import Cost


def about(profile: Profile) -> Iterator[Table]:
    """Yield the tables that have something to say; the first one always."""
    yield _facts(profile)
    if profile.tasks:
        yield _tasks(profile)
    if profile.scores:
        yield scores_table(profile.scores)
    if profile.canaries:
        yield _canaries(profile)


def _facts(profile: Profile) -> Table:
    up = sum(gain > 0 for gain in profile.gains.values())
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for label, value in (
        ("name", f"{profile.name}, version {profile.version}"),
        ("model", profile.model or "unknown"),
        *(_identity(profile.identity) if profile.identity else ()),
        ("heads", f"{len(profile.gains)} ({up} turned to the emphasis, {len(profile.gains) - up} away from it)"),
        ("strength", terminal.nats_and_factor(profile.strength)),
        ("scope", profile.scope),
        ("rule", profile.rule if profile.target is None else f"{profile.rule}, target share {profile.target:g}"),
        ("method", profile.method),
        ("settings", _settings(profile.settings)),
        ("seed", "" if profile.seed is None else str(profile.seed)),
        ("cost", _cost(profile.cost) if profile.cost else ""),
        ("made by", f"boldface {profile.boldface}" if profile.boldface else ""),
        ("note", profile.note),
    ):
        if value:
            table.add_row(label, terminal.cell(value))
    return table


def _identity(model: Identity) -> Iterator[tuple[str, str]]:
    quantised = f", {model.quantization}" if model.quantization else ""
    yield "weights", f"{model.origin or 'of unknown origin'}, {model.dtype}{quantised}"
    yield (
        "shape",
        f"{model.architecture}, {model.layers} layers of {model.heads} heads ({model.kv_heads} key-value) "
        f"of {model.head_dim} dimensions",
    )
    yield "digests", f"weights {model.weights or 'unread'}, tokenizer {model.tokenizer or 'unknown'}"


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items() if not isinstance(value, dict | list))


def _cost(cost: Cost) -> str:
    return f"{terminal.count(cost.trials, 'trial')}, {cost.passes:,} token passes, {cost.seconds / 60:.1f} minutes"


def _tasks(profile: Profile) -> Table:
    table = _table("learned from", "setting", "wording", "split", "rows", "weight")
    for task in profile.tasks:
        table.add_row(
            *map(terminal.cell, (task.name, task.setting, task.variant, task.split)),
            str(task.rows),
            f"{task.weight:g}",
        )
    return table


def _canaries(profile: Profile) -> Table:
    table = _table("canary", "target", "plain", "steered")
    coloured = terminal.screen().is_terminal
    for canary in profile.canaries:
        spans = tuple(CharSpan(start, end) for start, end in canary.spans)
        prompt = terminal.marked(EmphasisedText(canary.prompt, spans), coloured=coloured)
        target = terminal.cell(canary.target.strip())
        table.add_row(prompt, target, f"{canary.plain:+.2f}", f"{canary.steered:+.2f}")
    table.caption = "Mean log-probability of the target, in nats a token."
    table.caption_justify = "left"
    return table


def _table(*heads: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in heads:
        table.add_column(head, overflow="fold")
    return table
