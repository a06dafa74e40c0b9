"""Effects and slopes, against answers scored from scratch."""

from __future__ import annotations

from dataclasses import replace

import pytest

import boldface
from boldface.engine.scoring import continuation_logprobs, mean_logprob
from boldface.engine.steer import lay_out, prepare
from boldface.insight.explaining import without
from boldface.insight.explaining.slopes import slopes
from boldface.insight.explaining.without import Without
from boldface.profiles.heads import Head, HeadGains
from boldface.profiling import measure
from boldface.profiling.trunks import blocks_of

LATE = "It rains and it pours in the hills. Say **yes** now, and **no** then."
EARLY = "Say **yes** now."


def likelihood(model, prepared, answer, gains):
    """Log-likelihood of an answer under other gains, from one forward over everything."""
    (prompt,), (steering,) = prepared.rows.prompts, prepared.steerings
    one = lay_out(model.model, model.tokenizer, [prompt], [replace(steering, gains=gains)])
    (logprobs,) = continuation_logprobs(model, one, [answer])
    return float(mean_logprob(logprobs, answer)) * len(answer)


@pytest.mark.parametrize("prompt", [LATE, EARLY])
@pytest.mark.parametrize(
    "how",
    [
        {"rule": "pasta"},
        {"rule": "flat"},
        {"scope": "answer"},
        {"target": 0.4},
        {"rule": "share", "share": 0.4, "heads": "L0H1, L0H2, L1H0"},
        {"heads": "L1H2"},
    ],
    ids=str,
)
def test_effects_are_those_of_leaving_heads_out(model, prepared_for, answer, prompt, how):
    """What is shared among heads changes nothing, and every head does something."""
    prepared = prepared_for(prompt, **how)
    gains, left = prepared.steerings[0].gains, Without(model, prepared, answer)
    assert left.nobody() == pytest.approx(likelihood(model, prepared, answer, gains), abs=1e-4)
    scores = {head: score for part in left.parts for head, score in zip(part, left.each(part), strict=True)}
    assert list(scores) == list(gains)
    for head, score in scores.items():
        assert score == pytest.approx(likelihood(model, prepared, answer, gains - HeadGains([head])), abs=1e-4)
        assert abs(score - left.nobody()) > 1e-3


def test_layers_below_are_run_once(model, prepared_for, answer):
    """Leaving out heads of the second layer does not run the first, and what comes before the emphasis is read once."""
    left, seen = Without(model, prepared_for(LATE), answer), []
    left.nobody()
    hooks = [
        block.self_attn.register_forward_pre_hook(
            lambda module, args, kwargs, layer=layer: seen.append((layer, *kwargs["hidden_states"].shape[:2])),
            with_kwargs=True,
        )
        for layer, block in enumerate(blocks_of(model.model))
    ]
    for part in left.parts:
        left.each(part)
    for hook in hooks:
        hook.remove()
    tokens = len(LATE.replace("*", "")) - LATE.index("**") + len(answer)
    assert seen == [(0, 2, tokens), (1, 2, tokens), (1, 2, tokens)]


def test_parts_are_no_larger_than_may_be(model, prepared_for, answer, monkeypatch):
    """With room for one row at a time every head is a part of its own, with the same result."""
    together = Without(model, prepared_for(LATE), answer)
    monkeypatch.setattr(without, "TOKENS", 1)
    alone = Without(model, prepared_for(LATE), answer)
    assert [len(part) for part in together.parts] == [2, 2]
    assert [len(part) for part in alone.parts] == [1, 1, 1, 1]
    found = []
    for left in (together, alone):
        left.nobody()
        found.append([score for part in left.parts for score in left.each(part)])
    assert found[0] == pytest.approx(found[1], abs=1e-4)


def test_effects_of_a_real_model(smollm2):
    """Whatever library multiplies, and what is shared and kept, they are those of forwards from scratch."""
    heads = {(0, 1): 0.3, (4, 7): 0.7, (8, 1): -1.1, (8, 2): 0.7, (20, 8): 1.2, (29, 0): 1.2}
    model = boldface.Model(*smollm2)
    facts = "Mary is a nurse in Ohio, and her brother builds boats. " * 3
    prepared = prepare(model.model, model.tokenizer, [f"**Answer as JSON.** {facts}"], chat=True, heads=heads)
    answer = model.tokenizer('{"name": "Mary", "occupation": "nurse"}').input_ids
    gains, left = prepared.steerings[0].gains, Without(model, prepared, answer)
    whole = likelihood(model, prepared, answer, gains)
    assert left.nobody() == pytest.approx(whole, abs=2e-4)
    scores = {head: score for part in left.parts for head, score in zip(part, left.each(part), strict=True)}
    for head, score in scores.items():
        assert score == pytest.approx(likelihood(model, prepared, answer, gains - HeadGains([head])), abs=2e-4)
    assert max(abs(score - whole) for score in scores.values()) > 0.1


@pytest.mark.parametrize("checkpointed", [False, True])
@pytest.mark.parametrize("how", [{}, {"rule": "flat"}, {"scope": "answer"}], ids=str)
def test_slopes_are_differences(model, prepared_for, answer, how, checkpointed, monkeypatch):
    """Of every head, steered or not: the log-likelihood's change with its gain; from gain 0 it is that upwards."""
    if checkpointed:
        monkeypatch.setattr("boldface.insight.explaining.slopes.MOST_TOKENS", 1)
    prepared, step = prepared_for(LATE, **how), 0.02
    gains = prepared.steerings[0].gains
    found = slopes(model, prepared, answer)
    assert list(found) == [Head(*head) for head in measure.heads_of(model)]

    def scored(head, gain):
        return likelihood(model, prepared, answer, HeadGains({**gains, head: gain}))

    for head, slope in found.items():
        gain = gains.get(head, 0.0)
        low, high = (gain - step, gain + step) if gain else (0.0, step)
        assert slope == pytest.approx((scored(head, high) - scored(head, low)) / (high - low), rel=0.1, abs=0.05)
    assert max(map(abs, found.values())) > 0.1
