"""``boldface evaluate`` at work: the file of records opened under its facts, arms tuned and run."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from boldface.cli.watching import watching
from boldface.engine.fingerprint import fingerprint
from boldface.engine.model import Model
from boldface.evaluation.record import session_line
from boldface.evaluation.run import Request, evaluate
from boldface.evaluation.tune import tuned
from boldface.profiles.heads import HeadGains
from boldface.records.store import Store, key_of
from boldface.tasks.data import Data


def run(
    model: Model,
    request: Request,
    data: Data,
    path: Path,
    profile: tuple[HeadGains, float] | None,
    *,
    tune: int | None,
    route: str,
    session: Mapping[str, Any],
) -> None:
    """Evaluate, telling of progress on standard error and keeping every answer in ``path``."""
    with Store(path, facts(model, profile, request.seed)) as store:
        store.append([session_line(**session, threads=torch.get_num_threads(), cpu=platform.processor() or "")])
        if tune is not None:
            with watching("tuning") as watch:
                request = tuned(model, request, data, store, profile=profile, rows=tune, watch=watch, route=route)
        with watching() as watch:
            evaluate(model, request, data, store, profile=profile, watch=watch, route=route)


def facts(model: Model, profile: tuple[HeadGains, float] | None, seed: int) -> dict[str, Any]:
    """Return what every answer of a file depends on."""
    gains, strength = profile or (HeadGains(), 0.0)
    steered = {"heads": len(gains), "strength": strength, "digest": key_of(gains=str(gains), strength=strength)}
    return {
        "model": model.name,
        "fingerprint": fingerprint(model.model, model.tokenizer),
        "dtype": str(model.model.dtype).removeprefix("torch."),
        "device": str(model.model.device),
        "profile": steered if profile else None,
        "seed": seed,
        "boldface": version("boldface"),
        "torch": version("torch"),
        "transformers": version("transformers"),
    }
