"""Checks: what an answer has to be, as something that can be asked of any text."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

from boldface.errors import CheckError, MissingError

SHOWN = 40
"""Most characters of an answer that a reason quotes."""
_NO_JSON = re.compile(r"\s*(?:[^\s\[{\"\-0-9tfn]|\{\s*[^\s\"}])")
"""What no JSON value begins with."""


class Checked(NamedTuple):
    """What a check says of an answer.

    Attributes:
        passed: Whether the answer is as it should be.
        why: The reason, in words.
    """

    passed: bool
    why: str


@runtime_checkable
class Check(Protocol):
    """Something that an answer has to be."""

    @property
    def name(self) -> str:
        """What it asks, in words; two checks of one name ask the same."""

    @property
    def opening(self) -> str:
        """Words that every answer that passes may begin with; empty where the check knows none."""

    def check(self, answer: str) -> Checked:
        """Judge a whole answer."""

    def is_settled(self, answer: str) -> bool:
        """Tell whether the verdict on an answer stands already, whatever may follow."""


@dataclass(frozen=True)
class Contains:
    """The answer holds certain words, to the letter but for their case.

    Attributes:
        words: The words.
    """

    words: str
    opening = ""

    def __post_init__(self) -> None:
        if not self.words.strip():
            raise CheckError("There are no words that the answer should contain.", "Name at least one.")

    @property
    def name(self) -> str:
        """What it asks."""
        return f"contains {self.words!r}"

    def check(self, answer: str) -> Checked:
        """Look for the words."""
        found = self.words.casefold() in answer.casefold()
        return Checked(found, f"{self.words!r} is {'there' if found else 'missing'}")

    def is_settled(self, answer: str) -> bool:
        """Once the words are there they stay."""
        return self.check(answer).passed


@dataclass(frozen=True)
class Matches:
    """A regular expression matches somewhere in the answer.

    Attributes:
        pattern: As Python's ``re`` reads it; ``^`` is the beginning of the answer.

    Raises:
        CheckError: It is no regular expression.
    """

    pattern: str
    opening = ""

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise CheckError(
                f"{self.pattern!r} is no regular expression: {error}.", "Write it as Python's re module reads it."
            ) from None

    @property
    def name(self) -> str:
        """What it asks."""
        return f"matches {self.pattern!r}"

    def check(self, answer: str) -> Checked:
        """Search the answer."""
        found = re.search(self.pattern, answer)
        return Checked(found is not None, f"it matches in {quoted(found[0])}" if found else "it matches nowhere")

    def is_settled(self, answer: str) -> bool:
        """Nothing is known before the answer is whole."""
        return False


@dataclass(frozen=True)
class Json:
    """The answer begins with a JSON value, which a schema may describe. What follows the value is not judged.

    Attributes:
        schema: A JSON Schema; None takes any object.
        whole: Whether nothing but space may follow the value.

    Raises:
        CheckError: The schema is none.
        MissingError: Schemas cannot be checked here.
    """

    schema: Mapping[str, Any] | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        if self.schema is not None:
            _ = self._validator

    @property
    def name(self) -> str:
        """What it asks."""
        kind = "an object" if self.schema is None else json.dumps(self.schema, sort_keys=True, ensure_ascii=False)
        return f"is JSON: {kind}{', nothing behind it' if self.whole else ''}"

    @property
    def opening(self) -> str:
        """An object's brace, and its first key where the schema requires one that holds text."""
        schema = self.schema or {"type": "object"}
        if schema.get("type") != "object":
            return ""
        required = schema.get("required") or [""]
        kind = schema.get("properties", {}).get(required[0], {})
        return f'{{"{required[0]}": "' if required[0] and kind.get("type") == "string" else "{"

    def check(self, answer: str) -> Checked:
        """Read the value and hold it against the schema."""
        text = answer.lstrip()
        try:
            value, end = json.JSONDecoder().raw_decode(text)
        except ValueError as error:
            return Checked(False, f"no JSON at {quoted(text)}: {str(error).partition(':')[0].lower()}")
        except RecursionError:
            return Checked(False, "nested too deep")
        if self.whole and text[end:].strip():
            return Checked(False, f"{quoted(text[end:].strip())} stands behind it")
        if self.schema is None:
            held = isinstance(value, dict)
            return Checked(held, "a JSON object" if held else f"JSON, but no object: {quoted(text[:end])}")
        wrong = min(self._validator.iter_errors(value), key=lambda error: list(map(str, error.path)), default=None)
        return Checked(wrong is None, "as the schema says" if wrong is None else quoted(wrong.message, 2 * SHOWN))

    def is_settled(self, answer: str) -> bool:
        """Once an object or a list is closed, or what stands there can be no JSON any more."""
        if _NO_JSON.match(answer):
            return True
        if self.whole or not answer.lstrip().startswith(("{", "[")):
            return False
        try:
            json.JSONDecoder().raw_decode(answer.lstrip())
        except (ValueError, RecursionError):
            return False
        return True

    @cached_property
    def _validator(self) -> Any:
        try:
            jsonschema = import_module("jsonschema")
        except ModuleNotFoundError as error:
            raise MissingError(
                "Schemas are checked with jsonschema, which is missing.", "Run: pip install 'boldface[diagnose]'"
            ) from error
        kind = jsonschema.validators.validator_for(self.schema, default=jsonschema.Draft202012Validator)
        try:
            kind.check_schema(self.schema)
        except jsonschema.SchemaError as error:
            raise CheckError(f"This is no JSON Schema: {error.message}.", "See json-schema.org.") from None
        return kind(self.schema)


