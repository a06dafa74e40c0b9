"""Runs the blocks of a page as a reader would, one after the other, in a folder of their own.

Python shares its names over the page. Commands run in a shell, those of boldface in this process (they share its
models), ``boldface serve`` beside it on a port of its own. ``python website/running.py docs/tutorial.md …`` writes the
output of the blocks into pages.
"""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stdout
from itertools import groupby, takewhile
from pathlib import Path
from typing import Any

from blocks import OUTPUT, Block, blocks, with_output

ROOT = Path(__file__).parents[1]
ADDRESS = "http://127.0.0.1:8000"
"""Where pages say that the server is."""

_STARTED = re.compile(r"running on (http://[\w.:]+)")
_SHELL = re.compile(r"[|<>;&]|\$\(")


class PageError(AssertionError):
    """A block that does not run, or does not say what the page says that it says."""


class Page:
    """A page at work.

    Args:
        folder: Where its blocks run.
        replaced: What stands in the page for something of this machine, such as a folder of data.
        given: Python that runs first: names which the page takes for granted.
    """

    def __init__(self, folder: Path, replaced: Mapping[str, str] | None = None, given: str = "") -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "__page__"}
        self._replaced = dict(replaced or {})
        self._server: subprocess.Popen[bytes] | None = None
        with chdir(folder):
            exec(given, self.names)

    def run(self, block: Block) -> str:
        """Run one block, or only read it where the page says so; return what it prints.

        Raises:
            PageError: It fails.
        """
        try:
            with chdir(self.folder):
                return _KINDS.get(block.language, Page._pass)(self, block)
        except PageError:
            raise
        except Exception as error:
            raise PageError(f"line {block.line}: {type(error).__name__}: {error}\n{block.code}") from error

    def close(self) -> None:
        """End the page's server."""
        if self._server is not None:
            self._server.terminate()
            try:
                self._server.wait(60)
            except subprocess.TimeoutExpired:
                self._server.kill()
            self._server = None

    def _here(self, code: str) -> str:
        for said, meant in self._replaced.items():
            code = code.replace(said, meant)
        return code

    def _pass(self, block: Block) -> str:
        return ""

    def _python(self, block: Block) -> str:
        compiled = compile("\n" * (block.line - 1) + self._here(block.code), "<page>", "exec")
        if block.why:
            return ""
        said = io.StringIO()
        with redirect_stdout(said):
            exec(compiled, self.names)
        return said.getvalue()

    def _json(self, block: Block) -> str:
        try:
            json.loads(block.code)
        except json.JSONDecodeError:  # or an object on every line
            for line in block.code.splitlines():
                json.loads(line)
        if block.title:
            (self.folder / block.title).write_text(block.code, encoding="utf-8")
        return ""

    def _shell(self, block: Block) -> str:
        return "".join(self._command(self._here(command), bool(block.why)) for command in commands(block.code))

    def _command(self, command: str, only_read: bool) -> str:
        words = shlex.split(command, comments=True)
        while re.match(r"[A-Z_]+=", words[0]):
            words.pop(0)
        if words[:2] == ["boldface", "serve"] and not only_read:
            return self._serve(words[2:])
        if words[0] == "boldface" and (only_read or not _SHELL.search(re.sub(r"'[^']*'|\"[^\"]*\"", "", command))):
            return _boldface(words[1:], only_read)
        if words[0] in _CHECKS:
            for together, part in groupby(words, lambda word: word != "&&"):
                check, *named = part
                if together and check in _CHECKS:
                    _CHECKS[check](named)
            return ""
        if only_read:
            return ""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-e", "-c", command], capture_output=True, text=True, env={**os.environ, "PATH": path}
        )
        if done.returncode:
            raise PageError(f"{command}\nends with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def _serve(self, words: list[str]) -> str:
        self.close()
        log = self.folder / "server.log"
        command = [sys.executable, "-m", "boldface", "serve", "--offline", *words, "--port", "0"]
        with log.open("w", encoding="utf-8") as file:
            self._server = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
        patience = time.monotonic() + 180
        while time.monotonic() < patience and self._server.poll() is None:
            if started := _STARTED.search(log.read_text("utf-8")):
                self._replaced[ADDRESS] = started[1]
                return ""
            time.sleep(0.1)
        raise PageError(f"The server did not start:\n{log.read_text('utf-8')}")


def _boldface(words: list[str], only_read: bool) -> str:
    """Run a command of boldface in this process; or have it read its options, and no more."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from boldface.cli.app import app

    if only_read:
        words = [*takewhile(lambda word: not _SHELL.fullmatch(word[:1]), words)]
        command: Any = get_command(app)
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        with command.make_context("boldface", words):
            return ""
    done = CliRunner().invoke(app, words, prog_name="boldface")
    if done.exit_code:
        raise PageError(f"boldface {shlex.join(words)}\nends with {done.exit_code}:\n{done.output}")
    return done.stdout


def _pip(words: list[str]) -> None:
    """Check that what is to be installed exists: our extras, and packages in the versions that the project names."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    named = {one for each in (project["dependencies"], *extras.values()) for one in each}
    named |= {re.split(r"[<>=\[]", one)[0] for one in named}
    for word in (word for word in words[1:] if re.match(r"[a-z]", word)):
        name, wanted = re.match(r"([\w.-]+)(?:\[([\w,]+)\])?", word).groups()
        if name == "boldface":
            missing = [extra for extra in (wanted or "").split(",") if extra and extra not in extras]
        else:
            missing = [] if word in named or (ROOT / word).is_file() else [word]
        if missing:
            raise PageError(f"pip {words[0]} {word}: the project knows no {missing[0]}")


def _make(words: list[str]) -> None:
    goals = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    if unknown := [word for word in words if "=" not in word and word not in goals]:
        raise PageError(f"make {unknown[0]}: there is no such target")


def _export(words: list[str]) -> None:
    """Take no variable over: which data and caches there are is this machine's affair. Its name must be known."""
    source = (ROOT / "src").rglob("*.py")
    name = words[0].partition("=")[0]
    if not any(name in path.read_text(encoding="utf-8") for path in source):
        raise PageError(f"Nothing reads {name}")


def _script(words: list[str]) -> None:
    if words[0].endswith(".py") and not (ROOT / words[0]).is_file():
        raise PageError(f"python {words[0]}: there is no such file")


_KINDS = {"python": Page._python, "json": Page._json, "sh": Page._shell}
_CHECKS = {"pip": _pip, "make": _make, "export": _export, "python": _script}
"""Commands that are not run: they would install, build or measure for minutes. What they name must be there."""


def commands(code: str) -> Iterator[str]:
    """Yield the commands of a block; one goes on while a quotation is open or its line ends in a backslash."""
    waiting = ""
    for line in code.splitlines():
        waiting += line + "\n"
        try:
            words = shlex.split(waiting, comments=True)
        except ValueError:
            continue
        if line.endswith("\\"):
            continue
        if words:
            yield waiting.strip()
        waiting = ""
    if waiting.strip():
        raise PageError(f"A command has no end: {waiting}")


def agrees(said: str, shown: str) -> bool:
    """Tell whether what was printed is what a page shows; there an ellipsis stands for anything."""
    pattern = ".*".join(re.escape(piece) for piece in _trimmed(shown).split("…"))
    return re.fullmatch(pattern, _trimmed(said), re.DOTALL) is not None


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


@contextmanager
def shared_models() -> Iterator[None]:
    """Load every model once for as long as this lasts, however often pages load it."""
    from unittest.mock import patch

    from boldface.engine import model

    loaded: dict[str, Any] = {}
    load = model.load_pretrained

    def once(name: Any, **options: Any) -> Any:
        key = repr((name, sorted((option, value) for option, value in options.items() if value is not None)))
        if key not in loaded:
            loaded[key] = load(name, **options)
        return loaded[key]

    with patch.object(model, "load_pretrained", once):
        yield


def read_page(path: Path, page: Page, *, why: str = "", write: bool = False) -> int:
    """Run all blocks of a page and compare what they print with what it shows; return how many there were.

    Args:
        path: The page.
        page: Where it runs.
        why: Why no block of this page is run, if so.
        write: Write what they print into the page instead of comparing.

    Raises:
        PageError: A block fails, or prints something else.
    """
    markdown = path.read_text(encoding="utf-8")
    said, count, shift = "", 0, 0
    for block in blocks(markdown):
        if block.title != OUTPUT:
            began = time.perf_counter()
            said = page.run(block._replace(why=block.why or why))
            count += 1
            print(f"{path.name}:{block.line} {block.language} {time.perf_counter() - began:.1f} s", file=sys.stderr)
            continue
        if write:
            before = path.read_text(encoding="utf-8")
            after = with_output(before, block._replace(line=block.line + shift), f"{_trimmed(said)}\n")
            shift += after.count("\n") - before.count("\n")
            path.write_text(after, encoding="utf-8")
        elif not agrees(said, block.code):
            raise PageError(f"line {block.line}: the page shows\n{block.code}\nand the code prints\n{said}")
    return count


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as place, shared_models():
            at_work = Page(Path(place), {"~/data": os.environ.get("BOLDFACE_DATA", "~/data")})
            try:
                print(name, read_page(Path(name), at_work, write=True), "blocks")
            finally:
                at_work.close()
