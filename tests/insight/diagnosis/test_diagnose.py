"""Diagnose: each kind of fault is named, alone and beside another, with a change that repairs it."""

from __future__ import annotations

from dataclasses import replace

import pytest

import boldface
from boldface.emphasis.markup import parse
from boldface.errors import BoldfaceError, CheckError, HeadError
from boldface.insight.diagnosis.checks import Called, Contains, Json
from boldface.insight.diagnosis.diagnose import DRAWS, diagnose
from boldface.insight.diagnosis.report import report
from boldface.insight.diagnosis.reruns import SEEDS
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile

PROMPT = "Ann is a nurse. **Answer in French.** Be brief."
ELSEWHERE = "**Ann is a nurse.** Answer in French. Be brief."
ROOM = 12
FAULTS = {
    "span": {"prompt": ELSEWHERE},
    "profile": {"heads": HeadGains.parse("L0H0, L0H3=0.7, L1H1")},
    "too weak": {"strength": 0.5},
    "too strong": {"strength": 9.0},
    "decoding": {"do_sample": True, "temperature": 3.0, "seed": 1},
}
CUT = {"max_new_tokens": 4}


@pytest.fixture(scope="module")
def right(model, known):
    """The answer of the prompt as it should be asked, whatever may follow it."""
    answer = model.generate(PROMPT, heads=known, raw=True, max_new_tokens=ROOM).text
    return Called(lambda given: given.startswith(answer), "as it should be")


def find(model, known, check, **how):
    """Diagnose with heads that are known to fit."""
    asked = {"prompt": PROMPT, "heads": known, "max_new_tokens": ROOM} | how
    return diagnose(model, asked.pop("prompt"), check, reference=known, **asked)


def test_nothing_is_found_where_nothing_is_wrong(model, known, right):
    """One run is enough."""
    found = find(model, known, right)
    assert (found.causes, found.certain, len(found.reruns), found.repair) == (("none",), True, 1, None)


@pytest.mark.parametrize("cause", FAULTS)
def test_one_fault_is_named(model, known, right, cause):
    """With a repair that passes, changes one thing, and puts back what was right."""
    found = find(model, known, right, **FAULTS[cause])
    assert not found.asked.passed
    assert found.causes == (cause,)
    assert found.certain
    assert found.repair is not None and found.repair.passed and found.repair.alone
    assert len(found.repair.changes) == 1
    wanted = {"words": parse(PROMPT), "nats": 3.0, "drawing": {}}
    assert {name: getattr(found.repair.setting, name) for name in wanted} == wanted
    assert found.repair.setting.heads.profile.gains == known.gains


@pytest.mark.parametrize(
    "causes",
    [("span", "too weak"), ("profile", "span"), ("profile", "too strong"), ("too weak", "decoding"), ("span", "cut")],
    ids=" and ".join,
)
def test_two_faults_are_named(model, known, right, causes):
    """Both, where neither repairs the answer alone."""
    how = {name: value for cause in causes for name, value in (FAULTS | {"cut": CUT})[cause].items()}
    causes = {"decoding" if cause == "cut" else cause for cause in causes}
    found = find(model, known, right, **how)
    assert set(found.causes) == causes
    assert found.repair is not None and found.repair.passed
    singles = [rerun for rerun in found.reruns if len(rerun.changes) == 1]
    assert {rerun.changes[0].cause for rerun in singles} >= causes - {"span"}
    assert not any(rerun.passed for rerun in singles)


def test_what_does_no_harm_is_not_named(model, known, right):
    """A strength and a way to draw words that change nothing are left as they are in the repair."""
    harmless = {"strength": 3.0001, "do_sample": True, "temperature": 1e-3, "seed": 4}
    assert find(model, known, right, **harmless).causes == ("none",)
    found = find(model, known, right, prompt=ELSEWHERE, **harmless)
    assert found.causes == ("span",)
    assert found.repair is not None and found.repair.setting.strength == 3.0001
    assert found.repair.setting.drawing["temperature"] == 1e-3


