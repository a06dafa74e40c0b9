"""``boldface generate``: answer one prompt."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from boldface.cli import detecting, options
from boldface.cli.prompt import Marking, Messages, is_emphasised, plain, read_prompt
from boldface.emphasis.span import EmphasisedText
from boldface.emphasis.strength import resolve_strength
from boldface.errors import BoldfaceError, HeadError
from boldface.steering.phases import as_phases
from boldface.steering.release import as_release

if TYPE_CHECKING:
    from boldface.detection.detect import Detected
    from boldface.engine.generation import Generation
    from boldface.engine.model import Model
    from boldface.profiles.profile import Profile


def generate(
    prompt: options.PromptText = None,
    file: options.PromptFile = None,
    messages: options.MessagesFile = None,
    compare: options.Compare = False,
    show_spans: options.ShowSpans = False,
    as_json: options.AsJson = False,
    stream: options.Stream = None,
    quiet: options.Quiet = False,
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
    rule: options.Rule = None,
    share: options.Share = None,
    target: options.TargetShare = None,
    release: options.Release = None,
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
    model: options.ModelName = "smollm2",
    cache: options.Cache = None,
    offline: options.Offline = None,
    threads: options.Threads = None,
    engine: options.EngineName = "transformers",
    engine_option: options.EngineOption = None,
) -> None:
    """Answer a prompt, attending to what is **bold** in it.

    Standard output holds nothing but the answer.
    """
    marking = Marking(dialect if markup else None, span or (), emphasise or (), occurrence)
    asked = read_prompt(prompt, file, messages, marking)
    by = detecting.wanted(auto, detector)
    if by is None and compare:
        _check_emphasis(asked)
    resolve_strength(alpha=alpha, factor=factor, strength=strength)
    phases, marks = as_phases(options.phases(phase)), as_release(release)
    wanted = options.engine_options(engine, engine_option)
    loaded = load(model, cache=cache, offline=offline, threads=threads, engine=engine, engine_options=wanted)
    detected = None
    if by is not None:
        detected = detecting.detect(loaded, asked, by, quiet=quiet)
        asked = detected.prompt
        if compare:
            _check_emphasis(asked)
    chosen = forced(heads) if force_profile else heads
    said: dict[str, Any] = {"heads": chosen, "alpha": alpha, "factor": factor, "strength": strength}
    said |= {"overlap": overlap, "raw": raw}
    if show_spans:
        from boldface.cli.tokens import show

        show(loaded.encode(asked, **said), as_json=as_json)
        return
    said |= {"careful": True} if careful else {}
    said |= {"phases": phases, "gate": gate, "rule": rule, "share": share, "target": target, "release": marks}
    said |= {"scope": scope, "route": route, "max_new_tokens": max_new_tokens, "seed": seed}
    ask = Asking(loaded, said | drawing(sample, temperature, top_p), quiet=quiet)
    if as_json:
        _print_json(ask, asked, compare, detected)
    elif compare:
        _draw(ask, asked)
    else:
        from boldface.cli import terminal

        live = sys.stdout.isatty() if stream is None else stream
        generation, seconds = ask(asked, live=live)
        if not live:
            terminal.write(generation.text + "\n")
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

    def __call__(
        self, prompt: EmphasisedText | Messages, *, live: bool = False, **more: Any
    ) -> tuple[Generation, float]:
        """Return the answer and the seconds it took; ``live`` writes it word by word meanwhile."""
        from boldface.cli import terminal

        began = time.perf_counter()
        if live:
            from boldface.cli.typewriter import Typewriter

            generation = self.model.generate(prompt, streamer=Typewriter(self.model.tokenizer), **self.how, **more)
        else:
            with terminal.waiting("answering …"):
                generation = self.model.generate(prompt, **self.how, **more)
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
        if generation.gated is not None:
            lowered, by_plain, _ = generation.gated
            terminal.note(
                f"The gate lowered {terminal.count(lowered, 'token')} and gave {by_plain} to the plain model."
            )
        for span in generation.prompt.widened:
            words = generation.prompt.text[span.start : span.end]
            terminal.note(f"Widened by {words!r}: its token straddles the span's edge.")
        cut = f", cut there ({self._limit(generation)})" if generation.finish_reason == "length" else ""
        terminal.note(f"{terminal.count(len(generation.ids), 'token')} in {seconds:.1f} s{cut}.")

    def _limit(self, generation: Generation) -> str:
        """Name what ended an answer that the model did not end."""
        from boldface.engine.steer import DEFAULT_ROOM

        full = self.how.get("max_new_tokens") is None and len(generation.ids) < DEFAULT_ROOM
        return "the context is full" if full else "--max-new-tokens"


def load(
    model: str,
    *,
    cache: Path | None,
    offline: bool | None,
    threads: int | None,
    dtype: str | None = None,
    engine: Literal["transformers", "vllm"] = "transformers",
    engine_options: Mapping[str, Any] | None = None,
) -> Model:
    """Load a model, with a bar on standard error where that is a terminal."""
    from boldface.cli import terminal

    with terminal.waiting("starting torch …"):
        import torch

        from boldface.engine.model import load as load_model

    if threads is not None:
        torch.set_num_threads(threads)
        if engine == "vllm":
            os.environ["OMP_NUM_THREADS"] = str(threads)  # of its processes
    return load_model(
        model,
        engine=engine,
        engine_options=engine_options,
        cache=cache,
        offline=offline,
        dtype=dtype,
        progress=terminal.margin().is_terminal,
    )


def forced(heads: str | None) -> Profile:
    """Return a named profile without what it was made for, so that it fits any model that has its heads.

    Raises:
        HeadError: No profile is named, or it cannot be read.
    """
    from boldface.engine.heads import read_heads
    from boldface.profiles.heads import HeadGains

    read = HeadGains() if heads is None else read_heads(heads)
    if isinstance(read, HeadGains):
        raise HeadError("--force-profile stands beside a profile, and none is named.", "Name one, or leave it out.")
    return read.unbound()


def drawing(sample: bool, temperature: float | None, top_p: float | None) -> dict[str, Any]:
    """Say how words are chosen: greedily unless sampling, a temperature above 0 or a share was asked for."""
    if temperature == 0 and (sample or top_p is not None):
        raise BoldfaceError("A temperature of 0 is greedy: nothing can be sampled.", "Give a temperature above 0.")
    if not sample and top_p is None and not temperature:
        return {"do_sample": False}
    chosen = {"temperature": temperature, "top_p": top_p}
    return {"do_sample": True, **{name: value for name, value in chosen.items() if value is not None}}


def _check_emphasis(asked: EmphasisedText | Messages) -> None:
    """Refuse to compare a prompt with itself."""
    if not is_emphasised(asked):
        raise BoldfaceError("There is nothing to compare: no words are emphasised.", "Mark some: '**Be brief.**'.")


def _print_json(ask: Asking, asked: EmphasisedText | Messages, compare: bool, detected: Detected | None) -> None:
    generation, seconds = ask(asked)
    report = {
        "model": ask.model.name,
        "prompt": generation.prompt.text,
        "answer": generation.text,
        "seconds": round(seconds, 3),
        "steered": generation.report(),
    }
    if detected is not None:
        report["detected"] = detected.report()
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
    from boldface.cli import terminal

    boxes = []
    steered, took = ask(asked)
    for title, (generation, seconds), colour in (
        ("plain", ask(plain(asked)), terminal.PLAIN),
        ("steered", (steered, took), terminal.STEERED),
    ):
        beside = f"{terminal.count(len(generation.ids), 'token')}, {seconds:.1f} s"
        boxes.append(terminal.box(title, beside, generation.text, None, colour))
    console = terminal.screen()
    console.print(terminal.answers(boxes[0], boxes[1], console.width))
    ask.tell(steered, took)
