"""Rules through the engine: what people say, and what they are told."""

import pytest
import torch

import boldface
from boldface.engine.steer import prepare
from boldface.errors import RouteError, SpanError, StrengthError

PROMPT = "Mary is a nurse. **Answer in JSON.**"
HEADS = {0: [1, 2], 1: [0, 3]}


@pytest.fixture(scope="module")
def model(byte_llama) -> boldface.Model:
    """The random llama of two layers of four heads."""
    return boldface.load(*byte_llama)


def test_rules_differ_and_are_reported(model):
    """Each rule gives logits of its own; the report tells rule and share, and share alone runs without heads."""
    answers = [
        model.generate(PROMPT, raw=True, max_new_tokens=4, **options)
        for options in ({"heads": HEADS}, {"heads": HEADS, "rule": "flat"}, {"rule": "share", "share": 0.3})
    ]
    reports = [answer.report() for answer in answers]
    assert [(each["rule"], each.get("share")) for each in reports] == [("pasta", None), ("flat", None), ("share", 0.3)]
    assert reports[2]["routes"] == ["split"] and len(reports[2]["heads"]) == 8


def test_steer_takes_rules(model):
    """`boldface.steer` steers by the rule: three rules and no steering give four different logits."""
    ids = {}
    seen = []
    for options in ({"heads": HEADS}, {"heads": HEADS, "rule": "flat"}, {"rule": "share", "share": 0.3}):
        with model.steer(PROMPT, **options) as inputs, torch.no_grad():
            tokens = torch.cat((inputs["input_ids"], torch.full((1, 3), 5)), dim=1)
            seen.append(model.model(tokens).logits[0, -1])
            ids[tuple(tokens[0].tolist())] = tokens
    with torch.no_grad():
        seen.append(model.model(*ids.values()).logits[0, -1])
    assert len(ids) == 1
    assert all((left - right).abs().max() > 1e-3 for i, left in enumerate(seen) for right in seen[:i])


@pytest.mark.parametrize(
    ("error", "options", "message"),
    [
        (StrengthError, {"rule": "share"}, "needs its target share"),
        (StrengthError, {"rule": "share", "share": 0.3, "alpha": 0.01}, "finds the strength itself"),
        (StrengthError, {"rule": "share", "share": 0.3, "strength": 0}, "finds the strength itself"),
        (StrengthError, {"rule": "share", "share": 2}, "between 0 and 1"),
        (StrengthError, {"share": 0.3}, "has no target share"),
        (StrengthError, {"rule": "share", "share": 0.3, "heads": {0: {1: -1.0}}}, "gains from 0 to 1"),
        (SpanError, {"rule": "other"}, "Unknown rule"),
        (RouteError, {"rule": "share", "share": 0.3, "route": "fused"}, "needs the mass on the emphasis"),
    ],
)
def test_contradictions_are_refused(model, error, options, message):
    """What a rule does not take is an error, never ignored."""
    with pytest.raises(error, match=message):
        model.generate(PROMPT, raw=True, max_new_tokens=2, **({"heads": HEADS} | options))


def test_suppressed_span_is_refused_by_rule_share(model):
    """A factor below 1 in the prompt contradicts a rule that only raises; factors above 1 all mean the same."""
    options = {"heads": HEADS, "rule": "share", "share": 0.3}
    with pytest.raises(StrengthError, match="cannot suppress"):
        prepare(model.model, model.tokenizer, ["Be [brief]{x=0.1}."], **options)
    weak, strong = (prepare(model.model, model.tokenizer, [f"Be [brief]{{x={x}}}."], **options) for x in (2, 1000))
    assert torch.equal(weak.plan.share, strong.plan.share) and weak.plan.share.any()


def test_default_heads_of_rule_share_are_all(model):
    """Rule share without heads needs no profile: all heads of all layers, gain 1."""
    prepared = prepare(model.model, model.tokenizer, [PROMPT], rule="share", share=0.2)
    assert prepared.steerings[0].gains == boldface.HeadGains.every(2, 4)
