"""Policies: who may emphasise, and who may say where text comes from."""

from __future__ import annotations

import math

import pytest

from boldface.emphasis.policy import DEFAULT_POLICY, SOURCES, Policy, narrowed, source_of
from boldface.emphasis.strength import MAX_STRENGTH
from boldface.errors import ChatError, PolicyError

ORDER = {"system": 3, "user": 2, "assistant": 1, "tool": 0, "retrieved": 0}


def test_by_default_only_the_caller_and_the_user_may():
    """What a model, a tool or a search wrote may not emphasise, neither up nor down."""
    for nats in (2.0, -2.0, MAX_STRENGTH):
        assert {source for source in SOURCES if DEFAULT_POLICY.why_not(source, nats) is None} == {"system", "user"}


def test_whatever_is_not_said_is_denied():
    """An empty policy lets nobody emphasise, and protects as the default one does."""
    assert all(Policy().why_not(source, 1.0) for source in SOURCES)
    assert Policy().protects == DEFAULT_POLICY.protects
    assert Policy.read({}) == Policy()


@pytest.mark.parametrize("nats", [4.605, math.log(100), -4.605])
def test_a_limit_as_people_write_it_allows_what_they_mean(nats):
    """4.605 allows a factor of 100, whose logarithm has more digits, in both directions."""
    policy = Policy({"user": 4.605})
    assert policy.why_not("user", nats) is None
    assert "at most 4.605" in policy.why_not("user", nats * 1.01)


def test_no_strength_is_no_emphasis():
    """Strength 0 changes nothing, so everybody may say it; the slightest other one is refused."""
    assert Policy().why_not("tool", 0.0) is None
    assert Policy().why_not("tool", 1e-9)


def test_policies_are_read_from_json_values():
    """Limits and protections are said by name."""
    policy = Policy.read({"may": {"user": 2, "retrieved": 0.5}, "protects": {"system": ["user"]}})
    assert (policy.limit("user"), policy.limit("retrieved"), policy.limit("system")) == (2.0, 0.5, 0.0)
    assert policy.protects == {"system": ("user",)}


@pytest.mark.parametrize(
    "told",
    [
        [],
        {"allow": {}},
        {"may": ["user"]},
        {"may": {"users": 1}},
        {"may": {"user": -1}},
        {"may": {"user": 31}},
        {"may": {"user": True}},
        {"may": {"user": "1"}},
        {"may": {"user": math.nan}},
        {"protects": {"system": "user"}},
        {"protects": {"system": ["users"]}},
        {"protects": {"system": ["system"]}},
        {"protects": {"nobody": ["user"]}},
        {"protects": 3},
    ],
)
def test_what_is_no_policy_is_told(told):
    """Misspelt names and wrong values never become a policy that allows more, or less, than was meant."""
    with pytest.raises(PolicyError) as caught:
        Policy.read(told)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("role", "source"),
    [
        ("system", "system"),
        ("developer", "system"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("tool", "tool"),
        ("function", "tool"),
        ("ipython", "tool"),
        ("retrieved", "tool"),
        (None, "tool"),
        (["user"], "tool"),
    ],
)
def test_a_role_says_where_text_comes_from(role, source):
    """A role that nobody knows is trusted as little as a tool."""
    assert source_of(role) == source


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("said", SOURCES)
def test_a_source_may_give_up_trust_and_never_gain_it(source, said):
    """Text may claim a source of as much trust, or less; and no claim leaves it as it is."""
    assert narrowed(source, None, "here") == source
    if ORDER[said] <= ORDER[source]:
        assert narrowed(source, said, "here") == said
    else:
        with pytest.raises(ChatError, match="here"):
            narrowed(source, said, "here")


@pytest.mark.parametrize("said", ["User", "", 3, ["user"], {}])
def test_a_source_that_does_not_exist_is_told(said):
    """A misspelt source is an error, never a default."""
    with pytest.raises(ChatError):
        narrowed("system", said, "here")
