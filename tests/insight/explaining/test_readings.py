"""Readings, against what attention tells in other ways."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import boldface
from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.emphasis.span import TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.prompts import pad
from boldface.engine.scoring import continuation_logprobs, read_continuations
from boldface.engine.steer import Prepared
from boldface.errors import NothingSteeredError
from boldface.insight.explaining.readings import QUERIES, on_each, read_plain, read_steered
from boldface.insight.moved import moved
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering, build_plan
from boldface.testing import tiny
from boldface.testing.sample import signed_gains

SPANS = (TokenSpan(3, 5, 2.5), TokenSpan(7, 8, -1.0))


def of_tokens(model, ids, steering):
    """A prompt of bare tokens, steered."""
    length = len(ids)
    prompt = EncodedPrompt("", tuple(ids), (), steering.spans, (), tuple(map(str, ids)), (False,) * length)
    plan = build_plan([steering], [length], geometry(model).heads)
    return Prepared(pad([prompt], pad_id=0), (steering,), plan, 0)


@pytest.mark.parametrize("architecture", ["llama", "gemma3", "gpt_oss"])
def test_every_place_is_what_a_prompt_up_to_there_looks_at(architecture):
    """Where nothing lifts the model's own words, a token of the answer looks as the last token of a longer prompt."""
    model = boldface.Model(tiny(architecture), None)
    ids = torch.randint(2, 60, (17,), generator=torch.Generator().manual_seed(5)).tolist()
    steering = Steering(SPANS, signed_gains(model.geometry.heads), rule="flat")
    prepared, answer = of_tokens(model.model, ids[:13], steering), ids[13:]
    plain, steered = read_plain(model, prepared, answer), read_steered(model, prepared, answer)
    on_spans = {head: torch.zeros(2) for head in steering.gains}
    for place in range(len(answer)):
        told = moved(model, of_tokens(model.model, ids[: 13 + place], steering))
        for reading, side in ((plain, "before"), (steered, "after")):
            expected = [getattr(token, side) for token in told.tokens]
            assert reading.heat[place, : 13 + place].tolist() == pytest.approx(expected, abs=1e-5)
            assert not reading.heat[place, 13 + place :].any()
        for head, shift in told.heads.items():
            on_spans[head] += torch.tensor(shift)
    for head, expected in on_spans.items():
        sums = [float(reading.on_spans[head.layer][head.head].sum()) * len(answer) for reading in (plain, steered)]
        assert sums == pytest.approx(expected.tolist(), abs=1e-4)
    assert (plain.heat - steered.heat).abs().max() > 0.01


@pytest.mark.parametrize(
    "how", [{}, {"scope": "answer"}, {"target": 0.4}, {"rule": "share", "share": 0.5, "heads": "L0H1, L1H3"}], ids=str
)
def test_masses_are_those_that_the_split_route_tells(model, prepared_for, answer, how):
    """Steered shares on emphasis and answer agree with what another route measures by itself, own words lifted."""
    prepared = prepared_for(**how)
    steered, told = read_steered(model, prepared, answer), {}
    with (
        torch.no_grad(),
        Attachment(model.model, prepared.plan, route="split", record=lambda mass: told.setdefault(mass.layer, mass)),
    ):
        read_continuations(model.model, prepared.rows, [answer])
    places = slice(prepared.rows.ids.shape[1] - 1, -1)
    for layer, mass in told.items():
        on_emphasis, on_answer = mass.after[:2, 0, :, places].mean(-1)
        assert torch.allclose(steered.on_spans[layer].sum(-1), on_emphasis, atol=1e-5)
        assert torch.allclose(steered.on_answer[layer], on_answer, atol=1e-5)


def test_expectations_are_those_of_the_model(model, prepared_for, answer):
    """Log-probabilities of both readings are what scoring the answer gives, however many layers are looked at."""
    prepared = prepared_for(heads="L1H0")
    for reading, one in (
        (read_plain(model, prepared, answer), replace(prepared, plan=None)),
        (read_steered(model, prepared, answer), prepared),
    ):
        (expected,) = continuation_logprobs(model, one, [answer])
        assert torch.allclose(reading.logprobs, expected, atol=1e-5)
        assert sorted(reading.on_spans) == [0, 1]


def test_heads_below_the_first_steered_one_see_the_same(model, prepared_for, answer):
    """Unsteered heads are told too: those of layers below look where they looked, those above elsewhere."""
    prepared = prepared_for(heads="L0H1")
    plain, steered = (read(model, prepared, answer) for read in (read_plain, read_steered))
    others = [0, 2, 3]
    assert torch.allclose(plain.on_spans[0][others], steered.on_spans[0][others], atol=1e-6)
    assert (plain.on_spans[0][1] - steered.on_spans[0][1]).abs().max() > 0.01
    assert (plain.on_spans[1] - steered.on_spans[1]).abs().max() > 1e-4


def test_long_answers_are_read_in_parts(model, prepared_for):
    """The shares of an answer longer than one part sum to one at every place."""
    answer = [40 + place % 50 for place in range(QUERIES + 5)]
    reading = read_steered(model, prepared_for(), answer)
    assert reading.heat.sum(dim=1).tolist() == pytest.approx([1.0] * len(answer), abs=1e-6)


@pytest.mark.parametrize("spans", [1, 50])
def test_every_span_has_its_own_shares(spans):
    """What cumulated shares tell of spans is what each of them sums up to by itself, the first and last token too."""
    shares = torch.rand(3, 4, 100, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    places = [TokenSpan(2 * place, 2 * place + (place % 2) + 1, 1.0) for place in range(spans)]
    expected = torch.stack([shares[..., span.start : span.end].sum(-1) for span in places], dim=-1)
    assert torch.allclose(on_each(places, shares), expected, atol=1e-12)


def test_many_spans_cost_what_one_costs(model, prepared_for, answer):
    """A reading does as many tensor operations for dozens of one-token spans as for one."""

    class Counting(TorchDispatchMode):
        done = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            Counting.done += 1
            return func(*args, **(kwargs or {}))

    def operations(prompt):
        prepared = prepared_for(prompt)
        Counting.done = 0
        with Counting():
            reading = read_plain(model, prepared, answer)
        return len(reading.spans), Counting.done

    one, few = operations("abcdefgh" * 8 + "**a**")
    many, more = operations("a**b**" * 64)
    assert (one, many) == (1, 64)
    assert more <= few + 16


def test_nothing_steered_is_refused(model, prepared_for, answer):
    """Without emphasis there is nothing to look at."""
    with pytest.raises(NothingSteeredError):
        read_plain(model, prepared_for("Say yes."), answer)
    with pytest.raises(NothingSteeredError):
        read_steered(model, prepared_for(heads=HeadGains({(0, 0): 1.0}), strength=0.0), answer)
