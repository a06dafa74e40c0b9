"""What ``boldface sweep`` shows in the end: the front, the recommended point, pictures, a page, or JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from boldface.cli import terminal
from boldface.cli.measured import check_places
from boldface.errors import SweepError
from boldface.sweeps.drawing import KINDS, draw
from boldface.sweeps.outcome import Outcome
from boldface.sweeps.page import render_html
from boldface.sweeps.study import Study
from boldface.sweeps.tables import render_markdown


@dataclass(frozen=True)
class Shown:
    """Where a sweep is told.

    Attributes:
        report: The HTML page.
        markdown: All tables.
        plots: Pictures.
        as_json: Whether standard output gets one JSON object and not the tables.
    """

    report: Path | None
    markdown: Path | None
    plots: tuple[Path, ...]
    as_json: bool

    def check(self) -> None:
        """Refuse files that cannot be written, before anything runs for them.

        Raises:
            BoldfaceError: One is a folder, or of a kind that is not drawn.
        """
        check_places(self.report, self.markdown, *self.plots)
        if wrong := next((path for path in self.plots if path.suffix.lower() not in KINDS), None):
            raise SweepError(f"{wrong} is of no kind that is drawn.", f"Name it .{', .'.join(k[1:] for k in KINDS)}.")

    def tell(self, outcome: Outcome) -> None:
        """Write what was asked for, and the summary to standard output."""
        if self.markdown is not None:
            _keep(self.markdown, render_markdown(outcome, whole=True))
        if self.report is not None:
            _keep(self.report, render_html(outcome))
        for path in self.plots:
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(outcome, path)
            terminal.note(f"Wrote {path}.")
        if self.as_json:
            print(json.dumps(outcome.to_json(), indent=1, ensure_ascii=False, allow_nan=False))
        else:
            terminal.write(render_markdown(outcome))


def show(place: str, name: str | None, shown: Shown) -> None:
    """Show what a storage holds.

    Raises:
        SweepError: There is no such storage or study, or nothing was measured yet.
    """
    shown.tell(Outcome.of(Study.show(place, name)))


def _keep(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    terminal.note(f"Wrote {path}.")
