"""What an attachment tells and takes."""

import copy
from dataclasses import replace

import pytest
import torch

from boldface.attention import fused
from boldface.attention.attach import Attachment
from boldface.attention.routes import ROUTES
from boldface.emphasis.span import TokenSpan
from boldface.errors import ModelBusyError, RouteError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering
from boldface.testing import sample, tiny

LAYER_ONE = Steering((TokenSpan(3, 5, 3.0),), HeadGains([(1, 2)]))


def test_layer_without_steered_heads_is_left_alone():
    """Only layers with a steered head get another config, and only they are told in `used`."""
    model = tiny("llama")
    batch = sample(model, rows=[LAYER_ONE])
    with Attachment(model, batch.plan, prompt=batch.prompt, route="sdpa") as attachment, torch.no_grad():
        others = [layer.self_attn.config is model.config for layer in model.model.layers]
        assert attachment.used == {}
        model(batch.ids)
    assert others == [True, False, True]
    assert attachment.used == {1: ("sdpa",)}


def test_chunk_before_the_emphasis_runs_the_models_own_function():
    """A forward that ends before the first emphasised token is bit-identical and uses no route."""
    model = tiny("llama")
    batch = sample(model, rows=[LAYER_ONE])
    with torch.no_grad():
        plain = model(batch.ids[:, :3]).logits
        with Attachment(model, batch.plan, prompt=batch.prompt) as attachment:
            assert torch.equal(model(batch.ids[:, :3]).logits, plain)
    assert attachment.used == {}


def test_failed_attachment_leaves_the_model_free():
    """When attaching fails half way, the model is as it was and can be attached again."""
    model = copy.deepcopy(tiny("llama"))
    batch = sample(model)
    broken = replace(batch.plan, gains={**batch.plan.gains, 7: batch.plan.gains[0]})
    with torch.no_grad():
        plain = model(batch.ids).logits
        with pytest.raises(KeyError):
            Attachment(model, broken)
        assert torch.equal(model(batch.ids).logits, plain)
        with Attachment(model, batch.plan):
            assert not torch.equal(model(batch.ids).logits, plain)


def test_detach_may_be_called_twice():
    """A second detach does nothing, also when another attachment has taken the model meanwhile."""
    model = tiny("llama")
    batch = sample(model)
    first = Attachment(model, batch.plan)
    first.detach()
    with Attachment(model, batch.plan):
        first.detach()
        with pytest.raises(ModelBusyError):
            Attachment(model, batch.plan)


def test_two_models_are_steered_at_once():
    """Attachments of different models do not see each other."""
    one, two = tiny("llama"), copy.deepcopy(tiny("llama"))
    batch = sample(one)
    other = sample(two, rows=[LAYER_ONE] * 3)
    with torch.no_grad():
        with Attachment(one, batch.plan):
            alone = one(batch.ids).logits
        with Attachment(one, batch.plan), Attachment(two, other.plan):
            assert torch.equal(one(batch.ids).logits, alone)
            assert not torch.equal(two(batch.ids).logits, alone)


@pytest.mark.parametrize("architecture", ["llama", "gpt_oss", "gemma3"])
def test_split_measures_the_mass_on_the_emphasis(architecture):
    """Masses are shares of attention: they sum to 1 (less a sink's), and heads of positive gain move towards it."""
    model = tiny(architecture)
    batch = sample(model)
    masses = []
    with Attachment(model, batch.plan, route="split", record=masses.append), torch.no_grad():
        model(**batch.inputs())
    assert [mass.layer for mass in masses] == [0, 1, 2]
    for mass in masses:
        whole = mass.before.sum(0)
        if architecture == "gpt_oss":
            assert (whole <= 1 + 1e-6).all() and (whole < 0.999).any()
        else:
            torch.testing.assert_close(whole, torch.ones_like(whole))
            torch.testing.assert_close(mass.after.sum(0), torch.ones_like(whole))
    only = sample(model, rows=[Steering((TokenSpan(3, 5, 3.0),), HeadGains([(1, 2)]))])
    masses.clear()
    with Attachment(model, only.plan, route="split", record=masses.append), torch.no_grad():
        model(**only.inputs(0, 11))
    emphasised = masses[0].after[0, 0] - masses[0].before[0, 0]
    assert (emphasised[2, 3:] > 0).all()
    assert emphasised[2].max() > 1e-2
    assert emphasised[[0, 1, 3]].abs().max() <= 1e-5


