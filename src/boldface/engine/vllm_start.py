"""Starting vLLM with the plugin in force, or refusing with the reason: never an engine that silently does not steer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import fields
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from boldface.engine.batching.sampling import MOST_LOGPROBS
from boldface.engine.model import Model
from boldface.errors import BoldfaceError, MissingError, UnsupportedModelError
from boldface.vllm.plugin import SWITCH

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

WANTED = {
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",  # a process with running threads cannot be copied safely
    "VLLM_LOGGING_STREAM": "ext://sys.stderr",  # standard output is for answers
    "VLLM_LOGGING_LEVEL": "WARNING",
}
"""Variables of vLLM's own, where the environment does not say otherwise."""
OURS = {
    "model": "the model's name",
    "tokenizer": "the model's name",
    "revision": "the model's revision",
    "dtype": "dtype",
    "max_num_seqs": "slots",
    "max_logprobs": "nothing",
    "disable_log_stats": "nothing",
}
"""Arguments of vLLM's that are not for the options: each with what says it here."""


def start_vllm(model: Model, logger: Callable[..., Any], *, slots: int, options: Mapping[str, Any]) -> AsyncLLM:
    """Start vLLM's processes for a model; call it in the event loop that will talk to them.

    Args:
        model: The model.
        logger: Makes the logger that hears of every step.
        slots: Requests that run at the same time.
        options: More of vLLM's engine arguments by name.

    Raises:
        MissingError: vLLM, or the plugin, is not installed.
        UnsupportedModelError: The weights are not in a place that vLLM can read.
        BoldfaceError: An option is unknown, or is not for the options.
    """
    check_plugin()
    origin = model.origin
    if origin is None:
        raise UnsupportedModelError(
            "vLLM reads the weights itself, and this model was given as an object.", "Name its folder or hub id."
        )
    os.environ[SWITCH] = "1"
    for name, value in WANTED.items():
        os.environ.setdefault(name, value)
    from vllm.engine.arg_utils import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    check_options(options, {field.name for field in fields(AsyncEngineArgs)})
    arguments = AsyncEngineArgs(
        model=origin.place,
        revision=origin.revision if origin.kind == "hub" else None,
        dtype=str(model.model.dtype).removeprefix("torch."),
        max_num_seqs=slots,
        max_logprobs=MOST_LOGPROBS,
        disable_log_stats=True,
        **options,
    )
    try:
        return AsyncLLM.from_engine_args(arguments, stat_loggers=[logger])
    except BoldfaceError:
        raise
    except Exception as error:
        raise UnsupportedModelError(
            f"vLLM does not start with this model: {error}", "What it logged above says why."
        ) from error


def check_plugin() -> None:
    """Refuse where vLLM is not installed, or would not load the plugin.

    Raises:
        MissingError: With what to do.
    """
    if find_spec("vllm") is None:
        raise MissingError("vLLM is not installed.", "Run: pip install 'boldface[vllm]'; for CPUs see docs/vllm.md.")
    if "boldface" not in entry_points(group="vllm.general_plugins").names:
        raise MissingError(
            "vLLM does not find the plugin: boldface is imported from a folder, and is not installed.",
            "Install boldface into the environment of vLLM.",
        )
    allowed = os.environ.get("VLLM_PLUGINS")
    if allowed is not None and "boldface" not in [name.strip() for name in allowed.split(",")]:
        raise MissingError(
            f"VLLM_PLUGINS is {allowed!r}, so vLLM would not load the plugin.", "Add boldface to it, or unset it."
        )


def check_options(options: Mapping[str, Any], known: set[str]) -> None:
    """Refuse options that vLLM does not have, or that are said elsewhere.

    Args:
        options: The options.
        known: vLLM's engine arguments.

    Raises:
        BoldfaceError: With the option.
    """
    for name in options:
        if name in OURS:
            raise BoldfaceError(f"{name} is not for the options of vLLM: {OURS[name]} says it.", "Leave it out.")
        if name not in known:
            raise BoldfaceError(f"This vLLM has no engine argument {name!r}.", "See its documentation of engine args.")
