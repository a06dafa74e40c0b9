"""Orders: what cannot be made is refused before a model is loaded, with what could be asked instead."""

from __future__ import annotations

import math

import pytest

from boldface.errors import BoldfaceError, ProfilingError, TaskError
from boldface.profiling.learned import Learning
from boldface.profiling.order import DEFAULT_TASKS, METHODS, MULTI, RANKED, Order
from boldface.profiling.racing import Race

RANK = {"method": "gradient", "strategy": "intersection"}


@pytest.mark.parametrize(
    ("wrong", "told", "hint"),
    [
        ({"method": "guess"}, "no method 'guess'", "gradient"),
        ({"strategy": "union"}, "'learned' has no strategy 'union'", MULTI),
        ({"method": "exhaustive"}, f"'exhaustive' has no strategy '{MULTI}'", "intersection"),
        ({"tasks": ("jason",)}, "no task 'jason'", "'json'"),
        ({"tasks": ("json", "pronouns", "json")}, "json raw is named twice", "once"),
        ({"tasks": ("json", "json@chat"), "settings": ("raw", "chat")}, "json chat is named twice", "once in each"),
        ({"tasks": ("json@cooked",)}, "'json@cooked' names no setting", "json@raw or chat"),
        ({"tasks": ()}, "no task to learn from", "more tasks"),
        ({"tasks": ("neutral",)}, "no task to learn from: neutral asks for nothing", "more tasks"),
        (RANK | {"tasks": ("neutral",)}, "neutral asks for nothing", "more tasks"),
        ({"strategy": "task-specific"}, "needs one of the tasks as its target", "json"),
        ({"strategy": "task-specific", "target": "squad"}, "needs one of the tasks", "json"),
        ({"strategy": "task-specific", "target": "neutral"}, "neutral asks for nothing", "more tasks"),
        ({"strategy": "task-agnostic", "target": "json", "tasks": ("json",)}, "no task to learn from", "more"),
        ({"strategy": "task-agnostic", "target": "json", "tasks": ("json", "neutral")}, "asks for nothing", "more"),
        ({"target": "json"}, "has no target", "task-specific"),
        ({"settings": ()}, "No setting is named", "raw, chat"),
        ({"settings": ("raw", "cooked")}, "no setting 'cooked'", "raw, chat"),
        ({"variants": ()}, "No wording is named", "original"),
        ({"variants": ("original", "short")}, "no wording 'short'", "shortened"),
        ({"rows": 0}, "rows is 0", "at least 1"),
        ({"looked": 0}, "looked is 0", "at least 1"),
        ({"judged": -1}, "judged is -1", "at least 1"),
        ({"longest": 0}, "longest is 0", "at least 1"),
        ({"contrast": 1.0}, "contrast is 1.0", "below 1"),
        ({"contrast": -0.1}, "contrast is -0.1", "from 0"),
        ({"contrast": math.nan}, "contrast is nan", "from 0"),
        ({"keep": 0.0}, "keep is 0.0", "above 0"),
        ({"keep": 1.1}, "keep is 1.1", "at most 1"),
        ({"most_divergence": math.nan}, "most_divergence is nan", "0 or more"),
        ({"least": ()}, "least is", "one smallest gain or more"),
        ({"least": (0.1, -0.1)}, "least is", "0 or above"),
        ({"least": (math.nan,)}, "least is", "0 or above"),
        ({"shares": ()}, "shares is", "above 0"),
        ({"shares": (0.5, 1.5)}, "shares is", "at most 1"),
        ({"shares": (0.0,)}, "shares is", "above 0"),
        ({"times": ()}, "times is", "one multiple of the strength or more"),
        ({"times": (1.0, 0.0)}, "times is", "above 0"),
        ({"times": (math.inf,)}, "times is", "above 0"),
        ({"learning": Learning(strength=25.0)}, "may reach 37.5 nats; the cap is 30", "Lower"),
        ({"times": (5.0,)}, "may reach 34.5 nats", "largest multiple"),
        (RANK | {"race": Race(strength=0.0)}, "strength is 0", "alpha below 1"),
        (RANK | {"race": Race(strength=-1.0)}, "strength is -1", "factor above 1"),
        (RANK | {"race": Race(strength=20.0), "times": (2.0,)}, "may reach 40.0 nats", "Lower"),
    ],
)
def test_what_cannot_be_made_is_refused(wrong, told, hint):
    """With a hint at what can be."""
    with pytest.raises(BoldfaceError) as error:
        Order("mine", **wrong)
    assert isinstance(error.value, ProfilingError | TaskError)
    assert told in error.value.message
    assert hint in error.value.hint


def test_the_default_order_can_be_made():
    """And every method with each of its strategies."""
    assert Order("mine").learned_from == DEFAULT_TASKS
    for method in METHODS:
        for strategy in (MULTI, "task-specific", "task-agnostic") if method == "learned" else RANKED:
            aimed = strategy.startswith("task-")
            order = Order("mine", method=method, strategy=strategy, target="json" if aimed else None)
            assert order.learned_from


def test_a_task_may_be_named_once_in_each_setting():
    """Then it weighs twice as much."""
    assert Order("mine", tasks=("json@raw", "json@chat")).learned_from == ("json@raw", "json@chat")


def test_what_an_aimed_order_learns_from():
    """One task, or all but one; and always where nothing should change."""
    tasks = ("json", "pronouns", "neutral")
    specific = Order("mine", strategy="task-specific", target="json", tasks=tasks)
    agnostic = Order("mine", strategy="task-agnostic", target="json", tasks=tasks)
    assert specific.learned_from == ("json", "neutral")
    assert agnostic.learned_from == ("pronouns", "neutral")


def test_what_a_method_does_not_look_at_is_not_judged():
    """A strength that only rankings use may be anything where gains are learned."""
    assert Order("mine", race=Race(strength=0.0)).method == "learned"
    assert Order("mine", **RANK, learning=Learning(largest=9.0)).method == "gradient"
