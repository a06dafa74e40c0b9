"""Levels over the routes: a query at a level is one whose gains are all so much smaller, and nothing else changes."""

from dataclasses import replace

import pytest
import torch
from transformers import DynamicCache

from boldface.attention.attach import Attachment
from boldface.attention.routes import ROUTES
from boldface.errors import RouteError
from boldface.steering.levels import Levels
from boldface.testing import LawBroken, sample, tiny
from boldface.testing.laws import TOLERANCE, agree, distance, forward

ARCHITECTURES = ["llama", "mistral", "gemma3", "gpt_oss", "gptj", "qwen3_moe"]
READING = [0.5, 0.25, 1.0]
NOW = [[1.0, 0.0, 1.0], [0.75, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 0.5, 1.0], [0.25, 0.0, 0.5], [1.0, 1.0, 1.0]]
"""Levels of the rows while the prompt is read, and at every forward from its last token on."""


def takes(architecture, route):
    """True where docs/matrix.md says that the route is exact."""
    return route not in {"gpt_oss": ("folded",)}.get(architecture, ())


def levelled(model, batch, route, *, chunks=(), swap=False):
    """Logits of prompt and answer token by token, with levels that change from forward to forward."""
    levels, width = Levels(READING), batch.plan.width
    stops = [*chunks, *range(width, batch.ids.shape[1])]
    past, found = DynamicCache(config=model.config), []
    with torch.no_grad(), Attachment(model, batch.plan, prompt=batch.prompt, route=route, levels=levels):
        for start, stop in zip([0, *stops], stops, strict=False):
            for row, phase in zip(levels.rows, NOW[max(stop - width, 0)], strict=True):
                row.phase = 1 - phase if swap else phase
            found.append(model(**batch.inputs(start, stop), past_key_values=past, use_cache=True).logits)
    return torch.cat(found, dim=1)


def scaled(model, batch, route):
    """The same without levels: every forward has a plan of its own, with gains that are so much smaller."""
    width, past, found = batch.plan.width, DynamicCache(config=model.config), []
    stops = [width - 1, *range(width, batch.ids.shape[1])]
    for start, stop in zip([0, *stops], stops, strict=False):
        level = torch.tensor(READING if stop < width else NOW[stop - width])
        gains = {layer: gain * level[:, None] for layer, gain in batch.plan.gains.items()}
        plan = replace(batch.plan, gains=gains)
        with torch.no_grad(), Attachment(model, plan, prompt=batch.prompt, route=route) as attachment:
            attachment.vouch(past, start)
            found.append(model(**batch.inputs(start, stop), past_key_values=past, use_cache=True).logits)
    return torch.cat(found, dim=1)


def compared(model, batch, got, route="reference"):
    """Demand that the logits are those of the scaled gains, and far from those of open loop."""
    real, columns = batch.real[:, : got.shape[1]], got.shape[1]
    open_loop = torch.zeros(batch.real.shape + got.shape[2:])
    open_loop[batch.real] = forward(model, batch, "reference")
    agree(got[real], scaled(model, batch, route)[real], open_loop[:, :columns][real], 2 * TOLERANCE)


@pytest.mark.parametrize("route", [*ROUTES, "auto"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_level_scales_the_gains(architecture, route):
    """On every route, in prefill and in decoding, also where the level changes at the last token of the prompt."""
    model = tiny(architecture)
    batch = sample(model, padding="left")
    if not takes(architecture, route):
        with pytest.raises(RouteError):
            levelled(model, batch, route, chunks=(13,))
        return
    if route == "fused":
        batch = sample(model)
        with pytest.raises(RouteError, match=r"level of the queries changes|mask beside the causal flag"):
            levelled(model, batch, route)
        whole = levelled(model, batch, "auto")
        compared(model, batch, whole)
        return
    compared(model, batch, levelled(model, batch, route))
    compared(model, batch, levelled(model, batch, route, chunks=(5, 13)))
    with pytest.raises(LawBroken, match="oracle"):
        compared(model, batch, levelled(model, batch, route, swap=True))


@pytest.mark.parametrize("rule", ["flat", "share"])
@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_under_the_other_rules(architecture, rule):
    """A level multiplies what a rule adds, after the rule has looked at the mass."""
    model = tiny(architecture)
    batch = sample(model, rule=rule)
    compared(model, batch, levelled(model, batch, "auto"))


def test_scope_answer_is_reading_at_0():
    """Reading at level 0 is the scope that steers from the last prompt token on."""
    model = tiny("llama")
    batch, answer = sample(model), sample(model, scopes=("answer",) * 3)
    with torch.no_grad(), Attachment(model, batch.plan, prompt=batch.prompt, levels=Levels([0.0] * 3)):
        got = model(**batch.inputs(0, batch.plan.width)).logits
    expected, plain = (
        forward(model, replace(answer, ids=answer.prompt, real=answer.real[:, : batch.plan.width]), route)
        for route in ("reference", None)
    )
    agree(got.flatten(0, 1), expected, plain)


@pytest.mark.parametrize("target", [None, 0.5])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_whole_levels_are_open_loop_bit_by_bit(architecture, target):
    """Levels of 1 run what runs without levels, and an attachment that is off runs the plain model."""
    model = tiny(architecture)
    batch = sample(model, target=target)
    with torch.no_grad(), Attachment(model, batch.plan, prompt=batch.prompt, levels=Levels([1.0] * 3)) as attachment:
        got = model(**batch.inputs(), use_cache=False).logits[batch.real]
        with attachment.off():
            plain = model(**batch.inputs(), use_cache=False).logits[batch.real]
    assert torch.equal(got, forward(model, batch, "auto"))
    assert torch.equal(plain, forward(model, batch, None))
    assert distance(got, plain) > 100 * TOLERANCE
