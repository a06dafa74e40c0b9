"""``boldface generate``: answer one prompt."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from boldface.cli import options
from boldface.cli.prompt import Marking, Messages, is_emphasised, plain, read_messages, read_text
from boldface.emphasis.span import EmphasisedText
from boldface.emphasis.strength import resolve_strength
from boldface.errors import BoldfaceError

if TYPE_CHECKING:
    from boldface.engine.generation import Generation
    from boldface.engine.model import Model

EMPHASIS = "Emphasis"


def generate(
    prompt: Annotated[
        str | None, typer.Argument(help="The prompt; '-' or nothing reads standard input.", show_default=False)
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", metavar="FILE", help="Read the prompt from here.")] = None,
    messages: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A chat as JSON; its emphasis is in its own spans.")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="The plain model's answer beside the steered one.")] = False,
    show_spans: Annotated[
        bool, typer.Option("--show-spans", help="Show which tokens are hit and how hard; the model does not answer.")
    ] = False,
    as_json: options.AsJson = False,
    stream: Annotated[
        bool | None, typer.Option("--stream/--no-stream", help="Write word by word (default: in a terminal).")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes on standard error.")] = False,
    markup: Annotated[
        bool, typer.Option("--markup/--no-markup", help="Read **bold** and \\[words]{x=10}, or take them as they are.",
                           rich_help_panel=EMPHASIS)
    ] = True,
    dialect: options.Dialect = "markdown",
    span: Annotated[
        list[str] | None,
        typer.Option(metavar="START:END[:STRENGTH]", rich_help_panel=EMPHASIS,
                     help="Emphasise characters of the text without markup, as in 10:25 or 10:25:x=10; repeatable."),
    ] = None,
    emphasise: Annotated[
        list[str] | None,
        typer.Option("--emphasise", "--emphasize", "-e", metavar="WORDS", rich_help_panel=EMPHASIS,
                     help="Emphasise these words of the text; repeatable."),
    ] = None,
    occurrence: Annotated[
        str,
        typer.Option(metavar="WHICH", help="Which occurrence of the words: first, last, all or a number from 0.",
                     autocompletion=lambda: ["first", "last", "all"], rich_help_panel=EMPHASIS),
    ] = "first",
    heads: options.Heads = None,
    alpha: options.Alpha = None,
    factor: options.Factor = None,
    strength: options.Strength = None,
    scope: options.Scope = "all",
    route: options.Route = "auto",
    overlap: options.Overlap = "any",
    max_new_tokens: options.MaxNewTokens = 256,
    sample: Annotated[bool, typer.Option("--sample", help="Draw the words at random.", rich_help_panel=options.ANSWER)] = False,
    temperature: Annotated[
        float | None, typer.Option(min=0.0, help="Sample, this much evened out; 0 is greedy.", rich_help_panel=options.ANSWER)
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="Sample from the likeliest words of this share.", rich_help_panel=options.ANSWER),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Of the sampling.", rich_help_panel=options.ANSWER)] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Do not wrap the text into the model's chat template.", rich_help_panel=options.ANSWER)
    ] = False,
    model: options.ModelName = "smollm2",
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
) -> None:
    """Answer a prompt, attending to what is **bold** in it.

    Standard output holds nothing but the answer.
    """
    asked: EmphasisedText | Messages
    if messages is not None:
        if prompt is not None or file is not None or span or emphasise:
            raise BoldfaceError(
                "--messages stands alone: it brings its own text and emphasis.",
                'Emphasise inside the messages, for example "spans": [{"substring": "…"}].',
            )
        asked = read_messages(messages)
    else:
        marking = Marking(dialect if markup else None, span or (), emphasise or (), occurrence)
        asked = marking.apply(read_text(prompt, file))
    if compare and not is_emphasised(asked):
        raise BoldfaceError("There is nothing to compare: no words are emphasised.", "Mark them, as in '**Be brief.**'.")
    resolve_strength(alpha=alpha, factor=factor, strength=strength)
    loaded = load(model, cache=cache, offline=offline, threads=threads)
    said = {"heads": heads, "alpha": alpha, "factor": factor, "strength": strength, "overlap": overlap, "raw": raw}
    if show_spans:
        from boldface.cli.tokens import show

        show(loaded.encode(asked, **said), as_json=as_json)
        return
    drawn = sample or top_p is not None or bool(temperature)
    how = said | {"scope": scope, "route": route, "max_new_tokens": max_new_tokens, "seed": seed, "do_sample": drawn}
    how |= {name: value for name, value in (("temperature", temperature), ("top_p", top_p)) if drawn and value is not None}
    live = sys.stdout.isatty() if stream is None else stream
    ask = Asking(loaded, how, quiet=quiet)
    if as_json:
        _print_json(ask, asked, compare)
    elif compare:
        _draw(ask, asked)
    else:
        generation, seconds = ask(asked, live=live)
        if not live:
            print(generation.text)
        ask.tell(generation, seconds)


class Asking:
    """Ask a model, take the time, and tell about it.

    Args:
        model: The model.
        how: Arguments of its ``generate``.
        quiet: Say nothing on standard error.
    """

    def __init__(self, model: Model, how: dict[str, Any], *, quiet: bool) -> None:
        self.model, self.how, self.quiet = model, how, quiet

    def __call__(self, prompt: EmphasisedText | Messages, *, live: bool = False) -> tuple[Generation, float]:
        """Return the answer and the seconds it took; ``live`` writes it word by word meanwhile."""
        from boldface.cli import terminal

        began = time.perf_counter()
        if live:
            from boldface.cli.typewriter import Typewriter

            generation = self.model.generate(prompt, streamer=Typewriter(self.model.tokenizer), **self.how)
        else:
            with terminal.waiting("answering …"):
                generation = self.model.generate(prompt, **self.how)
        return generation, time.perf_counter() - began

    def tell(self, generation: Generation, seconds: float) -> None:
        """Note what was steered, what was widened, and how long it took."""
        if self.quiet:
            return
        from boldface.cli import terminal

        steering = generation.steering
        if steering.is_null:
            terminal.note("Nothing was steered: " + ("strength 0." if steering.spans else "no words are emphasised."))
        else:
            terminal.note(f"Steered {terminal.steered_with(generation)}.")
        for span in generation.prompt.widened:
            terminal.note(f"Widened by {terminal.quoted(generation.prompt.text, span)}: its token straddles the span's edge.")
        cut = ", cut there (--max-new-tokens)" if generation.finish_reason == "length" else ""
        terminal.note(f"{terminal.count(len(generation.ids), 'token')} in {seconds:.1f} s{cut}.")


def load(model: str, *, cache: Path | None, offline: bool | None, threads: int | None) -> Model:
    """Load a model, with a bar on standard error where that is a terminal."""
    from boldface.cli import terminal

    with terminal.waiting("starting torch …"):
        import torch

        from boldface.engine import model as engine

    if threads is not None:
        torch.set_num_threads(threads)
    return engine.load(model, cache=cache, offline=offline, progress=terminal.margin().is_terminal)


def _print_json(ask: Asking, asked: EmphasisedText | Messages, compare: bool) -> None:
    generation, seconds = ask(asked)
    report = {
        "model": ask.model.name,
        "prompt": generation.prompt.text,
        "answer": generation.text,
        "seconds": round(seconds, 3),
        "steered": generation.report(),
    }
    if compare:
        unsteered, seconds = ask(plain(asked))
        report["plain"] = {
            "answer": unsteered.text,
            "seconds": round(seconds, 3),
            "answer_tokens": len(unsteered.ids),
            "finish_reason": unsteered.finish_reason,
        }
    print(json.dumps(report, ensure_ascii=False))


def _draw(ask: Asking, asked: EmphasisedText | Messages) -> None:
    from rich.text import Text

    from boldface.cli import terminal

    boxes = []
    steered, took = ask(asked)
    for title, (generation, seconds), colour in (
        ("plain", ask(plain(asked)), terminal.PLAIN),
        ("steered", (steered, took), terminal.STEERED),
    ):
        below = Text(f"{terminal.count(len(generation.ids), 'token')} · {seconds:.1f} s")
        boxes.append(terminal.box(title, generation.text, below, colour))
    console = terminal.screen()
    console.print(terminal.answers(boxes[0], boxes[1], console.width))
    ask.tell(steered, took)
