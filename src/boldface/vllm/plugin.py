"""The plugin: what vLLM calls in every process of an engine, by the entry point ``vllm.general_plugins``.

It does nothing unless ``BOLDFACE_VLLM=1``: widened heads cost memory and time even where nobody steers.
"""

from __future__ import annotations

import os

SWITCH = "BOLDFACE_VLLM"
"""Environment variable that switches steering on."""

_RAY = "VLLM_RAY_EXTRA_ENV_VAR_PREFIXES_TO_COPY"


def is_on() -> bool:
    """Whether steering is switched on.

    Raises:
        RouteError: The switch says neither yes nor no.
    """
    from boldface.errors import RouteError

    value = os.environ.get(SWITCH, "0")
    if value not in ("0", "1", ""):
        raise RouteError(f"{SWITCH} is {value!r}.", "Set it to 1 to steer, or leave it unset.")
    return value == "1"


def register() -> None:
    """Put steering into the vLLM of this process; called again, it changes nothing.

    Raises:
        RouteError: This vLLM, or this platform, is not one that can be steered exactly.
    """
    if not is_on():
        return
    from boldface.vllm import install

    prefixes = os.environ.get(_RAY, "").split(",")
    if "BOLDFACE_" not in prefixes:  # the workers of a Ray cluster get no other variables than vLLM's
        os.environ[_RAY] = ",".join(filter(None, [*prefixes, "BOLDFACE_"]))
    install.install()


def in_force() -> bool:
    """Whether steering has been put into the vLLM of this process."""
    if not is_on():
        return False
    from boldface.vllm import install

    return install.installed
