"""``boldface serve``: an OpenAI-compatible server and its page."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from boldface.cli import options
from boldface.cli.cache import shelf
from boldface.cli.generate import load
from boldface.cli.prompt import read_file
from boldface.errors import BoldfaceError, MissingError

if TYPE_CHECKING:
    from boldface.emphasis.trust import Policy

EXTRA = ("fastapi", "prometheus_client", "uvicorn")
"""What only the server needs."""
WHERE, WHO, WHAT, TOLD = "Where it listens", "Who may ask", "What a request may ask for", "What it tells"

Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A model to serve, repeatable; the first is the one of requests that name none (default: smollm2).",
        autocompletion=options.models,
        rich_help_panel=options.MODEL,
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        "--dtype", metavar="TYPE", help="Type of the weights (default: the model's own).", rich_help_panel=options.MODEL
    ),
]
Profiles = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="A profile's name or file that requests may name, repeatable; the first is the default.",
        autocompletion=options.profiles,
        rich_help_panel=options.STEERING,
    ),
]
Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Listen here.", rich_help_panel=WHERE)]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help="And here.", rich_help_panel=WHERE)]
AllowHosts = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="NAME",
        help="Answer to this name too, repeatable (default: on a loopback address its own names, else any).",
        rich_help_panel=WHERE,
    ),
]
Cors = Annotated[
    list[str] | None,
    typer.Option("--cors", metavar="ORIGIN", help="Pages of this origin may ask, repeatable.", rich_help_panel=WHO),
]
Keys = Annotated[
    Path | None,
    typer.Option(
        "--keys",
        metavar="FILE",
        envvar="BOLDFACE_KEYS",
        help="Let in only who has a key, see 'boldface keys'.",
        rich_help_panel=WHO,
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(
        "--policy",
        metavar="FILE",
        help='Which text may emphasise, as JSON: {"may": {"system": 30, "user": 4.6}}.',
        rich_help_panel=WHO,
    ),
]
Slots = Annotated[
    int, typer.Option("--slots", min=1, metavar="N", help="Most answers at the same time.", rich_help_panel=WHAT)
]
Queue = Annotated[
    int, typer.Option("--queue", min=0, metavar="N", help="Most answers that wait.", rich_help_panel=WHAT)
]
MostTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens", min=1, metavar="N", help="Most tokens of prompts and answers together.", rich_help_panel=WHAT
    ),
]
AnswerTokens = Annotated[
    int,
    typer.Option(
        "--answer-tokens", min=1, metavar="N", help="Longest answer to a chat that names none.", rich_help_panel=WHAT
    ),
]
ExplainTokens = Annotated[
    int,
    typer.Option(
        "--explain-tokens",
        min=0,
        metavar="N",
        help="Longest prompt with its answer that is explained; 0 explains none.",
        rich_help_panel=WHAT,
    ),
]
MostChoices = Annotated[
    int, typer.Option("--max-answers", min=1, metavar="N", help="Most answers to a request.", rich_help_panel=WHAT)
]
MostSpans = Annotated[
    int, typer.Option("--max-spans", min=0, metavar="N", help="Most emphasised spans.", rich_help_panel=WHAT)
]
MostStrength = Annotated[
    float,
    typer.Option("--max-strength", min=0, metavar="NATS", help="Largest size of a strength.", rich_help_panel=WHAT),
]
Seconds = Annotated[
    float,
    typer.Option("--timeout", min=0.001, metavar="SECONDS", help="Longest time of an answer.", rich_help_panel=WHAT),
]
MostBody = Annotated[
    int, typer.Option("--max-body", min=1, metavar="BYTES", help="Longest body of a request.", rich_help_panel=WHAT)
]
Drain = Annotated[
    float,
    typer.Option(
        "--drain", min=0, metavar="SECONDS", help="Time for running answers to end when it stops.", rich_help_panel=WHAT
    ),
]
Documents = Annotated[
    bool,
    typer.Option(
        "--documents",
        help="Take what 'boldface cache build' has read, where a prompt begins so; those that are there at the start.",
        rich_help_panel=options.MODEL,
    ),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    typer.Option("--log-level", metavar="debug|info|warning|error", help="What is logged.", rich_help_panel=TOLD),
]
LogTexts = Annotated[bool, typer.Option("--log-texts", help="Log prompts and answers too.", rich_help_panel=TOLD)]
TracesOn = Annotated[
    bool,
    typer.Option("--traces", help="Send traces where OpenTelemetry's variables say.", rich_help_panel=TOLD),
]
CheckProfile = Annotated[
    bool,
    typer.Option(
        "--check-profile",
        help="Measure at the start whether the profiles do what they did, for /metrics.",
        rich_help_panel=TOLD,
    ),
]
CheckEvery = Annotated[
    float | None,
    typer.Option(
        "--check-every",
        min=0.1,
        metavar="MINUTES",
        help="Measure that anew all the time, all canaries once in so many minutes, in at most 5 % of the time.",
        rich_help_panel=TOLD,
    ),
]
MassEvery = Annotated[
    int,
    typer.Option(
        "--mass-every",
        min=0,
        metavar="N",
        help="Tell for one steered answer in N how much attention its emphasis gets; 0 for none.",
        rich_help_panel=TOLD,
    ),
]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    allow_host: AllowHosts = None,
    cors: Cors = None,
    keys: Keys = None,
    policy: PolicyFile = None,
    slots: Slots = 32,
    queue: Queue = 64,
    max_tokens: MostTokens = None,
    answer_tokens: AnswerTokens = 1024,
    explain_tokens: ExplainTokens = 1024,
    max_answers: MostChoices = 16,
    max_spans: MostSpans = 256,
    max_strength: MostStrength = 30.0,
    timeout: Seconds = 600.0,
    max_body: MostBody = 2_000_000,
    drain: Drain = 30.0,
    log_level: LogLevel = "info",
    log_texts: LogTexts = False,
    traces: TracesOn = False,
    check_profile: CheckProfile = False,
    check_every: CheckEvery = None,
    mass_every: MassEvery = 16,
    profile: Profiles = None,
    model: Models = None,
    engine: options.EngineName = "transformers",
    engine_option: options.EngineOption = None,
    dtype: Dtype = None,
    documents: Documents = False,
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
) -> None:
    """Serve models as OpenAI's API does, with emphasis, and a page to try it at /.

    It listens on this machine alone unless another address is given. Standard error has one line of JSON for every
    request, without what people wrote.
    """
    wanted = options.engine_options(engine, engine_option)
    checks = check_profile or check_every is not None
    check_installed(checks)
    if engine == "vllm":
        check_engine(checks)
        if documents:
            raise BoldfaceError("--documents needs the engine transformers.", "vLLM keeps prefixes of its own.")
    from boldface.profiles.profile import Profile
    from boldface.server.limits import RequestLimits

    limits = RequestLimits(
        tokens=max_tokens, choices=max_answers, spans=max_spans, strength=max_strength, seconds=timeout
    )
    known = _read_policy(policy)
    profiles = [Profile.load(name) for name in profile or ()]
    names = model or ["smollm2"]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise BoldfaceError(f"--model {repeated} is given twice.", "Name each model once.")
    how: dict[str, Any] = {"cache": cache, "offline": offline, "threads": threads, "dtype": dtype}
    loaded = [load(name, **how, engine=engine, engine_options=wanted) for name in names]

    import uvicorn

    from boldface.cli import terminal
    from boldface.server import logs
    from boldface.server.app import create_app
    from boldface.server.hosts import is_loopback, named, names_of
    from boldface.server.keys import KeyRing
    from boldface.server.tracing import Traces

    failed = threading.Event()

    def fail() -> None:
        failed.set()
        server.should_exit = True

    app = create_app(
        loaded,
        profiles=profiles,
        policy=known,
        limits=limits,
        ring=None if keys is None else KeyRing(keys),
        scheduling={"slots": slots, "queue": queue, **({"documents": shelf(cache)} if documents else {})},
        answer_tokens=answer_tokens,
        explain_tokens=explain_tokens,
        body_bytes=max_body,
        origins=cors or (),
        names=names_of(host, allow_host or ()),
        traces=Traces() if traces else None,
        texts=log_texts,
        check_profiles=check_profile,
        check_every=None if check_every is None else check_every * 60,
        measured=mass_every,
        drain=drain,
        failed=fail,
    )
    if not is_loopback(host) and keys is None:
        terminal.note(f"Everybody who reaches {host} may use this server: --keys lets in only whom you know.")
    terminal.note(f"Listening on http://{named(host)}:{port}")
    logs.start(log_level, texts=log_texts)
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, round(drain)),
    )
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise typer.Exit(3)
    if failed.is_set():
        raise BoldfaceError("The server stopped: a model can answer no more.", "The log says why; start it again.")


def check_installed(checks: bool = False) -> None:
    """Refuse where what only the server needs is not there.

    Args:
        checks: Whether it is to measure canaries, whose intervals need more.

    Raises:
        MissingError: With what to install.
    """
    from importlib.util import find_spec

    if missing := [name for name in EXTRA if find_spec(name) is None]:
        raise MissingError(f"The server needs {', '.join(missing)}.", "Run: pip install 'boldface[server]'")
    if checks and find_spec("scipy") is None:
        raise MissingError("To check profiles the server needs scipy.", "Run: pip install 'boldface[server,evaluate]'")


def check_engine(checks: bool) -> None:
    """Refuse what vLLM cannot serve, before anything is loaded.

    Args:
        checks: Whether it is to measure canaries.

    Raises:
        MissingError: vLLM or the plugin is not installed.
        BoldfaceError: The canaries of a profile are to be measured, which takes a model in this process.
    """
    from boldface.engine.vllm_start import check_plugin

    if checks:
        raise BoldfaceError(
            "--check-profile needs the engine transformers, and so does --check-every: vLLM runs the model where it "
            "cannot be measured.",
            "Leave them out, and run: boldface profiles check",
        )
    check_plugin()


def _read_policy(file: Path | None) -> Policy:
    from boldface.emphasis.trust import DEFAULT_POLICY, Policy
    from boldface.errors import PolicyError

    if file is None:
        return DEFAULT_POLICY
    try:
        told: Any = json.loads(read_file(file))
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"{file} is not JSON: {error}.", 'Write {"may": {"system": 30, "user": 4.6}}.') from None
    return Policy.read(told)
