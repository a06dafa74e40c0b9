"""Reruns: together as alone, never twice, and stopped where the verdict stands."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from boldface.emphasis.markup import parse
from boldface.insight.diagnosis.checks import Called, Contains, as_check
from boldface.insight.diagnosis.reruns import Change, Reruns
from boldface.insight.diagnosis.setting import Setting, choose

NEVER = Called(lambda answer: False, "never")


@pytest.fixture(scope="module")
def setting(model, known) -> Setting:
    """A prompt with something emphasised."""
    return Setting(parse("Ann is a nurse. **Answer in French.** Be brief."), choose(model, known), room=12)


def to(nats):
    """The change to a strength."""
    return Change("too weak", f"{nats} nats", partial(replace, strength=nats))


def test_together_as_alone(model, setting):
    """Rows of one batch get the answers that they get alone, and strengths give different ones."""
    changes = [(to(nats),) for nats in (0.0, 1.0, 2.0, 3.0, 4.0)]
    together, alone = Reruns(model, NEVER), Reruns(model, NEVER)
    assert together.first(setting, changes) is None
    singles = [alone.one(setting, change) for change in changes]
    assert [rerun.answers for rerun in together.done] == [rerun.answers for rerun in singles]
    assert len({rerun.answers for rerun in singles}) > 2
    assert [rerun.says for rerun in together.done] == [f"{nats} nats" for nats in (0.0, 1.0, 2.0, 3.0, 4.0)]


def test_the_first_that_passes_is_returned(model, setting):
    """In the order in which trials were given, and asked again alone."""
    plain = Reruns(model, NEVER)
    answers = [plain.one(setting, [to(nats)]).answers[0] for nats in (1.0, 4.0)]
    assert answers[0] != answers[1]
    wanted = as_check(lambda answer: answer in answers)
    found = Reruns(model, wanted).first(setting, [[to(0.0)], [to(4.0)], [to(1.0)]])
    assert found is not None
    assert (found.says, found.alone, found.answers[0]) == ("4.0 nats", True, answers[1])


def test_nothing_is_asked_twice(model, setting):
    """What is kept is the answer, whatever the model would say now."""
    kept: dict = {}
    first = Reruns(model, NEVER, kept=kept).one(setting)
    (key,) = kept
    assert Reruns(model, NEVER, kept=kept).one(setting).answers == first.answers
    kept[key][0]["text"] = "from before"
    again = Reruns(model, NEVER, kept=kept)
    assert again.one(setting).answers == ("from before",)
    assert again.one(setting, [to(1.0)]).answers != ("from before",)
    assert len(kept) == 2
    Reruns(model, Called(lambda answer: False, "otherwise"), kept=kept).one(setting)
    assert len(kept) == 3
    Reruns(model, NEVER, route="reference", kept=kept).one(setting)
    assert len(kept) == 4


def test_an_answer_ends_where_its_verdict_stands(model, setting):
    """The words that a check looks for are the last ones that are written; other rows write on."""
    whole = Reruns(model, NEVER).one(setting).answers[0]
    cut = Reruns(model, Contains(whole[4:6])).one(setting)
    assert cut.passed and cut.ended
    end = whole.casefold().index(whole[4:6].casefold()) + 2
    assert whole.startswith(cut.answers[0]) and len(cut.answers[0]) == end < len(whole)
    assert not Reruns(model, NEVER).one(setting).ended


def test_what_cannot_run_is_told_and_the_others_run(model, setting):
    """A rerun that is refused fails with its reason."""
    long = Change("examples", "long", partial(replace, shots=(("a" * 9000, "b"),)))
    wild = Change("too strong", "300 nats", partial(replace, strength=300.0))
    reruns = Reruns(model, NEVER)
    assert reruns.first(setting, [[to(1.0)], [wild], [long]]) is None
    fine, refused, too_long = reruns.done
    assert fine.answers and not fine.error
    assert "exceeds" in refused.error and not refused.passed
    assert "exceed" in too_long.error


def test_draws_follow_their_seed_and_all_have_to_pass(model, setting):
    """Several answers are drawn at once; one that fails is a failure."""
    drawn = replace(setting, drawing={"do_sample": True, "temperature": 2.0}, draws=4, seed=1)
    first = Reruns(model, NEVER).one(drawn)
    assert first.answers == Reruns(model, NEVER).one(drawn).answers
    assert len(set(first.answers)) == 4
    assert Reruns(model, NEVER).one(replace(drawn, seed=2)).answers != first.answers
    most = as_check(lambda answer: answer != first.answers[2])
    assert not Reruns(model, most).one(drawn).passed
    assert Reruns(model, as_check(lambda answer: True)).one(drawn).passed
