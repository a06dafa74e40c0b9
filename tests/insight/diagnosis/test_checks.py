"""Checks: what is settled stays so, and what cannot be a check is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from boldface.errors import CheckError
from boldface.insight.diagnosis.checks import Called, Contains, Every, Json, Matches, as_check, every, load_function

SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}},
    "additionalProperties": False,
}
CHECKS = [
    Contains("ab"),
    Matches("^a.*b$"),
    Json(),
    Json(whole=True),
    Json(SCHEMA),
    Json({"type": "array"}),
    Json({"type": "number"}),
    Called(lambda answer: len(answer) % 2 == 0, "even"),
    Every((Contains("a"), Json(SCHEMA))),
]
JSONISH = st.text('{}[]":,ab0-1.n \\') | st.sampled_from(
    ['{"name": "Ann"}', '{"name": 1}', '{"a": [1, {"b": null}]}', "[1, 2]", "nothing", "nul", "{'name': 'Ann'}", "12"]
)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@given(answer=JSONISH, more=JSONISH)
@example(answer='{"name": "Ann"}', more="}")
@example(answer="{'", more='"')
@example(answer="1", more="2")
def test_a_settled_verdict_stands(check, answer, more):
    """Whatever follows, the verdict on what is settled stays the verdict, and it stays settled."""
    if check.is_settled(answer):
        assert check.check(answer).passed == check.check(answer + more).passed
        assert check.is_settled(answer + more)


@pytest.mark.parametrize(
    ("check", "answer"),
    [
        (Contains("Nurse"), "a nurse"),
        (Json(), ' {"a": 1} and so on'),
        (Json(), "Sure: {}"),
        (Json(SCHEMA), "{'name': 'Ann'}"),
        (Every((Contains("a"), Json())), "So"),
    ],
)
def test_what_is_known_early_is_settled(check, answer):
    """A model need not write on where nothing can change."""
    assert check.is_settled(answer)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5), st.text())
def test_any_object_is_json_and_nothing_else_is(value, behind):
    """An object passes with anything behind it; a value that is none does not."""
    assert Json().check(json.dumps({"a": value}) + behind).passed
    assert not Json().check(json.dumps(value)).passed
    assert Json(whole=True).check(json.dumps({"a": value}) + behind).passed == (not behind.strip())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ('{"name": "Ann"}', "as the schema says"),
        ('{"name": 1}', "1 is not of type"),
        ('{"job": "nurse"}', "does not match|required|Additional"),
        ("Ann", "no JSON at 'Ann'"),
        ("{" * 10_000, "no JSON|nested"),
    ],
)
def test_a_schema_says_what_is_wrong(answer, why):
    """The reason names the value, or that there is none."""
    import re

    found = Json(SCHEMA).check(answer)
    assert found.passed == (why == "as the schema says")
    assert re.search(why, found.why)


@pytest.mark.parametrize(
    ("check", "opening"),
    [
        (Json(SCHEMA), '{"name": "'),
        (Json(), "{"),
        (Json({"type": "array"}), ""),
        (Contains("a"), ""),
        (Every((Contains("a"), Json(SCHEMA))), '{"name": "'),
    ],
)
def test_an_opening_is_what_right_answers_may_begin_with(check, opening):
    """Nothing that passes is ruled out by it."""
    assert check.opening == opening


def test_functions_are_checks():
    """By what they return or assert; what they raise besides is told."""

    def polite(answer):
        assert "please" in answer, "no please"
        return True

    check = as_check(polite)
    assert check.check("please").passed
    assert check.check("now") == (False, "'no please'")
    assert "polite" in check.name
    with pytest.raises(CheckError, match="raises ZeroDivisionError"):
        as_check(lambda answer: 1 / 0).check("a")
    with pytest.raises(CheckError, match="is no check"):
        as_check(3)
    assert as_check(CHECKS[0]) is CHECKS[0]


def test_all_checks_have_to_pass():
    """One that fails is the reason."""
    both = every([Contains("a"), Contains("b")])
    assert both.check("ab").passed
    assert both.check("a") == (False, "'b' is missing")
    assert every([Contains("a")]) == Contains("a")
    with pytest.raises(CheckError, match="Nothing says"):
        every([])


@pytest.mark.parametrize(
    "make",
    [
        lambda: Contains(" "),
        lambda: Matches("("),
        lambda: Json({"type": "nothing"}),
        lambda: load_function("no_such_file.py:check"),
        lambda: load_function("check"),
    ],
)
def test_what_is_no_check_is_refused_when_it_is_made(make):
    """Before any model runs."""
    with pytest.raises(CheckError) as caught:
        make()
    assert caught.value.hint


def test_a_function_comes_from_a_file(tmp_path):
    """By file and name; a file that fails, or has no such function, is told."""
    file = tmp_path / "mine.py"
    file.write_text("def short(answer):\n    return len(answer) < 3\n")
    check = load_function(f"{file}:short")
    assert [check.check(answer).passed for answer in ("ab", "abc")] == [True, False]
    assert check.name == "mine.py:short"
    with pytest.raises(CheckError, match="no function 'long'"):
        load_function(f"{file}:long")
    file.write_text("1 / 0")
    with pytest.raises(CheckError, match="ZeroDivisionError"):
        load_function(f"{file}:short")
