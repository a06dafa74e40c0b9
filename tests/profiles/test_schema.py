"""Profile files against their JSON Schemas, and our check against a library's."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.profiles import catalogue
from boldface.profiles.migrations import LATEST
from boldface.profiles.profile import Profile
from boldface.profiles.schema import problem, schema

WHOLE = {
    "schema_version": 2,
    "name": "a",
    "model": "b",
    "gains": {"0": {"1": 0.5}, "3": [0, 2]},
    "strength": 4.6,
    "scope": "answer",
    "rule": "flat",
    "target": 0.5,
    "layers": 4,
    "heads": None,
    "identity": {
        "architecture": "LlamaForCausalLM",
        "layers": 4,
        "heads": 3,
        "kv_heads": 1,
        "head_dim": 8,
        "hidden_size": 24,
        "vocabulary": 64,
        "weights": "0123456789abcdef",
        "sketch": "",
        "tokenizer": "",
        "dtype": "float32",
        "origin": "here",
        "quantization": "",
    },
    "method": "learned",
    "settings": {"steps": 3, "deep": [{"er": None}, True]},
    "tasks": [
        {"name": "f", "setting": "raw", "variant": "v", "split": "train", "rows": 2, "weight": 1, "data": "abc"},
        {"name": "g", "setting": "raw", "variant": "v", "split": "train", "rows": 0},
    ],
    "seed": None,
    "scores": {"f": 0.5},
    "canaries": [{"prompt": "p", "spans": [[0, 1]], "target": " t", "plain": -2.5, "steered": -1}],
    "cost": {"trials": 1, "passes": 20, "seconds": 0.5},
    "boldface": "0.1.0",
    "note": "n",
    "version": 1,
}
ODD = st.sampled_from(
    [None, True, -1, 0, 3, 1.5, "", "x", "all", "0123456789abcdef", [], [1], [[0, 1]], {}, {"0": [1]}]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """The value with something odd at a place."""
    if not path:
        return odd
    changed = copy.deepcopy(value)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = odd
    return changed


@pytest.mark.parametrize("version", range(1, LATEST + 1))
def test_the_schemas_are_schemas(version: int) -> None:
    """They are JSON Schemas of the draft that they name, and know their version."""
    jsonschema.Draft202012Validator.check_schema(schema(version))
    assert schema(version)["properties"]["schema_version"] == {"const": version}


@pytest.mark.parametrize("name", catalogue.names())
def test_shipped_profiles_are_valid(name: str) -> None:
    """What ships is of the newest version, and what it is written as again is valid too."""
    shipped = json.loads(catalogue.read_shipped(name))
    for content in (shipped, json.loads(Profile.load(name).to_json())):
        jsonschema.validate(content, schema(LATEST))
        assert problem(content, LATEST) is None
    assert shipped["schema_version"] == LATEST


def test_the_whole_example_is_valid() -> None:
    """Every field at once, so that the changes below start from something valid."""
    assert set(WHOLE) == set(schema(2)["properties"])
    assert problem(WHOLE, 2) is None
    jsonschema.validate(WHOLE, schema(2))


@given(st.sampled_from(list(places(WHOLE))), ODD)
def test_the_check_agrees_with_a_library(path: tuple[Any, ...], odd: Any) -> None:
    """Whatever stands wherever, it is refused exactly when a JSON Schema library refuses it."""
    content = put(WHOLE, path, odd)
    valid = jsonschema.Draft202012Validator(schema(2)).is_valid(content)
    assert (problem(content, 2) is None) == valid


@given(st.sampled_from([path for path in places(WHOLE) if path and isinstance(path[-1], str)]), st.booleans())
def test_the_check_agrees_on_names(path: tuple[Any, ...], more: bool) -> None:
    """A field left out, or one that nobody knows, is refused exactly when a library refuses it."""
    content = put(WHOLE, path, None)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    value = WHOLE
    for key in path:
        value = value[key]
    del inner[path[-1]]
    if more:
        inner[f"{path[-1]}x"] = value
    assert (problem(content, 2) is None) == jsonschema.Draft202012Validator(schema(2)).is_valid(content)


@pytest.mark.parametrize(
    ("path", "odd", "says"),
    [
        (("tasks", 0, "rows"), "many", "tasks[0].rows is 'many', not integer"),
        (("canaries", 0, "spans", 0), [1], "canaries[0].spans[0] has 1 items, not 2"),
        (("identity", "weights"), "xyz", "identity.weights is 'xyz', which does not fit"),
        (("identity", "colour"), 1, "unknown fields in identity: colour"),
        (("scope",), "some", "scope is 'some', not 'all' or 'answer'"),
        (("version",), 0, "version is 0, less than 1"),
        (("cost",), {}, "it lacks trials, passes, seconds in cost"),
        (("scores", "f"), float("nan"), "scores.f is nan, not a finite number"),
        (("note",), 7, "note is 7, not string"),
        (("identity",), 7, "identity is 7, not"),
    ],
)
def test_the_words_say_where_and_what(path: tuple[Any, ...], odd: Any, says: str) -> None:
    """The first problem is told with its place and the value."""
    found = problem(put(WHOLE, path, odd), 2)
    assert found is not None
    assert says in found
