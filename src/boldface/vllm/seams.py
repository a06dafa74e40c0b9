"""The places in vLLM that are wrapped, each compared with the running version before anything is touched.

They are private to vLLM, and may change with any release. What does not look as it did when this was written is a
reason not to start: a server that quietly does not steer is worse than none.
"""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from boldface.errors import RouteError

_MARK = "_boldface_wraps"


@dataclass(frozen=True)
class Seam:
    """A function of vLLM.

    Attributes:
        module: Its module.
        name: Its name there, with its class.
        parameters: What it has to take, in this order and before anything else.
        calls: Names that its code has to look up when it runs, so that what is put in their place is found.
    """

    module: str
    name: str
    parameters: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    def find(self) -> tuple[Any, str, Callable[..., Any]]:
        """Return what holds the function, its name there, and the function.

        Raises:
            RouteError: This vLLM does not have it, or not like this.
        """
        *path, name = self.name.split(".")
        try:
            holder = functools.reduce(getattr, path, importlib.import_module(self.module))
            function = inspect.getattr_static(holder, name)
        except (ImportError, AttributeError) as error:
            raise _refusal(f"{self} is not there: {error}") from error
        if isinstance(function, staticmethod | classmethod):
            raise _refusal(f"{self} is a {type(function).__name__}")
        original = getattr(function, _MARK, function)
        parameters = tuple(inspect.signature(original).parameters)
        if parameters[: len(self.parameters)] != self.parameters:
            raise _refusal(f"{self} takes {', '.join(parameters)}, and not {', '.join(self.parameters)}")
        if missing := set(self.calls) - _names(inspect.unwrap(original).__code__):
            raise _refusal(f"{self} does not use {', '.join(sorted(missing))}")
        return holder, name, function

    def wrap(self, wrapper: Callable[..., Any]) -> None:
        """Put ``wrapper(original, *args, **kwargs)`` in the function's place, once however often this is called."""
        holder, name, function = self.find()
        if hasattr(function, _MARK):
            return

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            return wrapper(function, *args, **kwargs)

        setattr(wrapped, _MARK, function)
        setattr(holder, name, wrapped)


def _names(code: Any) -> set[str]:
    """Return every name that some code, or code inside it, looks up."""
    inner = (constant for constant in code.co_consts if inspect.iscode(constant))
    return set(code.co_names).union(*map(_names, inner))


def _refusal(what: str) -> RouteError:
    return RouteError(
        f"boldface does not fit into this vLLM ({version()}): {what}.",
        "It was made for vLLM 0.29 to 0.32. Leave BOLDFACE_VLLM unset to run without steering.",
    )


def version() -> str:
    """Return the version of vLLM that is installed."""
    return str(importlib.import_module("vllm").__version__)