@dataclass(frozen=True)
class Called:
    """A function of Python's says whether the answer is right: by what it returns, or by an assertion that fails.

    Attributes:
        function: Takes the answer; true is right, false is wrong.
        name: What it asks, in words.
    """

    function: Callable[[str], Any]
    name: str
    opening = ""

    def check(self, answer: str) -> Checked:
        """Call it.

        Raises:
            CheckError: It raises anything but an AssertionError.
        """
        try:
            passed = bool(self.function(answer))
        except AssertionError as error:
            said = str(error).splitlines()
            return Checked(False, quoted(said[0], 2 * SHOWN) if said else "an assertion fails")
        except Exception as error:
            raise CheckError(
                f"The check {self.name} raises {type(error).__name__}: {error}.",
                "It takes an answer and returns whether that is right.",
            ) from error
        return Checked(passed, "it says yes" if passed else "it says no")

    def is_settled(self, answer: str) -> bool:
        """Nothing is known before the answer is whole."""
        return False


@dataclass(frozen=True)
class Every:
    """Several checks, all of which have to pass.

    Attributes:
        checks: At least one.
    """

    checks: tuple[Check, ...]

    @property
    def name(self) -> str:
        """What they ask."""
        return "; ".join(check.name for check in self.checks)

    @property
    def opening(self) -> str:
        """That of the first one that knows any."""
        return next(filter(None, (check.opening for check in self.checks)), "")

    def check(self, answer: str) -> Checked:
        """Ask one after the other, up to the first that fails."""
        said = [check.check(answer) for check in self.checks]
        return next((one for one in said if not one.passed), Checked(True, "; ".join(one.why for one in said)))

    def is_settled(self, answer: str) -> bool:
        """Once all are, or one has failed for good."""
        settled = [check for check in self.checks if check.is_settled(answer)]
        return len(settled) == len(self.checks) or any(not check.check(answer).passed for check in settled)


def as_check(check: Check | Callable[[str], Any]) -> Check:
    """Return a check; a function of Python's becomes one.

    Raises:
        CheckError: It is neither.
    """
    if isinstance(check, Check):
        return check
    if not callable(check):
        raise CheckError(f"{check!r} is no check.", "Pass Contains('words'), for example, or a function of the answer.")
    return Called(check, getattr(check, "__qualname__", repr(check)))


def every(checks: Sequence[Check]) -> Check:
    """Return checks as one.

    Raises:
        CheckError: There is none.
    """
    if not checks:
        raise CheckError("Nothing says what a right answer is.", "Give a check, for example --contains WORDS.")
    return checks[0] if len(checks) == 1 else Every(tuple(checks))


def load_function(spelled: str) -> Called:
    """Return the function that ``FILE.py:NAME`` names.

    Raises:
        CheckError: The file cannot be run, or has no such function.
    """
    file, _, name = spelled.rpartition(":")
    path = Path(file).expanduser()
    hint = "Write it as FILE.py:FUNCTION, a function that takes the answer."
    if not file or not path.is_file():
        raise CheckError(f"{spelled!r} names no Python file.", hint)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise CheckError(f"{path} is no Python file.", hint)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise CheckError(f"{path} cannot be run: {type(error).__name__}: {error}.", hint) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise CheckError(f"{path} has no function {name!r}.", hint)
    return Called(function, f"{path.name}:{name}")


def quoted(text: str, most: int = SHOWN) -> str:
    """Return the beginning of a text in quotes."""
    return repr(text if len(text) <= most else f"{text[: most - 1]}…")