def test_a_strength_that_is_written_beside_the_words_is_put_back(model, known, right):
    """It is the emphasis's own, and the command line says nothing of it."""
    found = find(
        model, known, right, prompt=PROMPT.replace("**Answer in French.**", "[Answer in French.]{strength=0.4}")
    )
    assert found.causes == ("too weak",)
    assert found.repair is not None and found.repair.setting.words == parse(PROMPT)


def test_an_answer_that_is_cut_is_decoding(model, known):
    """More room shows whether it was only too short."""
    whole = model.generate(PROMPT, heads=known, raw=True, max_new_tokens=40).text
    found = find(model, known, Contains(whole[20:30]), max_new_tokens=4)
    assert found.causes == ("decoding",)
    assert "tokens" in found.reason
    assert "An answer was cut." in found.facts


def test_another_strength_than_the_known_one_may_be_needed(model, known):
    """Where the words are right and the usual strength does not do."""
    more = model.generate(PROMPT, heads=known, strength=4.5, raw=True, max_new_tokens=ROOM).text
    found = find(model, known, Called(lambda given: given == more, "more"))
    assert found.causes == ("too weak",)
    assert found.repair is not None and found.repair.setting.strength == 4.5


def test_words_that_should_not_be_emphasised(model, known):
    """Where the plain model is right and no other words are."""
    plain = model.generate(parse(PROMPT).text, raw=True, max_new_tokens=ROOM).text
    found = find(model, known, Called(lambda given: given == plain, "plain"))
    assert found.causes == ("span",)
    assert found.repair is not None and not found.repair.setting.words.spans
    assert "no emphasis at all. No other words were found that do as well." in found.reason


def test_what_emphasis_cannot_say_examples_show(model, known):
    """The model does it behind examples alone: that is told, with what it was given."""
    examples = [("Bo is a baker. Answer in French.", " boulanger"), ("Di is a judge. Answer in French.", " juge")]
    lead = "".join(f"{asked}{answer}\n###\n" for asked, answer in examples)
    forced = model.generate(parse(lead + PROMPT), heads=known, raw=True, max_new_tokens=ROOM).text
    check = Called(lambda given: given == forced, "forced")
    found = find(model, known, check, examples=examples)
    assert found.causes == ("examples",)
    assert found.repair is not None and found.repair.setting.shots == tuple(examples)
    assert find(model, known, check).causes == ("unknown",)


def test_what_is_not_done_when_forced_cannot_be_done(model, known):
    """Of two answers that are allowed the model writes one: where the other is right, it cannot do it."""
    found = {
        right: find(model, known, Called(lambda given, right=right: given.strip() == right, right), **CUT, choices=both)
        for both in [["oui", "non"]]
        for right in both
    }
    assert {one.causes for one in found.values()} == {("examples",), ("model",)}
    assert all(one.certain for one in found.values())
    by_example = find(model, known, Json(), examples=[("Bo?", " {}")])
    assert (by_example.causes, by_example.certain) == (("model",), True)
    assert by_example.reruns[-1].changes[-1].cause == "examples"


@pytest.mark.parametrize(
    ("force", "says"),
    [
        ({"examples": [("Bo?", " baker")]}, "None of the right answers given passes"),
        ({"choices": ["oui", "non"]}, "None of the right answers given passes"),
        ({"beginning": "Bonjour"}, "No right answer was given"),
        ({"examples": [("a" * 9000, " never this")]}, "could not be run"),
    ],
    ids=str,
)
def test_a_model_is_not_blamed_without_a_fair_trial(model, known, force, says):
    """Where no right answer can pass the check, or nothing could be run, nothing is known of the model."""
    found = find(model, known, Contains("never this"), **force)
    assert (found.causes, found.certain) == (("unknown",), False)
    assert any(says in fact for fact in found.facts)
    forced = found.reruns[-1]
    assert forced.changes[-1].cause == "examples"
    if "beginning" in force:
        assert forced.answers[0].startswith("Bonjour")
    if "choices" in force:
        assert forced.answers[0].strip() in force["choices"]


