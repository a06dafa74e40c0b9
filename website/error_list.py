"""Every error that boldface can raise: read from the source, with its words, what they advise, and where it is made."""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import boldface
from boldface import errors
from boldface.cli.failures import MISSING, USAGE
from boldface.server.faults import KINDS

SOURCE = Path(boldface.__file__).parent
ERRORS: dict[str, type[errors.BoldfaceError]] = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, errors.BoldfaceError)
}
"""By name, in the order of the source."""


class Site(NamedTuple):
    """One place of the source that makes an error.

    Attributes:
        error: Name of the error.
        message: Its message; what is filled in when it happens is an ellipsis.
        hint: What it advises, likewise; empty where it advises nothing that the source spells out.
        code: Its word for programs, over HTTP, where it has one of its own.
        file: Path within the package.
    """

    error: str
    message: str
    hint: str
    code: str
    file: str


@cache
def sites() -> list[Site]:
    """Return every place of the source that makes an error with words of its own."""
    found: list[Site] = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = dict(_constants(tree))
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in ERRORS and call.args:
                message, hint = (_words(one, constants) for one in [*call.args, ast.Constant("")][:2])
                code = next((_words(one.value, constants) for one in call.keywords if one.arg == "code"), "")
                if message.strip("… .:"):
                    found.append(Site(call.func.id, message, hint.strip("… "), code, str(path.relative_to(SOURCE))))
    return found


def page() -> str:
    """Return the list as Markdown: a section for every error, in the order of the tree."""
    by_error: defaultdict[str, list[Site]] = defaultdict(list)
    for site in sites():
        by_error[site.error].append(site)
    return "\n\n".join(part for name, error in ERRORS.items() for part in _section(name, error, by_error[name])) + "\n"


def _section(name: str, error: type[errors.BoldfaceError], found: list[Site]) -> Iterator[str]:
    yield f"## {name}"
    yield (inspect.getdoc(error) or "").split("\n\n")[0]
    yield ". ".join(_facts(error)) + "."
    if found:
        yield "| it says | it advises |\n|---|---|\n" + "\n".join(map(_row, sorted(set(found), key=_place)))


def _facts(error: type[errors.BoldfaceError]) -> Iterator[str]:
    above = [base.__name__ for base in error.__bases__ if base is not Exception]
    if above:
        yield "Is a " + " and a ".join(
            f"[`{base}`](#{base.lower()})" if base in ERRORS else f"`{base}`" for base in above
        )
    yield f"Exit code {MISSING if issubclass(error, errors.MissingError) else USAGE}"
    kind = next((kind for known, kind in KINDS if issubclass(error, known)), None)
    if kind is not None:
        yield f"Over HTTP status {kind.status}, code `{kind.code}`"


def _row(site: Site) -> str:
    code = f" `{site.code}`" if site.code else ""
    return f"| {_safe(site.message)}<br><small>`{site.file}`{code}</small> | {_safe(site.hint)} |"


def _place(site: Site) -> tuple[str, str]:
    return site.file, site.message


def _constants(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield the names that a module gives to texts."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.value


def _words(node: ast.expr, constants: Mapping[str, Any]) -> str:
    """Return the text of an expression, with an ellipsis for whatever is known only when it happens."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return re.sub("…+", "…", "".join(_words(part, constants) for part in node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _words(node.left, constants) + _words(node.right, constants)
    if isinstance(node, ast.IfExp):
        return " / ".join(filter(None, (_words(node.body, constants), _words(node.orelse, constants))))
    if isinstance(node, ast.Name) and isinstance(constants.get(node.id), ast.Constant | ast.JoinedStr):
        return _words(constants[node.id], constants)
    return "…"


def _safe(text: str) -> str:
    """Return text that Markdown and HTML take as it is, on one line."""
    return "".join(
        f"&#{ord(letter)};" if letter in "\\`*_{}[]()#+-.!|<>&~^=:" else letter for letter in " ".join(text.split())
    )
