"""``boldface demo``: a plain model's answers beside the steered ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from boldface.cli import options
from boldface.cli.generate import Asking, load
from boldface.cli.prompt import is_emphasised, plain
from boldface.cli.showcase import SHOWCASES, Showcase
from boldface.emphasis.markup import parse
from boldface.engine.catalogue import EMBEDDED
from boldface.errors import BoldfaceError

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.panel import Panel

    from boldface.engine.generation import Generation
    from boldface.engine.model import Model


def demo(
    model: options.ModelName = "smollm2",
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Your own prompt, with **bold** words, in place of ours.")
    ] = None,
    heads: options.Heads = None,
    max_new_tokens: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Longest answer, in tokens.", rich_help_panel=options.ANSWER),
    ] = None,
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
    svg: Annotated[Path | None, typer.Option(hidden=True, help="Draw it into this file instead.")] = None,
) -> None:
    r"""Show the effect: the plain model's answer beside the steered one.

    Both answers are generated while you wait, greedily. The prompts were picked because they show the effect: they say
    nothing of how often it does. The exit code is 0 even when it does not show, and the last line then says so.
    """
    from boldface.cli import terminal

    if prompt is not None and not is_emphasised(parse(prompt)):
        raise BoldfaceError("No words of the prompt are emphasised.", "Mark them, as in 'Who was Ada? **Be brief.**'.")
    loaded = load(model, cache=cache, offline=offline, threads=threads)
    shown = SHOWCASES.get(model, SHOWCASES["smollm2" if loaded.chat else "gemma"])
    cases = shown if prompt is None else (Showcase(prompt),)
    if max_new_tokens is not None:
        cases = tuple(replace(case, tokens=max_new_tokens) for case in cases)
    ask = Asking(loaded, {"heads": heads}, quiet=True)
    console = terminal.paper() if svg else terminal.screen()
    for part in _play(ask, cases, console.width, coloured=console.is_terminal):
        console.print(part)
    if svg:
        terminal.save(console, svg, title="boldface demo")


def _play(ask: Asking, cases: tuple[Showcase, ...], width: int, *, coloured: bool) -> Iterator[RenderableType]:
    """Yield what is to be drawn, piece by piece, as the answers come."""
    from rich.text import Text

    from boldface.cli import terminal

    yield Text.assemble((_title(ask.model), "bold"), (f" · {_shape(ask.model)}", terminal.QUIET))
    followed = []
    for case in cases:
        text = parse(case.prompt)
        yield Text()
        yield terminal.marked(text, coloured=coloured)
        unsteered = ask(plain(text), max_new_tokens=case.tokens)
        steered = ask(text, max_new_tokens=case.tokens)
        told = [_verdict(case, generation, unsteered[0]) for generation, _ in (unsteered, steered)]
        followed.append((told[0][0], told[1][0]))
        boxes = [
            _framed(title, generation, seconds, mark, colour)
            for title, (generation, seconds), (_, mark), colour in (
                ("plain", unsteered, told[0], terminal.PLAIN),
                ("steered", steered, told[1], terminal.STEERED),
            )
        ]
        yield terminal.answers(boxes[0], boxes[1], width)
        yield Text(f"Steered {terminal.steered_with(steered[0])}.", style=terminal.QUIET)
    yield Text()
    yield Text(_moral(followed), style="bold")
    yield Text("Try your own words:\n  boldface generate --compare 'Who was Ada Lovelace? **Be brief.**'")


def _verdict(case: Showcase, generation: Generation, unsteered: Generation) -> tuple[bool, str]:
    if case.judge is None:
        same = generation.text == unsteered.text
        return not same, "" if generation is unsteered else "≠ another answer" if not same else "= the same answer"
    follows, seen = case.judge(generation.text)
    return follows, f"{'✓' if follows else '✗'} {seen}"


def _framed(title: str, generation: Generation, seconds: float, mark: str, colour: str) -> Panel:
    from rich.text import Text

    from boldface.cli import terminal

    tone = {"✓": terminal.GOOD, "✗": terminal.BAD}.get(mark[:1], "")
    cut = ", cut" if generation.finish_reason == "length" else ""
    return terminal.box(title, f"{seconds:.1f} s{cut}", generation.text, Text(mark, tone), colour)


def _moral(followed: list[tuple[bool, bool]]) -> str:
    """Say what the answers showed, and no more."""
    turned = sum(steered and not plain for plain, steered in followed)
    lost = sum(plain and not steered for plain, steered in followed)
    if turned == len(followed):
        said = "Every answer turned to the emphasis." if turned > 1 else "The answer turned with the emphasis."
    elif turned:
        said = f"{turned} of {len(followed)} answers turned to the emphasis."
    else:
        said = "Here the effect does not show: no answer turned to the emphasis."
    if lost:
        said += f" {lost} followed it only without steering."
    return said


def _title(model: Model) -> str:
    embedded = EMBEDDED.get(model.name)
    return f"{embedded.title} ({embedded.licence})" if embedded else model.name


def _shape(model: Model) -> str:
    heads = model.geometry.heads
    return f"{len(heads)} layers of {max(heads.values())} heads, on {next(model.model.parameters()).device}"
