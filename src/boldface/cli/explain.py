"""``boldface explain``: why an answer is what it is, and which heads made it so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from boldface.cli import options
from boldface.cli.generate import forced, load
from boldface.cli.prompt import Marking, is_emphasised, read_file, read_prompt
from boldface.emphasis.strength import resolve_strength
from boldface.errors import BoldfaceError

if TYPE_CHECKING:
    from boldface.insight.explaining.explain import Watch
    from boldface.insight.explaining.explanation import Explanation

Answer = Annotated[
    str | None,
    typer.Option(
        "--answer",
        metavar="TEXT",
        help="Explain this answer, say the one that you wished for (default: what the model answers).",
    ),
]
AnswerFile = Annotated[Path | None, typer.Option("--answer-file", metavar="FILE", help="Read the answer from here.")]
Html = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Write the picture here: one page, for any browser.")
]
Quick = Annotated[
    bool, typer.Option("--quick", help="Do not leave out every head in turn: tell what the slopes expect of them.")
]
MaxNewTokens = Annotated[
    int, typer.Option("--max-new-tokens", min=1, metavar="N", help="Longest answer.", rich_help_panel=options.ANSWER)
]


def explain(
    prompt: options.PromptText = None,
    file: options.PromptFile = None,
    messages: options.MessagesFile = None,
    answer: Answer = None,
    answer_file: AnswerFile = None,
    html: Html = None,
    as_json: options.AsJson = False,
    quick: Quick = False,
    markup: options.Markup = True,
    dialect: options.Dialect = "markdown",
    span: options.Spans = None,
    emphasise: options.Words = None,
    occurrence: options.Occurrence = "first",
    heads: options.Heads = None,
    force_profile: options.ForceProfile = False,
    alpha: options.Alpha = None,
    factor: options.Factor = None,
    strength: options.Strength = None,
    scope: options.Scope = None,
    rule: options.Rule = None,
    share: options.Share = None,
    target: options.TargetShare = None,
    route: options.Route = "auto",
    overlap: options.Overlap = "any",
    max_new_tokens: MaxNewTokens = 64,
    raw: options.Raw = False,
    model: options.ModelName = "smollm2",
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
) -> None:
    """Explain an answer: where the attention went, what the emphasis changed, and which heads did it.

    The model answers greedily, with and without the emphasis, unless an answer is given.
    """
    marking = Marking(dialect if markup else None, span or (), emphasise or (), occurrence)
    asked = read_prompt(prompt, file, messages, marking)
    if not is_emphasised(asked):
        raise BoldfaceError("There is nothing to explain: no words are emphasised.", "Mark some: '**Be brief.**'.")
    if answer is not None and answer_file is not None:
        raise BoldfaceError("The answer is given twice: as text and as --answer-file.", "Give one of them.")
    said = answer if answer_file is None else read_file(answer_file)
    if said is not None and not said.strip():
        raise BoldfaceError("The answer is empty.", "Give the words that follow the prompt, or leave it out.")
    resolve_strength(alpha=alpha, factor=factor, strength=strength)
    if html is not None:
        from boldface.cli.measured import check_places

        check_places(html)
    loaded = load(model, cache=cache, offline=offline, threads=threads)
    from boldface.cli import terminal
    from boldface.insight.explaining.explain import explain as explain_answer

    with _watching() as watch:
        told = explain_answer(
            loaded,
            asked,
            said,
            heads=forced(heads) if force_profile else heads,
            alpha=alpha,
            factor=factor,
            strength=strength,
            scope=scope,
            rule=rule,
            share=share,
            target=target,
            route=route,
            overlap=overlap,
            raw=raw,
            max_new_tokens=max_new_tokens,
            each=not quick,
            watch=watch,
        )
    if html is not None:
        _write(html, told)
    if as_json:
        print(json.dumps(told.to_json(), ensure_ascii=False))
        return
    from boldface.cli.explained import drawn

    console = terminal.screen()
    for part in drawn(told, console.width):
        console.print(part)


@contextmanager
def _watching() -> Iterator[Watch | None]:
    """Give what draws a bar on standard error; nothing where that is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from boldface.cli import terminal

    console = terminal.margin()
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("explaining"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _write(path: Path, told: Explanation) -> None:
    from boldface.cli import terminal
    from boldface.insight.explaining.page import render_html

    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_html(told), encoding="utf-8")
    terminal.note(f"The picture is in {path}: open it in a browser.")
