"""A setting as people type it: a command for the shell, and the arguments of ``model.generate``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from boldface.emphasis.markup import render
from boldface.emphasis.span import EmphasisedText
from boldface.errors import SpanError
from boldface.insight.diagnosis.setting import Setting, plain_data

_OPTIONS = {
    "do_sample": "--sample",
    "temperature": "--temperature",
    "top_p": "--top-p",
    "scope": "--scope",
    "overlap": "--overlap",
    "careful": "--careful",
    "gate": "--gate",
    "phases": "--phase",
}
"""Arguments that the command line has words for."""


def arguments(setting: Setting) -> dict[str, Any]:
    """Return what ``model.generate`` takes, as JSON values; a text is ``{"text", "spans"}``, heads are as named."""
    said: dict[str, Any] = {"prompt": plain_data(setting.put())}
    for name, value in (
        ("heads", setting.heads.said or None),
        ("strength", setting.strength),
        ("seed", setting.seed if setting.draws == 1 else None),
        ("max_new_tokens", setting.room),
        ("choices", list(setting.choices) or None),
        ("raw", None if setting.chat else True),
    ):
        said |= {} if value is None else {name: value}
    return said | dict(setting.steering) | dict(setting.drawing)


def command(setting: Setting, model: str) -> str:
    """Return the command that asks this; empty where the command line has no words for it, or draws are several.

    Args:
        setting: The setting.
        model: What the model is called there.
    """
    said = {**setting.steering, **setting.drawing}
    if setting.draws > 1 or setting.choices or said.keys() - _OPTIONS.keys():
        return ""
    words = ["boldface", "generate", "--model", model]
    for option, value in (
        ("--heads", setting.heads.said or None),
        ("--force-profile", True if setting.heads.said and setting.heads.kind == "foreign" else None),
        ("--strength", None if setting.strength is None else f"{setting.strength:g}"),
        *((_OPTIONS[name], value) for name, value in said.items()),
        ("--seed", setting.seed),
        ("--max-new-tokens", setting.room),
        ("--raw", None if setting.chat else True),
    ):
        words += _option(option, value)
    put = setting.put()
    if isinstance(put, EmphasisedText):
        return shlex.join([*words, *_typed(put)])
    return f"{shlex.join([*words, '--messages', '-'])} <<'END'\n{json.dumps(put, ensure_ascii=False, indent=1)}\nEND"


def _option(option: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [word for name, one in value.items() for word in (option, f"{name}={one}")]
    return [] if value in (None, False) else [option] if value is True else [option, f"{value}"]


def _typed(text: EmphasisedText) -> list[str]:
    """A prompt as arguments: with markup where it can be written so, else with offsets."""
    try:
        return ["--", render(text)]
    except SpanError:  # spans overlap
        marks = [
            f"{span.start}:{span.end}" + ("" if span.strength is None else f":strength={span.strength:g}")
            for span in text.spans
        ]
        return ["--no-markup", *(word for mark in marks for word in ("--span", mark)), "--", text.text]
