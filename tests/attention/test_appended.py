"""Prefills behind a cache: route fused is exact there, and taken only where the mask is the causal one."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DynamicCache

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.emphasis.span import TokenSpan
from boldface.errors import PromptMismatchError
from boldface.steering.plan import Steering, build_plan
from boldface.testing.models import tiny
from boldface.testing.sample import signed_gains

LENGTH = 20
IDS = torch.arange(5, 5 + LENGTH)[None]


def plan_of(model, start, scope="all", width=LENGTH):
    """A plan that emphasises two tokens."""
    heads = geometry(model).heads
    return build_plan([Steering((TokenSpan(start, start + 2, 3.0),), signed_gains(heads), scope)], [width], heads)


def steered(model, plan, cuts, route="auto"):
    """Logits of a prompt that is read in pieces, one behind the other, and the routes that answered."""
    cache, logits = DynamicCache(), []
    with torch.no_grad(), Attachment(model, plan, prompt=IDS, route=route) as attachment:
        for start, stop in zip([0, *cuts], [*cuts, LENGTH], strict=True):
            logits.append(model(IDS[:, start:stop], past_key_values=cache).logits)
        return torch.cat(logits, dim=1), {name for names in attachment.used.values() for name in names}


@settings(max_examples=40)
@given(
    start=st.integers(0, LENGTH - 2),
    cuts=st.sets(st.integers(1, LENGTH - 1), min_size=1, max_size=3),
    scope=st.sampled_from(["all", "answer"]),
    name=st.sampled_from(["llama", "gpt_neox", "gpt_oss"]),
)
def test_pieces_give_what_the_whole_gives(start, cuts, scope, name):
    """Read in pieces, a prompt has the logits of one forward by the oracle."""
    model, cuts = tiny(name), sorted(cuts)
    plan = plan_of(model, start, scope)
    whole, _ = steered(model, plan, [], "reference")
    for route in ("auto",) if name == "gpt_oss" else ("fused", "auto"):  # whose windows are masks
        assert (steered(model, plan, cuts, route)[0] - whole).abs().max() < 2e-4
    with torch.no_grad():
        assert (model(IDS).logits - whole).abs().max() > 1e-2


def test_auto_builds_no_large_bias_behind_a_cache(monkeypatch):
    """A bias of query x key is built for a few queries behind a short cache, and for nothing longer."""
    model = tiny("llama")
    assert steered(model, plan_of(model, 3), [8])[1] == {"fused", "sdpa"}
    monkeypatch.setattr("boldface.attention.routes.BEHIND_LIMIT", 9 * 12 * LENGTH - 1)
    assert steered(model, plan_of(model, 3), [8])[1] == {"fused"}


def test_padding_and_windows_are_no_causal_mask():
    """What hides more than the future goes the old ways, and stays exact."""
    padded = torch.ones(2, LENGTH, dtype=torch.long)
    padded[1, :3] = 0
    model = tiny("llama")
    heads = geometry(model).heads
    rows = [Steering((TokenSpan(2, 4, 3.0),), signed_gains(heads))] * 2
    plan = build_plan(rows, [LENGTH, LENGTH - 3], heads)
    ids = IDS.expand(2, -1)
    with torch.no_grad():
        cache = DynamicCache()
        with Attachment(model, plan) as attachment:
            model(ids[:, :9], attention_mask=padded[:, :9], past_key_values=cache)
            model(ids[:, 9:], attention_mask=padded, past_key_values=cache)
        used = {name for names in attachment.used.values() for name in names}
    assert "fused" not in used
    sliding = tiny("mistral")
    assert geometry(sliding).layers[0].window < LENGTH
    assert "fused" not in steered(sliding, plan_of(sliding, 1), [8], "auto")[1] - {"sdpa"}


def test_a_cache_is_taken_on_somebodys_word():
    """The guard takes a cache of another attachment once somebody vouches for it, as far as he does, and no further."""
    model = tiny("llama")
    plan, cache = plan_of(model, 3), DynamicCache()
    with torch.no_grad():
        whole, _ = steered(model, plan, [])
        with Attachment(model, plan, prompt=IDS):
            model(IDS[:, :12], past_key_values=cache)
        with Attachment(model, plan, prompt=IDS) as attachment:
            with pytest.raises(PromptMismatchError):
                model(IDS[:, 12:], past_key_values=cache)
            attachment.vouch(cache, 11)
            with pytest.raises(PromptMismatchError):
                model(IDS[:, 12:], past_key_values=cache)
            attachment.vouch(cache, 12)
            got = model(IDS[:, 12:], past_key_values=cache).logits
            assert (got - whole[:, 12:]).abs().max() < 2e-4
            model(IDS[:, :1] * 0 + 7, past_key_values=cache)  # decoding goes on
