"""Moved attention, against the probabilities that eager models give themselves."""

from __future__ import annotations

import copy
import json
from contextlib import ExitStack

import pytest
import torch

import boldface
from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.emphasis.span import TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.prompts import pad
from boldface.engine.steer import Prepared, lay_out, prepare
from boldface.errors import ModelBusyError, NothingSteeredError, SpanError
from boldface.insight.moved import moved
from boldface.profiles.heads import Head, HeadGains
from boldface.steering.plan import Steering, build_plan
from boldface.testing import tiny
from boldface.testing.sample import signed_gains

LENGTH = 13
SPANS = (TokenSpan(3, 5, 2.5), TokenSpan(7, 8, -1.0))


def prepared_for(model, steering: Steering) -> Prepared:
    """One prompt of random tokens."""
    ids = torch.randint(2, 60, (LENGTH,), generator=torch.Generator().manual_seed(5)).tolist()
    pieces = tuple(f"t{token}" for token in ids)
    prompt = EncodedPrompt("", tuple(ids), (), steering.spans, (), pieces, (False,) * LENGTH)
    plan = None if steering.is_null else build_plan([steering], [LENGTH], geometry(model).heads)
    return Prepared(pad([prompt], pad_id=0), (steering,), plan, 0)


def eager_weights(eager, prepared: Prepared, *, steered: bool) -> dict[int, torch.Tensor]:
    """What the eager model itself says of its attention, its masks raised by the bias: layer to (heads, key)."""
    plan = prepared.plan

    def enter(index):
        def raise_mask(module, args, kwargs):
            return args, kwargs | {"attention_mask": kwargs["attention_mask"] + plan.row_bias(index, 0, LENGTH)}

        return raise_mask

    with ExitStack() as stack, torch.no_grad():
        for index, layer in geometry(eager).layers.items():
            if steered and index in plan.gains:
                hook = layer.module.register_forward_pre_hook(enter(index), with_kwargs=True)
                stack.callback(hook.remove)
        output = eager(prepared.rows.ids, use_cache=False, output_attentions=True)
    return {index: output.attentions[index][0, :, -1].double() for index in plan.gains}


@pytest.mark.parametrize("architecture", ["llama", "qwen3", "gemma3", "gpt_oss"])
def test_shares_are_those_of_the_model(architecture):
    """Token by token and head by head, plain and steered, whatever windows or sinks a layer has."""
    model, eager = tiny(architecture), tiny(architecture, "eager")
    gains = signed_gains(geometry(model).heads)
    prepared = prepared_for(model, Steering(SPANS, gains))
    told = moved(boldface.Model(model, None), prepared)
    before, after = (eager_weights(eager, prepared, steered=steered) for steered in (False, True))
    assert list(told.heads) == list(gains)
    lit = [3, 4, 7]
    for head, shift in told.heads.items():
        expected = [weights[head.layer][head.head, lit].sum().item() for weights in (before, after)]
        assert (shift.before, shift.after) == pytest.approx(expected, abs=1e-5)
    for index, token in enumerate(told.tokens):
        means = [
            sum(weights[head.layer][head.head, index].item() for head in gains) / len(gains)
            for weights in (before, after)
        ]
        assert (token.before, token.after) == pytest.approx(means, abs=1e-5)
    total = sum(token.before for token in told.tokens), sum(token.after for token in told.tokens)
    assert total == pytest.approx((1, 1)) if architecture != "gpt_oss" else max(total) < 0.999


def test_soft_caps_are_kept():
    """Gemma 2 caps its scores before the softmax; the plain shares are those of the model."""
    model = tiny("gemma2")
    prepared = prepared_for(model, Steering(SPANS, HeadGains([(1, 2)])))
    told = moved(boldface.Model(model, None), prepared)
    expected = eager_weights(tiny("gemma2", "eager"), prepared, steered=False)[1][2].tolist()
    assert [token.before for token in told.tokens] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("route", ["auto", "reference", "split"])
@pytest.mark.parametrize("rule", ["pasta", "flat", "share"])
def test_masses_are_those_that_the_split_route_tells(byte_llama, route, rule):
    """Steered shares on the emphasis agree with what another route measures by itself."""
    model = boldface.Model(*byte_llama)
    how = {"share": 0.5} if rule == "share" else {"strength": 2.0}
    prepared = prepare(model.model, model.tokenizer, ["Say **yes** now."], heads="L0H1, L1H3", rule=rule, **how)
    told = moved(model, prepared, route)
    masses = {}
    with (
        torch.no_grad(),
        Attachment(
            model.model, prepared.plan, route="split", record=lambda mass: masses.setdefault(mass.layer, mass.after)
        ),
    ):
        model.model(prepared.rows.ids, use_cache=False)
    for head, shift in told.heads.items():
        assert shift.after == pytest.approx(masses[head.layer][0, 0, head.head, -1].item(), abs=1e-5)
        assert shift.after > shift.before
    assert "".join(token.text for token in told.tokens) == "Say yes now."
    assert [token.text for token in told.tokens if token.strength] == ["y", "e", "s"]


def test_the_answer_scope_is_seen_at_the_last_token(byte_llama):
    """Only queries from the last prompt token on are steered, and that is the one that is told of."""
    model = boldface.Model(*byte_llama)
    prepared = prepare(model.model, model.tokenizer, ["Say **yes** now."], heads="L0H1", scope="answer")
    (shift,) = moved(model, prepared).heads.values()
    assert shift.after > shift.before + 0.01


def test_it_is_laid_out_from_what_a_request_holds(byte_llama):
    """An encoded prompt and its steering are enough; the answer is JSON."""
    model = boldface.Model(*byte_llama)
    prompt = model.encode("Say **yes** now.", heads="L0H1", raw=True)
    steering = Steering(prompt.spans, HeadGains([(0, 1)]))
    told = moved(model, lay_out(model.model, model.tokenizer, [prompt], [steering]))
    again = json.loads(json.dumps(told.to_json()))
    shift = told.heads[Head(0, 1)]
    assert again["heads"] == {"L0H1": {"before": shift.before, "after": shift.after}}
    assert again["tokens"][4] == {
        "text": "y",
        "before": told.tokens[4].before,
        "after": told.tokens[4].after,
        "strength": pytest.approx(4.605, abs=1e-3),
    }


def test_the_model_is_given_back(byte_llama):
    """Afterwards it answers as it did, and nothing is attached to it."""
    model = boldface.Model(*copy.deepcopy(byte_llama))
    ids = torch.arange(3, 20)[None]
    with torch.no_grad():
        plain = model.model(ids).logits
        moved(model, prepare(model.model, model.tokenizer, ["Say **yes** now."], heads="L0H1, L1H0"))
        assert torch.equal(model.model(ids).logits, plain)


def test_what_cannot_be_told_is_refused(byte_llama):
    """A prompt without emphasis, several prompts, and a model that is steered by somebody else."""
    model = boldface.Model(*byte_llama)
    plain, bold = (
        prepare(model.model, model.tokenizer, prompts, heads="L0H1")
        for prompts in (["Say yes."], ["Say **yes**.", "Say **no**."])
    )
    with pytest.raises(NothingSteeredError):
        moved(model, plain)
    with pytest.raises(SpanError, match="2 prompts"):
        moved(model, bold)
    one = prepare(model.model, model.tokenizer, ["Say **yes**."], heads="L0H1")
    with Attachment(model.model, one.plan), pytest.raises(ModelBusyError):
        moved(model, one)
