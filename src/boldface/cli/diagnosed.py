"""What ``boldface diagnose`` shows: the reruns, the cause, and the change that repairs it."""

from __future__ import annotations

from types import TracebackType

from rich.status import Status
from rich.table import Table
from rich.text import Text

from boldface.cli import terminal
from boldface.insight.diagnosis.diagnose import Diagnosis
from boldface.insight.diagnosis.pasting import command
from boldface.insight.diagnosis.reruns import Rerun

TITLES = {
    "none": "nothing is wrong",
    "span": "the wrong words are emphasised",
    "profile": "the profile does not fit this model",
    "too weak": "the emphasis is too weak",
    "too strong": "the emphasis is too strong",
    "decoding": "decoding",
    "examples": "emphasis alone cannot say it",
    "model": "the model cannot do it",
    "unknown": "not found",
}
"""Causes, as they are shown."""


class Waiting:
    """A line on standard error that tells how many reruns there were; nothing where that is no terminal."""

    def __init__(self) -> None:
        self.count = 0
        self.status: Status | None = None

    def told(self, rerun: Rerun) -> None:
        """Count one."""
        self.count += 1
        if self.status is not None:
            self.status.update(f"asking again … {terminal.count(self.count, 'rerun')}, the last: {rerun.says}")

    def __enter__(self) -> Waiting:
        console = terminal.margin()
        if console.is_terminal:
            self.status = console.status("asking …")
            self.status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.status is not None:
            self.status.stop()


def draw(found: Diagnosis, model: str) -> None:
    """Print a diagnosis.

    Args:
        found: The diagnosis.
        model: What the model is called on the command line.
    """
    console = terminal.screen()
    console.print(_table(found))
    style = terminal.GOOD if found.causes == ("none",) else terminal.BAD
    cause = " and ".join(TITLES[name] for name in found.causes)
    sure = "" if found.certain else " (not certain)"
    console.print(Text.assemble("\nCause: ", (cause, f"bold {style}"), sure))
    console.print(terminal.cell(found.reason))
    for fact in found.facts:
        console.print(Text(terminal.harmless(fact), terminal.QUIET))
    if found.repair is not None and found.repair.changes:
        typed = command(found.repair.setting, model)
        several = found.repair.setting.draws > 1
        why = "The repair draws several answers: no one command gives them all" if several else "In Python"
        console.print("\nRepaired:" if typed else f"\n{why}; see --json for the arguments.")
        if typed:
            terminal.write(f"{typed}\n")


def _table(found: Diagnosis) -> Table:
    """A line for every rerun, cut to the width of the terminal; of several changes the last comes first."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), expand=True)
    table.add_column("", width=6)
    table.add_column("changed", no_wrap=True, overflow="ellipsis", ratio=4)
    table.add_column("answer", no_wrap=True, overflow="ellipsis", ratio=3)
    table.add_column("check", no_wrap=True, overflow="ellipsis", ratio=3)
    for rerun in found.reruns:
        mark = Text("passes", terminal.GOOD) if rerun.passed else Text("fails", terminal.BAD)
        failed = next((place for place, one in enumerate(rerun.verdicts) if not one.passed), 0)
        answer = " ".join(rerun.answers[failed].split()) if rerun.answers else "—"
        why = rerun.verdicts[failed].why if rerun.verdicts else rerun.error
        several = f" ({sum(one.passed for one in rerun.verdicts)} of {len(rerun.verdicts)} draws pass)"
        table.add_row(
            mark,
            terminal.cell("; ".join(change.says for change in reversed(rerun.changes)) or "as asked"),
            terminal.cell(answer),
            terminal.cell(why + (several if len(rerun.verdicts) > 1 else "")),
        )
    return table
