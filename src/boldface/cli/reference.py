"""The reference of the command line, made from the command line itself.

``python -m boldface.cli.reference docs/cli.md`` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer.main

from boldface.cli.app import app

HEAD = """# Command line

Made by `python -m boldface.cli.reference docs/cli.md`; `boldface VERB --help` says the same.

```text
boldface generate 'Mary is a nurse in Ohio. **Answer as JSON with keys name and occupation.**'
boldface generate --compare --file letter.txt --emphasise 'by Friday' --factor 20
cat prompt.txt | boldface generate --json > answer.json
boldface generate --show-spans 'Write **one** sentence.'
```

Standard output holds the answer and nothing else; progress, notes and errors go to standard error. `NO_COLOR` and
`COLUMNS` are respected, and nothing is said by colour alone. An error is one line that says what is wrong and one that
says what to do; `boldface --debug VERB` (or `BOLDFACE_DEBUG=1`) adds the traceback.

| exit code | means |
|---|---|
| 0 | all is well |
| 1 | something unforeseen; `doctor`: no exact route runs here |
| 2 | wrong usage, or emphasis, heads, strength or route that cannot be used |
| 3 | a model, a package or a data set is missing; the hint says what to install |
| 4, 5 | `profiles check`: the profile has drifted, is broken |
| 130 | interrupted |

`boldface --install-completion` sets up the shell's completion, of the names of models, profiles and dialects as well.
"""


def reference() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_sections(typer.main.get_command(app), "boldface")])


def _sections(command: Any, path: str) -> Iterator[str]:
    own = [param for param in command.params if not getattr(param, "hidden", False)]
    arguments = [param for param in own if param.param_type_name == "argument"]
    options = [param for param in own if param.param_type_name == "option"]
    group = hasattr(command, "commands")
    usage = [path, "[OPTIONS]" if options else "", *(_argument(one) for one in arguments), "VERB" if group else ""]
    yield f"## `{path}`\n"
    yield f"```text\n{' '.join(filter(None, usage))}\n```\n"
    if command.help:
        yield "\n".join(line.strip() for line in command.help.strip().splitlines()) + "\n"
    panels: dict[str, list[Any]] = {"": []}
    for param in [*arguments, *options]:
        panels.setdefault(getattr(param, "rich_help_panel", None) or "", []).append(param)
    for panel, params in ((panel, params) for panel, params in panels.items() if params):
        yield f"| {panel or 'option'} | what |\n|---|---|"
        yield "".join(f"| {_names(param)} | {_what(param)} |\n" for param in params)
    if group:
        for name, verb in command.commands.items():
            yield from _sections(verb, f"{path} {name}")


def _argument(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _names(param: Any) -> str:
    if param.param_type_name == "argument":
        return f"`{_argument(param)}`"
    names = ", ".join(f"`{name}`" for name in [*param.opts, *param.secondary_opts])
    if param.is_flag:
        return names
    return f"{names} `{param.metavar}`".replace("|", "\\|")


def _what(param: Any) -> str:
    said = (param.help or "").replace("\\[", "[").replace("|", "\\|").replace("*", "\\*")
    default = param.default
    shown = default is not None and default is not False and not callable(default) and default not in ((), [])
    if shown and param.param_type_name == "option" and not param.is_flag:
        said += f" Default: `{default}`."
    return f"{said} Environment: `{param.envvar}`." if isinstance(getattr(param, "envvar", None), str) else said


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
