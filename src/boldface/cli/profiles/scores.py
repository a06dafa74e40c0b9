"""The scores in a profile as a table, whatever their nesting: a row a metric, a column an arm."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from boldface.cli import terminal

_ERRORS = ("stderr", "error")


def scores_table(scores: Mapping[str, Any]) -> Table:
    """Return a table of all numbers; what is no number, and belongs to all of them, is its caption.

    A number is told with its error: one beside it named ``NAME stderr``, or in a mapping with it (``mean`` and
    ``stderr``, or ``low`` and ``high``).
    """
    arms = {name: dict(_leaves(value, ())) for name, value in scores.items() if isinstance(value, Mapping)}
    alone = {name: value for name, value in scores.items() if not isinstance(value, Mapping)}
    arms = {name: leaves for name, leaves in arms.items() if leaves}
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("scores", overflow="fold")
    for arm in arms:
        table.add_column(terminal.cell(arm), justify="right", overflow="fold")
    for path in dict.fromkeys(path for leaves in arms.values() for path in leaves):
        label = " · ".join(path) or "all"
        table.add_row(*map(terminal.cell, (label, *(leaves.get(path, "") for leaves in arms.values()))))
    if alone:
        table.caption = terminal.cell(", ".join(f"{name} {value}" for name, value in alone.items()))
        table.caption_justify = "left"
    return table


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping) and "mean" in value:
        yield path, _with_error(value["mean"], value)
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if not any(name.endswith(f" {word}") and name.removesuffix(f" {word}") in value for word in _ERRORS):
                beside = {word: value[f"{name} {word}"] for word in _ERRORS if f"{name} {word}" in value}
                yield from ((at, f"{said}{_error(beside)}") for at, said in _leaves(inner, (*path, name)))
    else:
        yield path, _number(value)


def _with_error(mean: Any, beside: Mapping[str, Any]) -> str:
    if "low" in beside and "high" in beside:
        return f"{_number(mean)} ({_number(beside['low'])} to {_number(beside['high'])})"
    return f"{_number(mean)}{_error(beside)}"


def _error(beside: Mapping[str, Any]) -> str:
    return next((f" ± {_number(beside[word])}" for word in _ERRORS if beside.get(word) is not None), "")


def _number(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
