"""Explanations: what they say of real answers holds."""

from __future__ import annotations

import copy
import json

import pytest
import torch

import boldface
from boldface.attention.attach import Attachment
from boldface.engine.scoring import continuation_logprobs
from boldface.engine.steer import prepare
from boldface.errors import (
    ContextLengthError,
    ModelBusyError,
    NothingSteeredError,
    PromptMismatchError,
    RouteError,
    SpanError,
)
from boldface.insight.explaining.explain import explain
from boldface.insight.explaining.steps import Explaining
from boldface.profiles.heads import Head

LATE = "It rains and it pours in the hills. Say **yes** now, and **no** then."
HOW = {"heads": {(0, 1): 1.0, (0, 2): -0.7, (1, 0): 0.5, (1, 3): -0.5}, "strength": 2.5}


@pytest.fixture
def chatty(byte_llama):
    """The byte model, for plain text."""
    return boldface.Model(*copy.deepcopy(byte_llama), chat=False)


def test_the_first_other_token_is_where_answers_part(chatty):
    """For answers written now, it is the first place at which the plain model's own answer differs."""
    steered = chatty.generate(LATE, **HOW, max_new_tokens=12)
    plain = chatty.generate(LATE.replace("**", ""), max_new_tokens=12)
    told = explain(chatty, LATE, **HOW, max_new_tokens=12, each=False)
    pairs = zip(steered.ids, plain.ids, strict=True)
    assert told.first == next(place for place, (one, other) in enumerate(pairs) if one != other)
    assert (told.text, told.plain_text, told.written) == (steered.text, plain.text, True)
    assert tuple(token.id for token in told.answer) == steered.ids
    assert told.steered > told.plain


def test_tokens_are_scored_by_both_models(chatty):
    """Log-probabilities, choices and KL at every place, against two scorings of the answer."""
    told = explain(chatty, LATE, " no way", **HOW, each=False)
    prepared = prepare(chatty.model, chatty.tokenizer, [LATE], **HOW)
    bare = prepare(chatty.model, chatty.tokenizer, [LATE.replace("**", "")])
    ids = [token.id for token in told.answer]
    (plain,), (steered,) = (continuation_logprobs(chatty, one, [ids]) for one in (bare, prepared))
    for place, token in enumerate(told.answer):
        assert token.plain == pytest.approx(float(plain[place, token.id]), abs=1e-4)
        assert token.steered == pytest.approx(float(steered[place, token.id]), abs=1e-4)
        kl = torch.nn.functional.kl_div(steered[place], plain[place], log_target=True, reduction="sum")
        assert token.divergence == pytest.approx(float(kl), abs=1e-4)
        assert token.differs == (int(plain[place].argmax()) != token.id)
    assert "".join(token.text for token in told.answer) == " no way"
    assert told.divergence > 0.1
    assert not told.written and told.plain_text is None


def test_at_a_small_strength_heads_add_up(chatty):
    """Effects are what slopes expect, rank alike, and together make the whole."""
    told = explain(chatty, LATE, " no way", **{**HOW, "strength": 0.02})
    effects = [told.heads[head].effect for head in told.ranked]
    assert sum(effects) == pytest.approx(told.steered - told.plain, rel=0.1)
    assert effects == sorted(effects, reverse=True)
    assert told.agreement > 0.9
    assert [head for head, one in told.heads.items() if one.effect is not None] == sorted(HOW["heads"])


def test_heads_are_told_with_every_span(chatty):
    """Each emphasised span apart, before and after; the spans together are the emphasis, and nothing is above one."""
    told = explain(chatty, LATE, **HOW, max_new_tokens=5, each=False)
    assert [span.text for span in told.spans] == ["yes", "no"]
    assert list(told.heads) == [Head(layer, head) for layer in range(2) for head in range(4)]
    lifted = told.heads[Head(0, 1)]
    assert all(after > before for before, after in lifted.spans)
    assert lifted.emphasis.after == pytest.approx(sum(after for _, after in lifted.spans))
    mean = sum(told.heads[head].emphasis.after for head in told.ranked) / len(told.ranked)
    assert told.emphasis.after == pytest.approx(mean, abs=1e-5)
    assert all(one.emphasis.after + one.answer.after <= 1 + 1e-6 for one in told.heads.values())


