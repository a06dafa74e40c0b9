"""The reference of the Python interface, from what is imported: signatures and docstrings as Markdown."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

from docstrings import to_markdown

import boldface
from boldface import errors

_WIDE = 88


def describe(name: str) -> str:
    """Return the reference of a name, such as ``boldface.load``; of a module, that of all its public names.

    Raises:
        LookupError: There is no such name, or it says nothing of itself.
    """
    target = _find(name)
    if isinstance(target, ModuleType):
        return "\n".join(describe(f"{name}.{public}") for public in target.__all__ if _is_told(getattr(target, public)))
    if not _is_told(target):
        raise LookupError(f"{name} is nothing that a reference can be made of")
    parts = [*_entry(name, target, 3)]
    if inspect.isclass(target):
        for member, value in vars(target).items():
            if not member.startswith("_"):
                parts += _member(f"{name}.{member}", value)
    return "\n\n".join(parts) + "\n"


def _find(name: str) -> Any:
    """Return what a dotted name means."""
    parent, _, own = name.rpartition(".")
    if parent and hasattr(_find(parent), own):
        return getattr(_find(parent), own)
    return import_module(name)


def _is_told(target: Any) -> bool:
    return inspect.isclass(target) or inspect.isroutine(target)


def _member(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, property) and value.__doc__:
        yield _heading(name, 4)
        yield to_markdown(value.__doc__, _link)
        return
    function = value.__func__ if isinstance(value, classmethod | staticmethod) else value
    if inspect.isfunction(function) and function.__doc__:
        yield from _entry(name, function, 4)


def _entry(name: str, target: Any, level: int) -> Iterator[str]:
    yield _heading(name, level)
    if not (inspect.isclass(target) and issubclass(target, Exception)):  # nobody but us makes errors
        yield f"```python\n{_signature(name.rpartition('.')[2], target)}\n```"
    yield to_markdown(target.__doc__ or "", _link)


def _heading(name: str, level: int) -> str:
    shown = ".".join(name.split(".")[-2:]) if level > 3 or name.count(".") == 1 else name.rpartition(".")[2]
    return f"{'#' * level} `{shown}` {{ #{name} }}"


def _signature(name: str, target: Any) -> str:
    signature = inspect.signature(target)
    parameters = [one for one in signature.parameters.values() if one.name not in ("self", "cls")]
    written = [*_written(parameters)]
    ending = "" if signature.return_annotation is signature.empty or inspect.isclass(target) else _ending(signature)
    line = f"{name}({', '.join(written)}){ending}"
    if len(line) <= _WIDE or not written:
        return line
    return "\n".join([f"{name}(", *(f"    {one}," for one in written), f"){ending}"])


def _ending(signature: inspect.Signature) -> str:
    return f" -> {_annotation(signature.return_annotation)}"


def _written(parameters: list[inspect.Parameter]) -> Iterator[str]:
    starred = False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not starred:
            yield "*"
        starred |= one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        annotation = "" if one.annotation is one.empty else f": {_annotation(one.annotation)}"
        equals = " = " if annotation else "="
        yield f"{stars}{one.name}{annotation}" + (
            "" if one.default is one.empty else f"{equals}{_default(one.default)}"
        )


def _annotation(annotation: Any) -> str:
    return annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)


def _default(value: Any) -> str:
    return repr(value) if isinstance(value, str | int | float | tuple | None) else "…"


def _link(name: str) -> str | None:
    """Return where the reference of a name stands: an error's on its page, a name of the face on its own."""
    short = name.rpartition(".")[2]
    if isinstance(getattr(errors, short, None), type):
        return f"errors.md#{short.lower()}"
    if name.removeprefix("boldface.") in boldface.__all__ or short in boldface.__all__:
        return f"api.md#boldface.{short}"
    return None
