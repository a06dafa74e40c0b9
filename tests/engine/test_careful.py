"""Careful steering: what the plain model thinks of a span decides how far it is steered to it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import boldface
from boldface.emphasis.confidence import capped, share_of
from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.careful import careful, confidences
from boldface.engine.steer import prepare
from boldface.profiles.heads import HeadGains

GAINS = HeadGains.parse("L0H1=0.7, L1H0=0.5, L1H3=-1")
TEXTS = [
    EmphasisedText("the cat sat on the mat and saw", (CharSpan(4, 7), CharSpan(19, 22))),
    EmphasisedText("say yes", (CharSpan(4, 7),)),
    EmphasisedText("nothing here"),
]


def prompt_of(length: int, special: frozenset[int] = frozenset()) -> EncodedPrompt:
    return EncodedPrompt(
        "", tuple(range(length)), (), (), (), ("t",) * length, tuple(place in special for place in range(length))
    )


@pytest.fixture
def model(byte_llama):
    return boldface.Model(*byte_llama, chat=False)


def attention(model, prepared, row: int) -> torch.Tensor:
    """The last token's attention by head, as the eager model itself says it: (layers, heads, tokens)."""
    ids = torch.tensor([prepared.rows.prompts[row].ids])
    kind = model.model.config._attn_implementation
    model.model.set_attn_implementation("eager")
    try:
        with torch.no_grad():
            seen = model.model(ids, output_attentions=True).attentions
    finally:
        model.model.set_attn_implementation(kind)
    return torch.stack([layer[0, :, -1] for layer in seen]).double()


SIXTYFOURTHS = st.integers(0, 64).map(lambda count: count / 64)
"""Numbers whose sums are exact."""


@st.composite
def attended(draw):
    """Attention on some tokens, and a span of them."""
    length = draw(st.integers(3, 30))
    weights = draw(st.lists(SIXTYFOURTHS, min_size=length, max_size=length))
    start = draw(st.integers(1, length - 1))
    return weights, TokenSpan(start, draw(st.integers(start + 1, length)), 1.0)


@given(attended(), SIXTYFOURTHS)
def test_more_attention_is_more_confidence(told, more):
    """A span is surer of being right the more it is looked at; how much in all makes no difference."""
    weights, span = told
    prompt = prompt_of(len(weights))
    raised = [weight + more * (span.start <= place < span.end) for place, weight in enumerate(weights)]
    (before,), (after,) = confidences(prompt, [span], weights), confidences(prompt, [span], raised)
    assert 0 <= before <= after <= 1
    assert confidences(prompt, [span], [4 * weight for weight in weights]) == [before]


def test_a_span_is_compared_with_stretches_of_its_length():
    """Each other place where as many tokens stand together counts once; control tokens and the first count nowhere."""
    weights = [9.0, 0.1, 0.2, 0.5, 0.1, 0.1, 0.3, 0.35, 9.0]
    prompt = prompt_of(9, frozenset({8}))
    assert confidences(prompt, [TokenSpan(2, 4, 1.0)], weights) == [1.0]  # 0.7 > 0.2, 0.4, 0.65
    assert confidences(prompt, [TokenSpan(4, 6, 1.0)], weights) == [0.0]  # 0.2 < 0.3, 0.7, 0.65
    assert confidences(prompt, [TokenSpan(6, 8, 1.0)], weights) == [
        pytest.approx(3 / 4)
    ]  # 0.65 > 0.3, 0.6, 0.2 and < 0.7
    assert confidences(prompt, [TokenSpan(1, 8, 1.0)], weights) == [1.0]  # nothing is left to compare with
    both = [TokenSpan(2, 4, 1.0), TokenSpan(4, 6, 1.0)]
    assert confidences(prompt, both, weights) == [1.0, 0.0]  # another span is a stretch like any other


def test_strengths_are_what_the_model_s_own_attention_deserves(model):
    """Every row is read as if alone, by the upper of the two layers, and capped by what it covers."""
    prepared = prepare(model.model, model.tokenizer, TEXTS, heads=GAINS, strength=3.0)
    weighed = careful(model, prepared)
    shares = []
    for row, prompt in enumerate(prepared.rows.prompts):
        looked = attention(model, prepared, row)[-1].sum(dim=0).tolist()
        given = [share_of(sure) for sure in confidences(prompt, prompt.spans, looked)]
        tokens = [span.end - span.start for span in prompt.spans]
        covered = sum(count for count, share in zip(tokens, given, strict=True) if share) / len(prompt.ids)
        found = [span.strength for span in weighed.steerings[row].spans]
        assert found == pytest.approx([capped(3.0 * share, covered) if share else 0.0 for share in given])
        assert weighed.rows.prompts[row].spans == weighed.steerings[row].spans
        shares += given
    assert len({round(share, 6) for share in shares}) > 1  # the texts are such that spans fare differently


def test_suppression_is_left_alone(model):
    """What is pushed down is nobody's to judge, and what is not emphasised stays plain."""
    texts = [EmphasisedText(TEXTS[0].text, (CharSpan(4, 7, -2.0),)), TEXTS[2]]
    prepared = prepare(model.model, model.tokenizer, texts, heads=GAINS)
    assert careful(model, prepared).steerings == prepared.steerings
    plain = prepare(model.model, model.tokenizer, TEXTS[2:], heads=GAINS)
    assert careful(model, plain) is plain


def test_a_doubted_span_leaves_the_plain_model(model, monkeypatch):
    """Without any confidence the answer is the plain model's; with all of it, the steered one's."""
    text, how = TEXTS[0], {"heads": GAINS, "strength": 3.0, "max_new_tokens": 8}
    plain, steered = model.generate(EmphasisedText(text.text), **how).ids, model.generate(text, **how).ids
    assert plain != steered
    for sure, expected in ((0.0, plain), (1.0, steered)):
        monkeypatch.setattr(
            "boldface.engine.careful.confidences", lambda prompt, spans, weights, sure=sure: [sure] * len(spans)
        )
        assert model.generate(text, careful=True, **how).ids == expected
