"""The parts of the site that are made from the source: the list of errors and the reference of the Python interface."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import boldface
from boldface import errors

SOURCE = Path(boldface.__file__).parent
API = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")


def test_every_error_has_a_section():
    """Each class of the tree stands on the page, with a status where the server answers with one."""
    from error_list import ERRORS, page

    text = page()
    assert [name for name in ERRORS if f"## {name}\n" not in text] == []
    assert len(ERRORS) == sum(
        inspect.isclass(value) and issubclass(value, errors.BoldfaceError) for value in vars(errors).values()
    )
    section = text.partition("## UnknownModelError\n")[2].partition("\n## ")[0]
    assert "Over HTTP status 404, code `model_not_found`" in section
    assert "Exit code 3" in text.partition("## MissingError\n")[2].partition("\n## ")[0]


def test_every_raise_with_words_is_listed():
    """What the source raises by name with a message of its own is on the page with that message."""
    from error_list import ERRORS, sites

    listed = {(site.error, site.file) for site in sites()}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args):
                continue
            name, first = getattr(node.exc.func, "id", ""), node.exc.args[0]
            if name in ERRORS and isinstance(first, ast.Constant | ast.JoinedStr):
                assert (name, str(path.relative_to(SOURCE))) in listed


def test_a_message_is_listed_as_it_is_said():
    """What is filled in is an ellipsis, and the rest is to the letter what somebody reads."""
    from error_list import sites

    with pytest.raises(errors.SpanError) as caught:
        boldface.locate("Be brief.", "JSON")
    patterns = [
        ".*".join(map(re.escape, site.message.split("…"))) for site in sites() if site.file == "emphasis/locate.py"
    ]
    assert any(re.fullmatch(pattern, caught.value.message) for pattern in patterns)


def test_every_public_name_has_a_place_in_the_reference():
    """The face of the package is described as a whole."""
    named = set(re.findall(r"<!-- api: ([\w.]+) -->", API))
    assert {f"boldface.{name}" for name in boldface.__all__ if name != "__version__"} <= named


@pytest.mark.parametrize("name", re.findall(r"<!-- api: ([\w.]+) -->", API))
def test_a_name_is_described(name: str):
    """By a heading that links find, and every argument that its docstring names is one that it takes."""
    from api_reference import describe

    text = describe(name)
    assert f"#{name}" in text
    assert ":func:" not in text and "``" not in re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def test_a_docstring_becomes_markdown():
    """Literals, roles, literal blocks and sections, with links where a name is known."""
    from docstrings import to_markdown

    said = """Do ``this``, see :func:`boldface.load` and :mod:`~a.b`::

        code | here

    And that.

    Args:
        one: A number,
            on two lines, with a | in it.
        options: Passed on.

    Raises:
        SpanError: When not.
    """
    text = to_markdown(said, {"boldface.load": "#load", "SpanError": "#span"}.get)
    assert "Do `this`, see [`boldface.load`](#load) and `b`" in text
    assert "```text\ncode | here\n```" in text and "And that." in text
    assert "| `one` | A number, on two lines, with a &#124; in it. |" in text
    assert "| [`SpanError`](#span) | When not. |" in text
