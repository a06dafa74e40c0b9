"""The batch law for every architecture: rows of a batch get the logits of their own forwards, steered and plain."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boldface.attention import apart
from boldface.emphasis.span import TokenSpan
from boldface.engine.batching.answer import Answer
from boldface.engine.batching.batch import Batch
from boldface.engine.batching.bias import Group
from boldface.engine.batching.hold import Hold
from boldface.engine.batching.joining import Joining
from boldface.engine.batching.layer import Turn
from boldface.engine.batching.raised import Raised
from boldface.engine.batching.ticket import Ticket
from boldface.engine.batching.views import View, views
from boldface.engine.batching.words import Bytes
from boldface.engine.caches.blocks import Prefixes
from boldface.engine.model import Model
from boldface.errors import RouteError
from boldface.testing.models import ARCHITECTURES, tiny
from boldface.testing.sample import signed_gains

BATCHED = [name for name in ARCHITECTURES if name not in ("llama4", "qwen3_next")]
STEPS = 14
"""More than the tiny models' windows, so that the emphasis leaves them."""
SPANS = {
    "early": (TokenSpan(1, 3, 4.0),),
    "late": (TokenSpan(4, 6, -2.0), TokenSpan(9, 11, 3.0)),
    "several": (TokenSpan(1, 3, 4.0), TokenSpan(5, 7, 1.5)),
    "plain": (),
    "first": (TokenSpan(0, 1, 2.0),),
}
LENGTHS = {"early": 4, "late": 13, "several": 9, "plain": 9, "first": 1}
TARGETS = {"late": 0.6, "several": 0.5, "early": 0.8}
"""Target shares of rows that have one; others are open loops beside them."""
CAPPED = ["gemma2"]
"""Where no kernel tells how much attention there is: scores are soft-capped."""


def run(model, tools, names, leaves=(), *, chunk=5, targets=TARGETS):
    """Let rows join one after the other, take steps, and leave; return what each got, and its tokens."""
    turn = Turn()
    hold, generator = Hold(model, turn), torch.Generator().manual_seed(1)
    gains = signed_gains(hold_heads(hold, model))
    got, wanted = {name: [] for name in names}, {}
    with torch.no_grad(), hold.on():
        batch = Batch(model.model, views(model.model), turn, len(names))
        rows = {}
        for number in range(STEPS):
            if number < len(names):
                name = names[number]
                tokens = torch.randint(1, 64, (LENGTHS[name] + STEPS + 1,), generator=generator).tolist()
                request = tools.request(tokens[: LENGTHS[name]], SPANS[name], gains=gains, max_tokens=99)
                request = aiming(request, targets.get(name))
                wanted[name] = request, tokens[LENGTHS[name] :]
                answer = Answer(request, Ticket(lambda: None), got.get, model.tokenizer, Bytes(model.tokenizer), ())
                joining, logits = Joining(model.model, hold.seams, turn, answer, Prefixes(0)), None
                while logits is None:
                    logits = joining.read(chunk)[1]
                got[name].append(logits)
                batch.join(joining, wanted[name][1][0])
                rows[name] = batch.rows[-1]
            if gone := [rows[name] for name in leaves if number == 6 and name in rows]:
                batch.leave(gone)
            if not batch.rows:
                break
            logits = batch.step()
            for index, row in enumerate(batch.rows):
                name = next(key for key, value in rows.items() if value is row)
                got[name].append(logits[index])
                row.advance(wanted[name][1][len(got[name]) - 1])
    return {name: (torch.stack(rows).float(), *wanted[name]) for name, rows in got.items()}


def aiming(request, target):
    """The request with a target share."""
    return replace(request, steering=replace(request.steering, target=target))


def hold_heads(hold, model):
    """Query heads of every layer."""
    return {layer: model.geometry.layers[layer].heads for layer in hold.seams}


def furthest(model, tools, answers):
    """The largest difference between what a row got and what it gets alone, in spreads of its logits."""
    worst = 0.0
    for got, request, tokens in answers.values():
        alone = tools.of.read(model, request, tokens[: len(got) - 1])
        worst = max(worst, float((got - alone).abs().max() / (alone.max() - alone.min())))
    return worst


