"""Watching a plain model, and what protection means for its attention."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import boldface
from boldface.attention import materialised
from boldface.attention.watch import last_query, watched
from boldface.emphasis.chat import render_chat
from boldface.emphasis.tokens import encode
from boldface.emphasis.trust import DEFAULT_POLICY, Policy, govern
from boldface.engine.steer import lay_out
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering
from boldface.testing import tiny
from boldface.testing.sample import sample


@pytest.mark.parametrize(
    ("architecture", "implementation"),
    [
        *((name, "eager") for name in ("llama", "gemma2", "gemma3", "gpt_oss", "gptj")),
        ("llama", "sdpa"),
        ("gemma3", "sdpa"),
    ],
)
def test_a_watched_model_is_the_plain_model(architecture, implementation):
    """Its logits are the same bit by bit, every layer of the plan is told of once, and nothing stays behind."""
    model = tiny(architecture, implementation)
    batch = sample(model)
    told = []
    with torch.no_grad():
        plain = model(batch.ids, use_cache=False).logits
        with watched(model, batch.plan, told.append):
            assert torch.equal(model(batch.ids, use_cache=False).logits, plain)
        assert torch.equal(model(batch.ids, use_cache=False).logits, plain)
    assert [call.layer for call in told] == list(batch.plan.gains)


@pytest.mark.parametrize("architecture", ["llama", "gemma3", "gpt_oss"])
def test_the_last_query_is_the_last_row(architecture):
    """What is told of the last query alone is what all queries together say of it, biased or not."""
    model = tiny(architecture)
    batch = sample(model, answer=0)
    told = []
    with torch.no_grad(), watched(model, batch.plan, told.append):
        model(batch.ids, use_cache=False)
    for call in told:
        for steered in (False, True):
            whole = materialised.weights(call, steered=steered)
            torch.testing.assert_close(materialised.weights(last_query(call), steered=steered), whole[:, :, -1:])


WORDS = st.text(st.sampled_from("abc "), min_size=1, max_size=8).filter(str.strip)
GAINS = st.dictionaries(
    st.tuples(st.integers(0, 1), st.integers(0, 3)), st.floats(-1.5, 1.5).map(lambda gain: round(gain, 2)), min_size=1
)


def falls(model, gains, system, user, strength, policy) -> float:
    """How far the system prompt's attention falls behind that of the user's lifted words, over heads and queries.

    The largest fall of log(attention on a token of the system prompt / attention on a lifted token of the user).
    """
    chat = [{"role": "system", "content": system}, {"role": "user", "content": f"{user}!", "spans": []}]
    chat[1]["spans"] = [{"start": 0, "end": len(user), "strength": strength}]
    governed = govern(chat, policy)
    text = render_chat(
        governed.messages,
        lambda messages: "".join(f"{message['role']}: {message['content']}\n" for message in messages),
    )
    prompt = encode(model.tokenizer, text, default=1.0)
    prepared = lay_out(model.model, model.tokenizer, [prompt], [Steering(prompt.spans, HeadGains(gains))])
    told = []
    with model.running(prepared, watch=told.append):
        model.model(**prepared.inputs, use_cache=False)
    place = text.text.index(system.strip())
    protected = [at for at in range(place, place + len(system.strip())) if not text.text[at].isspace()]
    place = text.text.index(f"user: {user}") + len("user: ")
    lifted = [at for at in range(place, place + len(user)) if not text.text[at].isspace()]
    worst = 0.0
    assert len(told) == len({layer for (layer, _), gain in gains.items() if gain})
    for call in told:
        plain, steered = (materialised.weights(call, steered=each)[0, :, lifted[-1] :].log() for each in (False, True))
        change = (steered - plain)[:, :, protected].amin(-1) - (steered - plain)[:, :, lifted].amax(-1)
        worst = max(worst, -change.min().item())
    return worst


@settings(max_examples=25)
@given(WORDS, WORDS, st.floats(0.5, 8.0), GAINS)
def test_user_text_never_outweighs_the_system_prompt(byte_llama, system, user, strength, gains):
    """In every head and for every query, protected text keeps its attention relative to words that a user lifts.

    Also in heads of negative gain, because all that is lifted here is lifted alike.
    """
    model = boldface.Model(*byte_llama)
    assert falls(model, gains, system, user, strength, DEFAULT_POLICY) <= 1e-9


def test_without_protection_it_does(byte_llama):
    """The law above would see it: an unprotected system prompt falls behind by the strength times the gain."""
    model = boldface.Model(*byte_llama)
    unprotected = Policy(DEFAULT_POLICY.may, {})
    assert falls(model, {(0, 1): 0.5}, "abc", "ba", 4.0, unprotected) == pytest.approx(2.0)