def test_a_forced_answer_that_is_cut_is_no_certainty(model, known):
    """It might have gone on to be right."""
    for given in ({"examples": [("Bo?", "never this")]}, {"examples": [("Bo?", "no")], "right": ["never this"]}):
        found = find(model, known, Contains("never this"), **given)
        assert (found.causes, found.certain) == (("model",), False)
        assert "Every forced answer was cut." in found.facts


def test_who_is_forced_has_room_for_the_right_answer(model, known):
    """As long a one as the examples show, where what was asked had room for less."""
    examples = [("Bo is a baker.", "b" * 100)]
    lead = "".join(f"{asked}{answer}\n###\n" for asked, answer in examples)
    forced = model.generate(parse(lead + PROMPT), heads=known, raw=True, max_new_tokens=160).text
    found = find(model, known, Contains(forced[130:145]), examples=examples)
    assert found.causes == ("examples",)


def test_luck_is_no_cause(model, known):
    """A drawn answer that passes with the seed that was asked for, and with hardly another."""
    drawn = {"do_sample": True, "temperature": 3.0, "seed": 1, "max_new_tokens": ROOM}
    lucky = model.generate(PROMPT, heads=known, raw=True, **drawn).text
    found = find(model, known, Called(lambda given: given == lucky, "lucky"), strength=0.5, **drawn)
    assert found.causes == ("too weak",)
    assert not found.certain
    assert "it depends on luck" in found.reason
    assert any("seed 2, not 1" in rerun.says for rerun in found.reruns)


def test_a_drawn_repair_passes_with_other_seeds_too(model, known, right):
    """All of them are asked before it is certain."""
    cool = {"do_sample": True, "temperature": 1e-3, "seed": 4}
    found = find(model, known, right, prompt=ELSEWHERE, **cool)
    assert (found.causes, found.certain) == (("span",), True)
    seeds = [rerun.setting.seed for rerun in found.reruns if rerun.changes[1:] and "seed" in rerun.changes[-1].says]
    assert seeds == [5, 6, 7, 8][:SEEDS]


def test_what_is_drawn_is_put_back_first(model, known):
    """Where greedy decoding alone repairs the answer, no other change has to be lucky."""
    plain = model.generate(PROMPT, heads=known, strength=0.5, raw=True, max_new_tokens=ROOM).text
    found = find(
        model,
        known,
        Called(lambda given: given == plain, "plain"),
        do_sample=True,
        temperature=3.0,
        seed=1,
        strength=0.5,
    )
    assert found.causes == ("decoding",)
    assert found.reruns[1].changes[0].cause == "decoding"


def test_words_far_off_are_not_certain_where_any_words_do(model, known):
    """Nothing is emphasised, and whatever is emphasised repairs the answer: which words are right is not known."""
    prompt = "Ann is a nurse.\n\nAnswer in French.\n\nBe brief.\n\nSay please."
    plain = model.generate(prompt, raw=True, max_new_tokens=ROOM).text
    found = find(model, known, Called(lambda given: not given.startswith(plain), "other"), prompt=prompt)
    assert (found.causes, found.certain) == (("span",), False)
    assert "It may be by chance" in found.reason
    assert any("other emphases tried" in fact for fact in found.facts)
    answer = model.generate(
        prompt.replace("Be brief.", "**Be brief.**"), heads=known, raw=True, max_new_tokens=ROOM
    ).text
    one = find(model, known, Called(lambda given: given.startswith(answer), "one"), prompt=prompt)
    assert (one.causes, one.certain) == (("span",), True)


def test_strengths_come_before_words_far_off(model, known):
    """Some strengths are fewer trials than all the sentences of a prompt."""
    prompt = PROMPT + "\n\n" + "\n\n".join(f"Line {number} says little." for number in range(6))
    more = model.generate(prompt, heads=known, strength=4.5, raw=True, max_new_tokens=ROOM).text
    found = find(model, known, Called(lambda given: given.startswith(more), "more"), prompt=prompt)
    assert found.causes == ("too weak",)
    assert not any("Line 5" in rerun.says for rerun in found.reruns)


