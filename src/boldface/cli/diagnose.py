"""``boldface diagnose``: why an answer fails its check, and what repairs it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from boldface.cli import options
from boldface.cli.failures import FAULTY
from boldface.cli.prompt import Marking, read_file, read_prompt
from boldface.emphasis.strength import resolve_strength
from boldface.errors import CheckError

if TYPE_CHECKING:
    from boldface.engine.model import Model
    from boldface.insight.diagnosis.checks import Check

CHECK, ABLE = "What a right answer is", "What the model is forced by, where nothing else repairs it"
Contains = Annotated[
    list[str] | None,
    typer.Option("--contains", metavar="WORDS", help="It holds these words; repeatable.", rich_help_panel=CHECK),
]
Matches = Annotated[
    list[str] | None,
    typer.Option(
        "--matches", metavar="REGEX", help="This regular expression matches in it; repeatable.", rich_help_panel=CHECK
    ),
]
IsJson = Annotated[bool, typer.Option("--is-json", help="It begins with a JSON object.", rich_help_panel=CHECK)]
Schema = Annotated[
    Path | None,
    typer.Option(
        "--schema", metavar="FILE", help="It begins with JSON that this JSON Schema describes.", rich_help_panel=CHECK
    ),
]
Function = Annotated[
    str | None,
    typer.Option(
        "--python", metavar="FILE.py:NAME", help="This Python function of it returns true.", rich_help_panel=CHECK
    ),
]
Asked = Annotated[
    str | None,
    typer.Option("--judge", metavar="QUESTION", help="A model says yes to this question.", rich_help_panel=CHECK),
]
JudgeName = Annotated[
    str | None,
    typer.Option(
        "--judge-model",
        metavar="NAME",
        help="Who judges (default: the model itself).",
        autocompletion=options.models,
        rich_help_panel=CHECK,
    ),
]
Reference = Annotated[
    str | None,
    typer.Option(
        "--reference",
        metavar="HEADS",
        help="Heads that are known to fit the model (default: the profile shipped with it).",
        autocompletion=options.profiles,
        rich_help_panel=options.STEERING,
    ),
]
Examples = Annotated[
    Path | None,
    typer.Option(
        "--examples",
        metavar="FILE",
        help='Other requests with right answers, JSON Lines: {"prompt": "…", "answer": "…"}.',
        rich_help_panel=ABLE,
    ),
]
Beginning = Annotated[
    str, typer.Option("--beginning", metavar="TEXT", help="First words of a right answer.", rich_help_panel=ABLE)
]
Choices = Annotated[
    list[str] | None,
    typer.Option("--choice", metavar="ANSWER", help="An answer that is allowed; repeatable.", rich_help_panel=ABLE),
]
Right = Annotated[
    list[str] | None,
    typer.Option(
        "--right",
        metavar="ANSWER",
        help="A right answer to this very prompt, which the model does not see: it shows that the check can be passed; "
        "repeatable.",
        rich_help_panel=ABLE,
    ),
]


def diagnose(
    prompt: options.PromptText = None,
    file: options.PromptFile = None,
    messages: options.MessagesFile = None,
    contains: Contains = None,
    matches: Matches = None,
    is_json: IsJson = False,
    schema: Schema = None,
    function: Function = None,
    judge: Asked = None,
    judge_model: JudgeName = None,
    as_json: options.AsJson = False,
    markup: options.Markup = True,
    dialect: options.Dialect = "markdown",
    span: options.Spans = None,
    emphasise: options.Words = None,
    occurrence: options.Occurrence = "first",
    heads: options.Heads = None,
    reference: Reference = None,
    alpha: options.Alpha = None,
    factor: options.Factor = None,
    strength: options.Strength = None,
    scope: options.Scope = None,
    phase: options.Phase = None,
    gate: options.Gate = None,
    careful: options.Careful = False,
    route: options.Route = "auto",
    overlap: options.Overlap = "any",
    max_new_tokens: options.MaxNewTokens = None,
    sample: options.Sample = False,
    temperature: options.Temperature = None,
    top_p: options.TopP = None,
    seed: options.Seed = None,
    raw: options.Raw = False,
    examples: Examples = None,
    beginning: Beginning = "",
    choice: Choices = None,
    right: Right = None,
    model: options.ModelName = "smollm2",
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
) -> None:
    """Say why an answer fails its check: the prompt is asked again with one thing changed, until the cause is certain.

    The exit code is 0 when the answer passes as it is asked for, and 6 when it does not.
    """
    from boldface.cli.generate import drawing, load

    marking = Marking(dialect if markup else None, span or (), emphasise or (), occurrence)
    asked = read_prompt(prompt, file, messages, marking)
    resolve_strength(alpha=alpha, factor=factor, strength=strength)
    phases, drawn = options.phases(phase), drawing(sample, temperature, top_p)
    shots = [] if examples is None else _examples(examples)
    if judge is None and judge_model is not None:
        raise CheckError("--judge-model is asked nothing.", "Give --judge a question.")
    checks = _checks(contains, matches, is_json, schema, function)
    if not checks and judge is None:
        raise CheckError("Nothing says what a right answer is.", "Give a check, for example --contains WORDS.")
    loaded = load(model, cache=cache, offline=offline, threads=threads)
    if judge is not None:
        own = judge_model in (None, model)
        checks.append(
            _judge(loaded if own else load(str(judge_model), cache=cache, offline=offline, threads=None), judge)
        )
    from boldface.cli.diagnosed import Waiting, draw
    from boldface.insight.diagnosis.checks import every
    from boldface.insight.diagnosis.diagnose import diagnose as find
    from boldface.insight.diagnosis.report import report

    with Waiting() as waiting:
        found = find(
            loaded,
            asked,
            every(checks),
            heads=heads,
            reference=reference,
            alpha=alpha,
            factor=factor,
            strength=strength,
            scope=scope,
            phases=phases,
            gate=gate,
            careful=careful,
            overlap=overlap,
            route=route,
            raw=raw,
            max_new_tokens=max_new_tokens,
            seed=seed,
            examples=shots,
            beginning=beginning,
            choices=choice or (),
            right=right or (),
            watch=waiting.told,
            **drawn,
        )
    if as_json:
        print(json.dumps({"model": loaded.name} | report(found, model), ensure_ascii=False))
    else:
        draw(found, model)
    raise typer.Exit(0 if found.causes == ("none",) else FAULTY)


def _checks(
    contains: list[str] | None,
    matches: list[str] | None,
    is_json: bool,
    schema: Path | None,
    function: str | None,
) -> list[Check]:
    """Read what needs no model."""
    from boldface.insight.diagnosis.checks import Contains, Json, Matches, load_function

    checks: list[Check] = [Contains(words) for words in contains or ()]
    checks += [Matches(pattern) for pattern in matches or ()]
    checks += [Json()] if is_json else []
    if schema is not None:
        try:
            described = json.loads(read_file(schema))
        except ValueError as error:
            raise CheckError(f"{schema} is not JSON: {error}.", "Write a JSON Schema.") from None
        checks.append(Json(described))
    return checks + ([] if function is None else [load_function(function)])


def _judge(model: Model, question: str) -> Check:
    from boldface.insight.diagnosis.judge import Judge

    return Judge(model, question)


def _examples(file: Path) -> list[tuple[str, str]]:
    hint = 'Write a line for each: {"prompt": "…", "answer": "…"}.'
    found: list[tuple[str, str]] = []
    for number, line in enumerate(read_file(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            row: Any = json.loads(line)
            found.append((row["prompt"], row["answer"]))
        except (ValueError, KeyError, TypeError):
            raise CheckError(f"{file}, line {number}, is no example.", hint) from None
    return found