def test_gradients_reach_the_gains():
    """The folded route carries gradients to the gains, equal to a finite difference of the oracle's loss."""
    model = tiny("llama")
    batch = sample(model)
    gains = {layer: gain.clone().requires_grad_() for layer, gain in batch.plan.gains.items()}
    with Attachment(model, replace(batch.plan, gains=gains), route="folded"):
        model(batch.ids).logits.square().mean().backward()
    slope = gains[1].grad[0, 1].item()

    def loss(step):
        moved = batch.plan.gains[1].clone()
        moved[0, 1] += step
        plan = replace(batch.plan, gains={**batch.plan.gains, 1: moved})
        with Attachment(model, plan, route="reference"), torch.no_grad():
            return model(batch.ids).logits.double().square().mean().item()

    model.zero_grad()
    assert slope == pytest.approx((loss(1e-2) - loss(-1e-2)) / 2e-2, rel=2e-2)
    assert abs(slope) > 1e-5


def test_automatic_route_carries_gradients():
    """With gains that are learned, the chosen route is one that is differentiable in them."""
    model = tiny("llama")
    batch = sample(model)
    gains = {layer: gain.clone().requires_grad_() for layer, gain in batch.plan.gains.items()}
    with Attachment(model, replace(batch.plan, gains=gains)):
        model(batch.ids).logits.square().mean().backward()
    model.zero_grad()
    assert all(gain.grad is not None and gain.grad.abs().max() > 0 for gain in gains.values())


@pytest.mark.parametrize("route", [*ROUTES, "auto"])
@pytest.mark.parametrize("architecture", ["llama", "gpt_oss"])
def test_gradients_through_the_model_are_whole(architecture, route, monkeypatch):
    """Gradients to the input embeddings are the oracle's; a route that would lose a part of them is refused."""
    monkeypatch.setattr(fused, "CUT_FROM", 2)
    model = tiny(architecture)
    scopes = ("answer",) * 2 if architecture == "llama" and route == "auto" else ("all",) * 2
    batch = sample(
        model, rows=[replace(row, scope=scope) for row, scope in zip(sample(model).rows, scopes, strict=False)]
    )

    def gradient(name):
        embedded = model.get_input_embeddings()(batch.ids).detach().requires_grad_()
        with Attachment(model, batch.plan, route=name):
            loss = model(inputs_embeds=embedded, use_cache=False).logits.square().mean()
        return torch.autograd.grad(loss, embedded)[0]

    if route in ("split", "flex"):
        with pytest.raises(RouteError, match="gradient"):
            gradient(route)
    elif architecture == "gpt_oss" and route in ("fused", "folded"):
        with pytest.raises(RouteError, match=r"mask beside|no attention sinks"):
            gradient(route)
    else:
        expected = gradient("reference")
        assert (gradient(route) - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("route", ["reference", "sdpa", "folded", "split", "auto"])
def test_implementations_of_the_model_are_all_steered(route):
    """An eager model steered by any route equals the SDPA model's oracle."""
    batch = sample(tiny("llama"))
    with Attachment(tiny("llama"), batch.plan, route="reference"), torch.no_grad():
        expected = tiny("llama")(batch.ids).logits
    with Attachment(tiny("llama", "eager"), batch.plan, route=route), torch.no_grad():
        assert (tiny("llama", "eager")(batch.ids).logits - expected).abs().max() <= 1e-5


@pytest.mark.parametrize("route", ["reference", "sdpa", "folded", "split", "flex", "auto"])
def test_values_of_the_models_own_mask_are_kept(route):
    """A float mask that adds values of its own, also per head, adds them beside the emphasis."""
    model, eager = tiny("llama"), tiny("llama", "eager")
    steering = Steering((TokenSpan(3, 5, 3.0),), HeadGains({(layer, 2): 1.0 for layer in range(3)}))
    batch = sample(model, rows=[steering], answer=0)
    hidden = torch.ones(14, 14, dtype=torch.bool).triu(1)
    mask = torch.randn(1, 9, 14, 14, generator=torch.Generator().manual_seed(0))
    mask = mask.masked_fill(hidden, torch.finfo(torch.float32).min)
    pasta = torch.zeros(1, 9, 14, 14)
    pasta[:, 2, :, 3:5] = 3.0
    with torch.no_grad():
        plain = model(batch.ids, attention_mask=mask).logits
        expected = eager(batch.ids, attention_mask=(mask + pasta).masked_fill(hidden, mask.min())).logits
        with Attachment(model, batch.plan, prompt=batch.prompt, route=route):
            steered = model(batch.ids, attention_mask=mask).logits
    assert (steered - expected).abs().max() <= 1e-5 < 1e-3 <= (expected - plain).abs().max()
