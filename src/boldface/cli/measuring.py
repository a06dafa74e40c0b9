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
from boldface.engine.heads import Selected
from boldface.engine.model import Model
from boldface.engine.vllm_model import VllmModel
from boldface.evaluation.record import session_line
from boldface.evaluation.run import Request, evaluate
from boldface.evaluation.tune import tuned
from boldface.records.store import Store, key_of
from boldface.tasks.data import Data


def run(
    model: Model,
    request: Request,
    data: Data,
    path: Path,
    profile: Selected | None,
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


def facts(model: Model, profile: Selected | None, seed: int) -> dict[str, Any]:
    """Return what every answer of a file depends on."""
    return {
        "model": model.name,
        "fingerprint": fingerprint(model.model, model.tokenizer),
        "dtype": str(model.model.dtype).removeprefix("torch."),
        "device": str(model.model.device),
        "profile": None if profile is None else _steered(profile),
        "seed": seed,
        "boldface": version("boldface"),
        "torch": version("torch"),
        "transformers": version("transformers"),
        **_engine(model),
    }


def _engine(model: Model) -> dict[str, str]:
    """What runs the model, where that is not transformers."""
    if not isinstance(model, VllmModel):
        return {}
    from vllm import __version__ as vllm

    return {"engine": f"vllm {vllm}"}


def _steered(profile: Selected) -> dict[str, Any]:
    """A profile in short; scope "all" and rule "pasta" are not told, so that older files fit."""
    content = {"gains": str(profile.gains), "strength": profile.strength}
    told: dict[str, Any] = {} if profile.scope == "all" else {"scope": profile.scope}
    told |= {} if profile.rule == "pasta" else {"rule": profile.rule}
    told |= {} if profile.target is None else {"target": profile.target}
    return {
        "heads": len(profile.gains),
        "strength": profile.strength,
        **told,
        "digest": key_of(**content, **told),
    }
