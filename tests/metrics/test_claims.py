from __future__ import annotations

import pytest

from boldface.metrics.claims import yes_and_no


@pytest.mark.parametrize(
    ("question", "affirming", "denying"),
    [
        ("Is there a warthog on Broadway?", "There is a warthog on Broadway.", "There is no warthog on Broadway."),
        ("Can a fish fly?", "A fish can fly.", "A fish can’t fly."),
        ("Did Ann like old songs?", "Ann liked old songs.", "Ann didn't like old songs."),
        ("Is Ann at home?", "Ann is at home.", "It is not true that Ann is at home."),
        ("Can one die without blood?", "One can die without blood.", "One cannot die without blood."),
    ],
)
def test_the_negated_claim_says_no(question: str, affirming: str, denying: str):
    """Of a claim and its negation the negated one answers No, in whichever order they come."""
    assert yes_and_no(question, affirming, denying) == ("Yes", "No")
    assert yes_and_no(question, denying, affirming) == ("No", "Yes")


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        ("Is Ann not at home?", "Ann is at home.", "Ann is not at home."),
        ("Are more people tall?", "More people are tall.", "Fewer people are not tall."),
        ("Is it impossible to fly?", "It is possible to fly.", "It is impossible to fly."),
        ("Is it bitcoin?", "It is not bitcoin.", "It was not bitcoin."),
        ("Are all cats grey?", "All cats are grey.", "Not all cats are grey."),
        ("Does Ann like tea?", "Ann likes tea.", "Ann may not necessarily like tea."),
        ("Is Ann at home?", "Ann is at home.", "The moon has no air around its cold stones."),
        ("Was Bob over ten in 1965?", "Bob was over ten in 1965.", "Bob was under ten in 1965."),
    ],
)
def test_a_doubt_is_told(question: str, first: str, second: str):
    """Negated questions, two negations or none, part denials and claims on something else are left undecided."""
    assert yes_and_no(question, first, second) is None
