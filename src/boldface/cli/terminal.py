"""What is drawn in the terminal: answers on standard output, notes and what one waits for on standard error.

Colours follow the terminal, ``NO_COLOR`` and ``COLUMNS``; nothing is said by colour alone.
"""

from __future__ import annotations

import io
import math
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich import console as rich_console
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from boldface.emphasis.markup import render
from boldface.emphasis.span import EmphasisedText

if TYPE_CHECKING:
    from boldface.engine.generation import Generation

_SVG: str = vars(rich_console)["CONSOLE_SVG_FORMAT"]  # documented there, but not declared as exported

WIDE = 100
"""From this many columns on, two answers stand side by side."""

LIFTED, LOWERED, QUIET, GOOD, BAD = "bold yellow", "blue", "dim", "green", "red"
PLAIN, STEERED = "cyan", "yellow"


_PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_PICTURES |= {0x7F: 0x2421, **dict.fromkeys(range(0x80, 0xA0), 0xFFFD)}


def screen() -> Console:
    """Return the console of standard output."""
    return Console(highlight=False)


def margin() -> Console:
    """Return the console of standard error."""
    return Console(stderr=True, highlight=False)


def paper() -> Console:
    """Return a console as wide as the terminal that records what is printed, in colour, and shows it nowhere."""
    width = screen().width
    return Console(highlight=False, record=True, file=io.StringIO(), force_terminal=True, no_color=False, width=width)


def save(paper: Console, path: Path, *, title: str) -> None:
    """Write what a paper holds as an SVG picture, which asks no other machine for its font."""
    bare = re.sub(r"@font-face \{\{.*?\}\}\s*|<!--.*?-->\s*", "", _SVG, flags=re.DOTALL)
    path.write_text(paper.export_svg(title=title, code_format=bare), encoding="utf-8")


def note(words: str) -> None:
    """Say something beside the answer, on standard error."""
    margin().print(Text(words, style=QUIET), soft_wrap=True)


@contextmanager
def waiting(words: str) -> Iterator[None]:
    """Draw a spinner on standard error while something takes its time; nothing where that is no terminal."""
    console = margin()
    if not console.is_terminal:
        yield
        return
    with console.status(words):
        yield


def style(nats: float) -> str:
    """Return the style of a token of that strength."""
    return LIFTED if nats > 0 else LOWERED if nats < 0 else ""


def nats_and_factor(nats: float) -> str:
    """Write a strength both ways: ``+4.61 nats (×100)``."""
    return f"{nats:+.2f} nats (×{math.exp(nats):.3g})"


def marked(text: EmphasisedText, *, coloured: bool) -> Text:
    """Draw a prompt with its emphasised words in bold, or with its markup where nothing can be drawn bold."""
    if not coloured:
        return Text(harmless(render(text)))
    drawn = Text(harmless(text.text))
    for span in text.spans:
        drawn.stylize(style(1.0 if span.strength is None else span.strength), span.start, span.end)
    return drawn


def answers(plain: RenderableType, steered: RenderableType, width: int) -> RenderableType:
    """Put two boxes side by side where there is room, else one above the other."""
    if width < WIDE:
        return Group(plain, steered)
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(ratio=1)
    table.add_column(ratio=1)
    table.add_row(plain, steered)
    return table


def box(title: str, beside: str, text: str, below: Text | None, colour: str) -> Panel:
    """Frame one answer: its title and what goes beside that above, a verdict below."""
    body = Text(harmless(text.strip("\n"))) if text.strip() else Text("(no words)", style=QUIET)
    above = Text.assemble((title, f"bold {colour}"), (f" · {beside}", QUIET))
    edges = {"title_align": "left", "subtitle_align": "left", "border_style": colour, "padding": (0, 1)}
    return Panel(body, title=above, subtitle=below or None, **edges)  # type: ignore[arg-type]


def steered_with(generation: Generation) -> str:
    """Say in one line what was steered: tokens, strengths, heads and routes."""
    spans = [span for span in generation.steering.spans if span.strength]
    gains = generation.steering.gains
    tokens = sum(span.end - span.start for span in spans)
    strengths = sorted({span.strength for span in spans}, reverse=True)
    report = generation.report()
    routes = ", ".join(report["routes"]) or "none"
    scope = "" if report["scope"] == "all" else f", scope {report['scope']}"
    return (
        f"{tokens} of {len(generation.prompt.ids)} prompt tokens by {', '.join(map(nats_and_factor, strengths))}, "
        f"{count(len(gains), 'head')} in {count(len(gains.layers), 'layer')}, route {routes}{scope}"
    )


def count(number: int, noun: str) -> str:
    """Write ``1 head``, ``2 heads``."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def write(words: str) -> None:
    """Write words of the answer at once: to the letter, but for control characters that would command a terminal."""
    sys.stdout.write(harmless(words) if sys.stdout.isatty() else words)
    sys.stdout.flush()


def cell(words: str) -> Text:
    """Return words for a cell of a table, to the letter: brackets in them are no markup."""
    return Text(harmless(words))


def harmless(words: str) -> str:
    """Return the words with pictures (``␛``) in place of control characters; line ends and tabs stay."""
    return words.translate(_PICTURES)
