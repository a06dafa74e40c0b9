"""Target shares and releases through the engine: what people say, and what they are told."""

import pytest
import torch

import boldface
from boldface.emphasis.span import CharSpan
from boldface.engine.documents import Recipe
from boldface.engine.scoring import continuation_logprobs
from boldface.engine.steer import prepare
from boldface.errors import HeadError, ModelError, RouteError, StrengthError
from boldface.profiles.profile import Profile

PROMPT = "Mary is a nurse. **Answer in JSON.**"
HEADS = {0: {1: 1.0, 2: -0.5}, 1: {0: 0.7, 3: 1.0}}
GAINS = boldface.HeadGains.from_layers(HEADS)


@pytest.fixture(scope="module")
def model(byte_llama) -> boldface.Model:
    """The random llama of two layers of four heads."""
    return boldface.load(*byte_llama)


def answer(model, **options):
    """An answer of eight tokens."""
    return model.generate(PROMPT, raw=True, max_new_tokens=8, min_new_tokens=8, **({"heads": HEADS} | options))


def test_target_shares_and_releases_are_reported(model):
    """Each gives an answer of its own, by the route that knows the masses, and stands in the report."""
    answers = [
        answer(model),
        answer(model, target=0.4),
        answer(model, target=0.4, strength=8),
        answer(model, release=(0.0, 0.0, 1)),
    ]
    assert len({one.ids for one in answers}) == 4
    reports = [one.report() for one in answers]
    assert [report.get("target") for report in reports] == [None, 0.4, 0.4, None]
    assert reports[3]["release"] == {"upper": 0.0, "lower": 0.0, "tokens": 1}
    assert reports[1]["routes"] == ["split"] and "split" not in reports[0]["routes"]


def test_steer_takes_target_shares(model):
    """`boldface.steer` keeps a target share: with it, without, and plain give three different logits."""
    seen = []
    for options in ({"target": 0.4}, {}):
        with model.steer(PROMPT, heads=HEADS, **options) as inputs, torch.no_grad():
            seen.append(model.model(**inputs).logits[0, -1])
    with torch.no_grad():
        seen.append(model.model(**inputs).logits[0, -1])
    assert all((left - right).abs().max() > 1e-3 for i, left in enumerate(seen) for right in seen[:i])


def test_profiles_may_carry_a_target_share(model, tmp_path):
    """It is the default of whoever names the profile, goes through its file, and is no one's who names another."""
    profile = Profile("closed", "Tiny", GAINS, layers=2, heads=4, target=0.4)
    profile.save(tmp_path / "closed.json")
    assert Profile.load(tmp_path / "closed.json") == profile
    by_profile = answer(model, heads=profile)
    assert by_profile.ids == answer(model, target=0.4).ids and by_profile.steering.target == 0.4
    assert answer(model, heads=profile, target=0.9).steering.target == 0.9
    assert answer(model, heads=profile.gains).steering.target is None
    with pytest.raises(HeadError, match="between 0 and 1"):
        Profile("closed", "Tiny", GAINS, target=1.5)


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (StrengthError, {"target": 0}, "share lies between 0 and 1"),
        (StrengthError, {"target": 1.2}, "share lies between 0 and 1"),
        (StrengthError, {"rule": "share", "share": 0.3, "heads": None, "target": 0.5}, "closed loop already"),
        (RouteError, {"target": 0.5, "route": "fused"}, "a target share needs the mass"),
        (RouteError, {"release": (0.2, 0.1), "route": "fused"}, "a release needs the mass"),
        (StrengthError, {"release": (0.1, 0.2)}, "above the upper one"),
        (ModelError, {"release": (0.2, 0.1), "num_beams": 2}, "beams"),
    ],
)
def test_contradictions_are_refused(model, error, options, message):
    """What does not go together is an error, never ignored."""
    with pytest.raises(error, match=message):
        answer(model, **options)


def test_documents_and_sessions_keep_target_shares(model):
    """A document that is read under a target share is asked under it: as if it were read with the question."""
    document = model.read("Mary is a nurse. **She lives in Rome.**", heads=HEADS, target=0.4, raw=True)
    kept = document.ask("Where?", max_new_tokens=6, min_new_tokens=6)
    fresh = model.generate(
        document.recipe.prompt(boldface.EmphasisedText("Where?"), steered=True),
        raw=True,
        heads=HEADS,
        target=0.4,
        max_new_tokens=6,
        min_new_tokens=6,
    )
    assert kept.ids == fresh.ids and kept.cached > 0 and Recipe.from_json(document.recipe.to_json()).target == 0.4
    session = model.session(heads=HEADS, target=0.4, raw=True)
    assert session.generate(PROMPT, max_new_tokens=8, min_new_tokens=8).ids == answer(model, target=0.4).ids
    other = session.generate(PROMPT, target=0.8, max_new_tokens=8, min_new_tokens=8)
    assert other.ids == answer(model, target=0.8).ids and other.cached < len(other.prompt.ids) - 1


def test_given_tokens_are_not_scored_with_a_release(model):
    """It listens while an answer is written; the first place alone can be looked at."""
    prompt = prepare(model.model, model.tokenizer, [PROMPT], heads=HEADS, release=(0.2, 0.1))
    with pytest.raises(ModelError, match="token by token"):
        continuation_logprobs(model, prompt, [(65, 66)])
    assert continuation_logprobs(model, prompt, [()])[0].shape[0] == 1


def test_beams_of_the_model_itself_are_refused(model, monkeypatch):
    """Its generation config says what nobody else says."""
    monkeypatch.setattr(model.model.generation_config, "num_beams", 2)
    with pytest.raises(ModelError, match="beams"):
        answer(model, release=(0.2, 0.1))


def test_who_remembers_tokens_is_not_asked_by_a_gate(model):
    """A gate tries tokens more than once."""
    with pytest.raises(ModelError, match="more than once"):
        answer(model, gate=0.1, logits_processor=[lambda ids, scores: scores])


def test_a_prompt_of_nothing_but_emphasis_keeps_its_strengths(model):
    """With several strengths and no other key, a release that never comes is the open loop."""
    prompt = boldface.EmphasisedText("abcdefgh", (CharSpan(0, 4, 3.0), CharSpan(4, 8, 1.0)))
    how = {"raw": True, "heads": {0: {1: 1.0}, 1: {0: 1.0}}, "max_new_tokens": 12, "min_new_tokens": 12}
    found = model.generate(prompt, release=(1.0, 0.0, 12), **how)
    assert found.ids == model.generate(prompt, **how).ids
    assert found.ids != model.generate(boldface.EmphasisedText("abcdefgh"), **how).ids
