from __future__ import annotations

import pytest

from boldface.metrics.instructions.whole import end_checker, quotation, two_responses


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("a******b", True),
        ("******a******b******", True),
        ("a*******b", True),
        ("a******b******c", False),
        ("a******\n******b", False),
        ("a", False),
    ],
)
def test_two_responses_stand_between_six_asterisks(answer: str, right: bool):
    """Exactly two that differ; an empty one only at an end."""
    assert two_responses(answer) is right


def test_quotation_marks_after_the_end_do_not_count():
    """The phrase may stand in quotation marks at the end, but nothing may follow it."""
    assert end_checker('He said "Bye!"', end_phrase="bye!")
    assert not end_checker('"Bye!".', end_phrase="bye!")


@pytest.mark.parametrize(("answer", "right"), [('"a"', True), ('""', True), ('"', False), ("“a”", False)])
def test_a_quotation_has_two_straight_marks(answer: str, right: bool):
    """One mark is not enough; curly ones do not count, as published."""
    assert quotation(answer) is right