def test_quick_explanations_have_slopes_alone(chatty):
    """Nothing is left out; the ranking is that of the slopes, and fewer steps are told."""
    steps = []
    told = explain(chatty, LATE, " no", **HOW, each=False, watch=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 3), (2, 3), (3, 3)]
    assert all(one.effect is None and one.slope is not None for one in told.heads.values())
    assert told.agreement is None
    assert [told.heads[head].expected for head in told.ranked] == [told.heads[head].weight for head in told.ranked]


@pytest.mark.parametrize("how", [{"rule": "share", "share": 0.4}, {"strength": 2.5, "target": 0.4}], ids=str)
def test_rules_that_look_at_the_attention_have_effects_alone(chatty, how):
    """Their bias depends on the scores, so that no slope of a gain tells what a head does."""
    told = explain(chatty, LATE, " no", heads="L0H1, L1H0", **how)
    assert all(one.slope is None for one in told.heads.values())
    assert [head for head, one in told.heads.items() if one.effect] == [Head(0, 1), Head(1, 0)]


def test_the_json_has_everything(chatty):
    """It can be written and read again, and has no more digits than mean anything."""
    told = explain(chatty, LATE, " no", **HOW)
    again = json.loads(json.dumps(told.to_json()))
    assert set(again["heads"]) == {f"L{layer}H{head}" for layer in range(2) for head in range(4)}
    assert again["heads"]["L0H1"]["effect"] == round(told.heads[Head(0, 1)].effect, 6)
    assert [len(row) for row in again["heat"]["after"]] == [len(told.tokens) + 3] * 3
    assert "heat" not in told.to_json(heat=False)


def test_what_cannot_be_explained_is_refused(chatty):
    """No emphasis, several prompts, no answer, the answer to something else, and too long a one."""
    with pytest.raises(NothingSteeredError):
        explain(chatty, "Say yes.", heads="L0H1")
    with pytest.raises(SpanError, match="2 prompts"):
        explain(chatty, [LATE, LATE], **HOW)
    with pytest.raises(SpanError, match="empty"):
        explain(chatty, LATE, " ", **HOW)
    with pytest.raises(PromptMismatchError):
        explain(chatty, LATE, chatty.generate("Say **no**.", **HOW, max_new_tokens=2), **HOW)
    with pytest.raises(ContextLengthError):
        explain(chatty, LATE, " no" * 4000, **HOW)
    changing = prepare(chatty.model, chatty.tokenizer, [LATE], **HOW, gate=0.1)
    with pytest.raises(RouteError, match="from token to token"):
        Explaining(chatty, changing, [70], "no")
    prepared = prepare(chatty.model, chatty.tokenizer, [LATE], **HOW)
    with Attachment(chatty.model, prepared.plan), pytest.raises(ModelBusyError):
        explain(chatty, LATE, " no", **HOW)


def test_the_model_is_given_back(chatty):
    """Afterwards it answers as it did, and no gradient is left anywhere."""
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        plain = chatty.model(ids).logits
        explain(chatty, LATE, " no", **HOW)
        assert torch.equal(chatty.model(ids).logits, plain)
    assert all(parameter.grad is None for parameter in chatty.model.parameters())


@pytest.mark.models
@pytest.mark.slow
def test_both_ways_to_blame_heads_agree_on_a_real_model():
    """On SmolLM2 with its profile, leaving heads out and slopes rank the heads alike."""
    model = boldface.load("smollm2")
    told = explain(model, "Mary is a nurse. **Answer as JSON with keys name and occupation.**", max_new_tokens=12)
    assert told.agreement > 0.5
    assert told.emphasis.after > told.emphasis.before
    assert len(told.ranked) == 145
