"""How the command line fails: two lines on standard error, and an exit code that scripts can tell apart."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from functools import partial
from typing import Any

import typer
from typer.core import TyperGroup

from boldface.errors import BoldfaceError, MissingError, ProfileWarning

OTHER, USAGE, MISSING, DRIFTED, BROKEN, FAULTY, INTERRUPTED = 1, 2, 3, 4, 5, 6, 130


class Verbs(TyperGroup):
    """The top of the command line; every failure of a verb, and of the parser, ends here."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run, tell what failed, and exit; without ``standalone_mode`` errors are the caller's."""
        run = partial(super().main, args, prog_name, complete_var, False, windows_expand_args, **extra)
        if not standalone_mode:
            return run()
        try:
            with warnings.catch_warnings():
                warnings.showwarning = show_warning
                code = run()
            sys.stdout.flush()
        except BrokenPipeError:
            # Who read our output has left; nothing more can be said, not even at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = OTHER
        except KeyboardInterrupt:
            code = INTERRUPTED
        except Exception as error:
            code = tell(error, debug=_wants_debug(sys.argv[1:] if args is None else args))
        sys.exit(code if isinstance(code, int) else 0)


def show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    """Say a warning of ours in one line on standard error, any other as Python does."""
    if issubclass(category, ProfileWarning):
        _say("Note", str(message), "bold")
    else:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno, line))


def tell(error: Exception, *, debug: bool = False) -> int:
    """Say on standard error what is wrong and what to do; return the exit code."""
    if debug:
        traceback.print_exception(error)
    if isinstance(error, BoldfaceError):
        message, hint = error.message, error.hint
        code = MISSING if isinstance(error, MissingError) else USAGE
    elif isinstance(error, typer.Abort):
        message, hint, code = "Aborted.", "", OTHER
    elif hasattr(error, "format_message"):  # of the parser: its classes have moved between versions of typer
        context = getattr(error, "ctx", None)
        message, code = error.format_message(), USAGE
        hint = f"Run: {context.command_path if context else 'boldface'} --help"
    else:
        message, code = f"{type(error).__name__}: {error}", OTHER
        hint = "" if debug else "Run it again as 'boldface --debug …' for the traceback."
    if not message:  # the parser has shown the help instead
        return code
    _say("Error", message, "bold red")
    if hint:
        _say("Hint", hint, "bold")
    return code


def _say(label: str, words: str, style: str) -> None:
    from rich.console import Console
    from rich.text import Text

    line = Text.assemble((f"{label}:", style), " ", " ".join(words.split()))
    Console(stderr=True).print(line, soft_wrap=True, highlight=False)


def _wants_debug(args: Sequence[str]) -> bool:
    options = list(args[: args.index("--")] if "--" in args else args)
    return "--debug" in options or os.environ.get("BOLDFACE_DEBUG", "").lower() not in ("", "0", "false", "no", "off")
