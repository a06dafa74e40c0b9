"""``boldface profiles check``: does a profile still do, on this model, what it did when it was made?"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from boldface.cli import options
from boldface.cli.evaluate import Dtype
from boldface.cli.failures import BROKEN, DRIFTED
from boldface.cli.profiles.show import ProfileSource

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from boldface.insight.drift import Drift
    from boldface.profiles.profile import Profile

ModelName = Annotated[
    str,
    typer.Option("--model", "-m", metavar="NAME", help="The model to check it on.", autocompletion=options.models),
]
_CODES = {"valid": 0, "drifted": DRIFTED, "broken": BROKEN}
_STYLES = {"valid": "green", "drifted": "yellow", "broken": "red"}


def check_profile(
    profile: ProfileSource,
    model: ModelName,
    as_json: options.AsJson = False,
    dtype: Dtype = None,
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
) -> None:
    """Measure a profile's canaries again on a model: new weights, another type or quantisation can spoil it silently.

    The exit code is 0 when the profile is valid, 4 when it has drifted, 5 when it is broken.
    """
    from boldface.cli import terminal
    from boldface.cli.generate import load
    from boldface.profiles.profile import Profile

    made = Profile.load(profile)
    loaded = load(model, cache=cache, offline=offline, threads=threads, dtype=dtype)
    from boldface.insight.drift import check

    with terminal.waiting("measuring the canaries …"):
        found = check(made, loaded)
    if as_json:
        print(json.dumps(_report(made, loaded.name, found), ensure_ascii=False))
    else:
        console = terminal.screen()
        for part in _drawn(made, loaded.name, found):
            console.print(part)
    raise typer.Exit(_CODES[found.verdict])


def _report(profile: Profile, model: str, found: Drift) -> dict[str, Any]:
    return {
        "profile": profile.name,
        "model": model,
        "verdict": found.verdict,
        "reason": found.reason,
        "advice": found.advice,
        "kept": {"share": found.kept.mean, "low": _finite(found.kept.low), "high": _finite(found.kept.high)},
        "effect": {
            "then": found.expected.mean,
            "low": _finite(found.expected.low),
            "high": _finite(found.expected.high),
            "now": found.now,
        },
        "plain_moved": found.plain_moved,
        "relation": found.relation and {"kind": found.relation.kind, "differences": list(found.relation.differences)},
        "canaries": [
            {
                "prompt": each.then.prompt,
                "spans": [list(span) for span in each.then.spans],
                "target": each.then.target,
                "then": {"plain": each.then.plain, "steered": each.then.steered, "effect": each.then.effect},
                "now": {"plain": each.now.plain, "steered": each.now.steered, "effect": each.now.effect},
            }
            for each in found.sightings
        ],
    }


def _drawn(profile: Profile, model: str, found: Drift) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from boldface.cli import terminal

    yield _canaries(found)
    facts = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    interval = f" (95 %: {found.kept.low:.0%} to {found.kept.high:.0%})" if math.isfinite(found.kept.low) else ""
    for label, value in (
        ("effect", f"{found.expected.mean:+.2f} nats a token then, {found.now:+.2f} now"),
        ("kept", f"{found.kept.mean:.0%} of the canaries' effects{interval}"),
        ("plain model", f"moved by {found.plain_moved:.3f} nats a token"),
        ("made for", _relation(found)),
    ):
        facts.add_row(label, terminal.cell(value))
    yield facts
    verdict = Text(found.verdict, f"bold {_STYLES[found.verdict]}")
    yield Text.assemble("\n", f"Profile {profile.name} on {model}: ", verdict, f". {found.reason}")
    yield Text(found.advice)


def _canaries(found: Drift) -> Table:
    from rich.table import Table

    from boldface.cli import terminal

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in ("emphasised", "target"):
        table.add_column(head, overflow="fold")
    for head in ("effect then", "now", "plain moved"):
        table.add_column(head, justify="right", no_wrap=True)
    for each in sorted(found.sightings, key=lambda each: -each.moved):
        words = " … ".join(each.then.prompt[start:end] for start, end in each.then.spans)
        table.add_row(
            terminal.cell(words),
            terminal.cell(each.then.target.strip()),
            f"{each.then.effect:+.2f}",
            f"{each.now.effect:+.2f}",
            f"{each.now.plain - each.then.plain:+.3f}",
        )
    return table


def _relation(found: Drift) -> str:
    if found.relation is None:
        return "unknown: the profile does not say"
    kinds = {"same": "this model", "close": "a variant of this model", "foreign": "another model"}
    return ": ".join(filter(None, (kinds[found.relation.kind], "; ".join(found.relation.differences))))


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