def test_draws_without_a_seed_have_to_pass_all(model, known, right):
    """Several are drawn; greedy, there is one answer."""
    found = find(model, known, right, do_sample=True, temperature=3.0)
    assert len(found.asked.answers) == DRAWS
    assert found.causes == ("decoding",)
    assert found.repair is not None and len(found.repair.answers) == 1
    several = find(model, known, right, prompt=ELSEWHERE, do_sample=True, temperature=1e-3)
    assert several.repair is not None and len(several.repair.answers) == DRAWS
    assert several.certain
    said = report(several, "tiny")["repair"]
    assert said["command"] == ""
    assert "seed" not in said["arguments"]


def test_without_a_reference_canaries_speak(model, right):
    """Heads that do nothing for the emphasis are told from the words that are emphasised."""
    found = diagnose(model, PROMPT, right, heads="L0H0", max_new_tokens=ROOM)
    assert found.causes == ("profile",)
    assert not found.certain
    assert "boldface profiles make" in found.reason
    with pytest.raises(HeadError, match="No profile comes with this model"):
        diagnose(model, PROMPT, right)


def test_a_profile_of_another_model_is_tried_and_told(model, known, right):
    """It is not refused here; that it is another's is a fact, and the shipped one repairs the answer."""
    other = replace(
        known,
        name="other",
        gains=HeadGains.parse("L0H0, L1H2"),
        identity=replace(known.identity, weights="0" * 16, sketch=""),
    )
    foreign = replace(other, identity=replace(other.identity, architecture="Nobody"))
    found = find(model, known, right, heads=foreign)
    assert found.causes == ("profile",)
    assert any("another model" in fact for fact in found.facts)


def test_chats_are_searched(byte_llama, known):
    """The right words stand in another message than those that are emphasised."""
    model = boldface.Model(*byte_llama)
    words = [("system", "Answer in French."), ("user", "Who is Ann?")]

    def chat(which):
        return [{"role": role, "content": text, "emphasis": index == which} for index, (role, text) in enumerate(words)]

    answer = model.generate(chat(0), heads=known, max_new_tokens=ROOM).text
    found = diagnose(model, chat(1), lambda given: given == answer, reference=known, heads=known, max_new_tokens=ROOM)
    assert found.causes == ("span",)
    assert found.repair is not None
    assert found.repair.setting.put()[0]["spans"] == [{"start": 0, "end": 17}]


def test_everything_is_told_and_nothing_asked_twice(model, known, right):
    """Every rerun is watched and in the report; with the answers kept the model is not asked at all."""
    seen, kept = [], {}
    first = find(model, known, right, prompt=ELSEWHERE, strength=0.5, watch=seen.append, kept=kept)
    assert len(seen) == len(first.reruns) > 5
    before = dict(kept)
    again = find(model, known, right, prompt=ELSEWHERE, strength=0.5, kept=kept)
    assert kept == before
    assert report(again, "tiny") == report(first, "tiny")
    said = report(first, "tiny")
    assert said["repair"]["command"].startswith("boldface generate --model tiny")
    assert [rerun["passed"] for rerun in said["reruns"]] == [rerun.passed for rerun in first.reruns]


def test_what_cannot_be_asked_is_refused(model, known, right):
    """Before anything is searched, in the words of the engine."""
    with pytest.raises(BoldfaceError, match="cannot be run"):
        find(model, known, right, max_new_tokens=9000)
    with pytest.raises(CheckError, match="no pair"):
        find(model, known, right, examples=[("a",)], prompt=ELSEWHERE)
    with pytest.raises(CheckError, match="no check"):
        find(model, known, None)


def test_a_real_model_is_repaired(smollm2):
    """SmolLM2 with the wrong sentence emphasised, too faintly: both are named, and the repair obeys."""
    model = boldface.Model(*smollm2)
    prompt = (
        "Previously Apple's iPhone was **made by Apple**. Currently the iPhone is made by Nokia. "
        "Complete: The iPhone is made by"
    )
    shipped = Profile.load("smollm2")
    found = diagnose(
        model, prompt, Contains("Nokia"), heads=shipped, reference=shipped, raw=True, strength=0.2, max_new_tokens=6
    )
    assert set(found.causes) == {"span", "too weak"}
    assert found.repair is not None and "Nokia" in found.repair.answers[0]
