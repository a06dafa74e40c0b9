"""``boldface cache``: documents that were read once, steered, and kept in files: build, ask, list and clear."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from boldface.cli import options
from boldface.cli.prompt import Marking, read_text
from boldface.emphasis.strength import resolve_strength
from boldface.errors import BoldfaceError, MissingError

if TYPE_CHECKING:
    from boldface.engine.caches.shelf import Entry, Shelf

app = typer.Typer(
    help="Documents that are read once, attending to what is bold in them, and answer many questions.",
    no_args_is_help=True,
)

KEPT = "What is kept"
File = Annotated[
    Path | None, typer.Argument(metavar="[FILE]", help="The document; '-' or nothing reads standard input.")
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name", "-n", metavar="NAME", help="What it is called (default: as its file).", rich_help_panel=KEPT
    ),
]
Kept = Annotated[str, typer.Argument(metavar="NAME", help="The document.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="Documents, by name.")]
All = Annotated[bool, typer.Option("--all", help="All of them, of every model.")]
Questions = Annotated[
    Literal["steered", "plain"],
    typer.Option(
        "--questions",
        metavar="steered|plain",
        help="Whether the emphasis stays in force for questions and answers, or for reading the document alone.",
        rich_help_panel=options.STEERING,
    ),
]
Between = Annotated[str, typer.Option("--between", metavar="TEXT", help="Stands between the document and a question.")]
Most = Annotated[
    float,
    typer.Option(
        "--most",
        metavar="GB",
        min=0.001,
        help="Room for all; those that were used longest ago go first.",
        rich_help_panel=KEPT,
    ),
]


def build(
    file: File = None,
    name: Name = None,
    questions: Questions = "steered",
    between: Between = "\n\n",
    markup: options.Markup = True,
    dialect: options.Dialect = "markdown",
    span: options.Spans = None,
    emphasise: options.Words = None,
    occurrence: options.Occurrence = "first",
    auto: options.Auto = False,
    detector: options.Detector = None,
    heads: options.Heads = None,
    force_profile: options.ForceProfile = False,
    alpha: options.Alpha = None,
    factor: options.Factor = None,
    strength: options.Strength = None,
    scope: options.Scope = None,
    overlap: options.Overlap = "any",
    raw: options.Raw = False,
    most: Most = 4.0,
    model: options.ModelName = "smollm2",
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
) -> None:
    """Read a document once, attending to what is **bold** in it, and keep what was read.

    Nothing has to be asked yet. Keys and values tell the text: the files are for your eyes alone.
    """
    from boldface.cli import detecting

    called = name or _called(file)
    kept = shelf(cache, most)
    kept.check_name(called)
    by = detecting.wanted(auto, detector)
    marking = Marking(dialect if markup else None, span or (), emphasise or (), occurrence)
    text = marking.apply(read_text(None, file))
    resolve_strength(alpha=alpha, factor=factor, strength=strength)
    from boldface.cli import terminal
    from boldface.cli.generate import forced, load
    from boldface.engine.documents import Document

    loaded = load(model, cache=cache, offline=offline, threads=threads)
    if by is not None:
        from boldface.emphasis.span import EmphasisedText

        found = detecting.detect(loaded, text, by, quiet=False).prompt
        assert isinstance(found, EmphasisedText)
        text = found
    began = time.perf_counter()
    with terminal.waiting("reading …"):
        document = Document.read(
            loaded,
            text,
            heads=forced(heads) if force_profile else heads,
            alpha=alpha,
            factor=factor,
            strength=strength,
            scope=scope,
            overlap=overlap,
            questions=questions,
            between=between,
            raw=raw,
        )
        entry = document.save(kept, called)
    seconds = time.perf_counter() - began
    print(entry.name)
    terminal.note(f"{terminal.count(entry.tokens, 'token')} in {seconds:.1f} s, {_megabytes(entry)}.")
    terminal.note(f"Ask it: boldface cache ask {entry.name} 'Who …?'")


def ask(
    name: Kept,
    question: options.PromptText = None,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    markup: options.Markup = True,
    heads: options.Heads = None,
    alpha: options.Alpha = None,
    factor: options.Factor = None,
    strength: options.Strength = None,
    max_new_tokens: options.MaxNewTokens = None,
    sample: options.Sample = False,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    seed: options.Seed = None,
    model: options.ModelName = "smollm2",
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
) -> None:
    """Ask a document; it is not read again.

    Heads and strength are for bold words of the question, where the document was read without any of its own. Standard
    output holds nothing but the answer.
    """
    resolve_strength(alpha=alpha, factor=factor, strength=strength)
    asked = Marking("markdown" if markup else None).apply(read_text(question, None))
    from boldface.cli import terminal
    from boldface.cli.generate import drawing, load
    from boldface.engine.documents import Document

    loaded = load(model, cache=cache, offline=offline, threads=threads)
    how = drawing(sample, temperature, top_p) | {"max_new_tokens": max_new_tokens, "seed": seed}
    steered = {"heads": heads, "alpha": alpha, "factor": factor, "strength": strength}
    how |= {name: value for name, value in steered.items() if value is not None}
    began = time.perf_counter()
    with terminal.waiting("answering …"):
        answer = Document.load(loaded, shelf(cache), name).ask(asked, **how)
    seconds = round(time.perf_counter() - began, 3)
    if as_json:
        said = {"document": name, "answer": answer.text, "seconds": seconds, "steered": answer.report()}
        print(json.dumps(said, ensure_ascii=False))
        return
    terminal.write(answer.text + "\n")
    if not quiet:
        read = len(answer.prompt.ids) - answer.cached
        terminal.note(f"{terminal.count(answer.cached, 'token')} from the file, {read} read for the question.")


def list_kept(as_json: options.AsJson = False, cache: options.Cache = None) -> None:
    """List what is kept, last used first."""
    found = shelf(cache).entries()
    if as_json:
        print(json.dumps([_row(entry) for entry in found], ensure_ascii=False))
        return
    from rich.table import Table

    from boldface.cli import terminal

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for head in ("name", "model", "tokens", "emphasised", "questions", "size", "used"):
        table.add_column(head, overflow="fold")
    for entry in found:
        if entry.foreign:
            terminal.note(f"{entry.path} is somebody else's file: boldface did not write it, and leaves it there.")
            continue
        if entry.problem:
            terminal.note(f"{entry.problem} Remove it: boldface cache clear {entry.name}")
            continue
        row = _row(entry)
        cells = [row["name"], row["model"], row["tokens"], row["emphasised"], row["questions"]]
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        table.add_row(*(terminal.cell(str(cell)) for cell in (*cells, _megabytes(entry), used)))
    terminal.screen().print(table)
    terminal.note(f"{_total([entry for entry in found if not entry.foreign])} in all.")


def clear(names: Names = None, everything: All = False, cache: options.Cache = None) -> None:
    """Remove what is kept, by name or all of it."""
    if everything == bool(names):
        raise BoldfaceError("Say what to clear: names, or --all.", "See: boldface cache list")
    from boldface.cli import terminal

    kept = shelf(cache)
    found = [entry for entry in kept.entries() if not entry.foreign]
    if missing := [name for name in names or () if name not in {entry.name for entry in found}]:
        raise MissingError(f"Nothing is kept as {missing[0]!r}.", "See: boldface cache list")
    gone = [entry for entry in found if everything or entry.name in (names or ())]
    for entry in gone:
        kept.remove(entry)
    terminal.note(f"{terminal.count(len(gone), 'document')} removed, {_total(gone)}.")


def shelf(cache: Path | None, gigabytes: float = 4.0) -> Shelf:
    """Return where documents are kept, given the cache folder and the room for all of them."""
    from boldface.engine.caches.shelf import Shelf
    from boldface.engine.settings import settings

    return Shelf(settings(cache=cache).cache / "documents", most=round(gigabytes * 1e9))


def _called(file: Path | None) -> str:
    """Return a name after a file's."""
    if file is None or str(file) == "-":
        raise BoldfaceError("What is read from standard input has no name.", "Give it one with --name.")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", file.stem).strip("-_")[:64] or "document"


def _row(entry: Entry) -> dict[str, Any]:
    about: Any = entry.about or {}
    recipe = about.get("recipe") or {}
    return {
        "name": entry.name,
        "file": str(entry.path),
        "model": about.get("model", ""),
        "tokens": entry.tokens,
        "emphasised": about.get("emphasised", 0),
        "questions": recipe.get("questions", ""),
        "bytes": entry.size,
        "written": about.get("written", ""),
        "used": entry.used,
        "problem": entry.problem,
        "foreign": entry.foreign,
    }


def _megabytes(entry: Entry) -> str:
    return f"{entry.size / 1e6:.1f} MB"


def _total(entries: list[Entry]) -> str:
    return f"{sum(entry.size for entry in entries) / 1e6:.1f} MB"


app.command("build")(build)
app.command("ask")(ask)
app.command("list")(list_kept)
app.command("clear")(clear)