@pytest.mark.parametrize("architecture", BATCHED)
def test_rows_get_what_they_get_alone(byte_llama, tools, architecture):
    """Whatever stands beside a row, and however far its window has moved."""
    model = Model(tiny(architecture), byte_llama[1])
    answers = run(model, tools, ["late", "early", "plain", "first"], leaves=["early"], targets={})
    assert furthest(model, tools, answers) < 2e-5


@pytest.mark.parametrize("share", [0, apart.SHARE], ids=["two calls", "one call"])
@pytest.mark.parametrize("architecture", [name for name in BATCHED if name not in CAPPED])
def test_rows_mind_themselves_as_alone(byte_llama, tools, architecture, share, monkeypatch):
    """Target shares, of one strength and of several, beside an open loop and a plain row, behind windows and sinks."""
    monkeypatch.setattr(apart, "SHARE", share)
    model = Model(tiny(architecture), byte_llama[1])
    answers = run(model, tools, ["late", "several", "early", "plain", "first"], leaves=["early"])
    assert furthest(model, tools, answers) < 2e-5
    for name in TARGETS:
        got, request, tokens = answers[name]
        assert furthest(model, tools, {name: (got, aiming(request, None), tokens)}) > 1e-3


@pytest.mark.parametrize("architecture", CAPPED)
def test_capped_scores_are_no_target(byte_llama, tools, architecture):
    """By name, before anything is answered wrongly."""
    with pytest.raises(RouteError, match="No kernel tells"):
        run(Model(tiny(architecture), byte_llama[1]), tools, ["late"])


@pytest.mark.parametrize(
    ("architecture", "mutant"),
    [
        ("llama", "no bias"),
        *((name, how) for name in ("gemma3", "gpt_oss", "gemma2") for how in ("no bias", "lift stays", "whole view")),
    ],
)
def test_the_law_sees_mutants(byte_llama, tools, architecture, mutant, monkeypatch):
    """A batch without bias, or one that lifts generated tokens for ever, or sees past its window, breaks the law."""
    model, write = Model(tiny(architecture), byte_llama[1]), Group.write
    if mutant == "no bias":
        monkeypatch.setattr(Group, "write", lambda group, slot, seat: write(group, slot, seat._replace(plan=None)))
    elif mutant == "whole view":
        monkeypatch.setattr(View, "first", lambda view, position: 0)
    else:

        def stays(group, slot, seat):
            write(group, slot, seat)
            plan, position, _ = seat
            if plan is not None:
                gain = torch.zeros_like(group.lifted[:, slot])
                for index, layer in enumerate(group.layers):
                    gain[index] = plan.gains[layer][0].clamp(min=0) * plan.lift if layer in plan.gains else 0
                first = max(plan.width, group.view.first(position))
                group.table[:, slot, :, first : position + 1] = gain[..., None]

        monkeypatch.setattr(Group, "write", stays)
    answers = run(model, tools, ["late", "early", "plain", "first"], targets={})
    assert furthest(model, tools, answers) > 1e-3


@pytest.mark.parametrize("mutant", ["half the share", "one strength", "whole view"])
@pytest.mark.parametrize("architecture", ["gemma3", "gpt_oss"])
def test_the_law_of_targets_sees_mutants(byte_llama, tools, architecture, mutant, monkeypatch):
    """A batch that aims at another share, lifts all keys alike, or sees past its window, breaks the law."""
    model, write = Model(tiny(architecture), byte_llama[1]), Raised.write
    if mutant == "whole view":
        monkeypatch.setattr(View, "first", lambda view, position: 0)
    else:

        def wrongly(raised, slot, plan, *args):
            share = None if plan.target is None else plan.target / 2
            wrong = replace(plan, target=share) if mutant == "half the share" else replace(plan, varied=None)
            return write(raised, slot, wrong, *args)

        monkeypatch.setattr(Raised, "write", wrongly)
    answers = run(model, tools, ["late", "several", "early"])
    assert furthest(model, tools, answers) > 1e-3


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_in_any_order(byte_llama, tools, data):
    """Rows may join in any order and any of them may leave; chunks of a prompt may have any size."""
    model = Model(tiny(data.draw(st.sampled_from(["llama", "cohere2"]))), byte_llama[1])
    names = data.draw(st.lists(st.sampled_from(sorted(SPANS)), unique=True, min_size=1))
    leaves = data.draw(st.sets(st.sampled_from(names)))
    answers = run(model, tools, names, leaves, chunk=data.draw(st.integers(1, 14)))
    assert furthest(model, tools, answers) < 2e-5
