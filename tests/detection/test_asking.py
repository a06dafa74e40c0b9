"""Scorers that ask a language model: they agree with what the model itself says, on a random one of bytes."""

from __future__ import annotations

import pytest
import torch

from boldface.detection.attended import attended
from boldface.detection.catalogue import find_proposer, find_scorers
from boldface.detection.evidence import Evidence
from boldface.detection.fitted import Fit
from boldface.detection.likelihood import Likelihood
from boldface.detection.looking import Attention, Looking
from boldface.detection.names import ASKING
from boldface.detection.quoting import Quoting
from boldface.detection.searched import search

SEARCHED = search("Bees fly. They hum at noon.\nAnts walk in rows.\n\nQuestion: Who hums?")


def test_attention_received_is_the_models_own(model, byte_llama):
    """Summed over heads and queries it equals what eager attention outputs, layer by layer."""
    text = "Bees fly. " * 30
    read = attended(model, text)
    own = byte_llama[0]
    before = own.config._attn_implementation
    own.set_attn_implementation("eager")
    with torch.no_grad():
        weights = own(torch.tensor([read.prompt.ids]), output_attentions=True).attentions
    own.set_attn_implementation(before)
    expected = torch.stack([layer[0].double().sum(dim=(0, 1)) for layer in weights])
    torch.testing.assert_close(read.received, expected, atol=1e-3, rtol=1e-4)
    assert read.received.sum(dim=1).tolist() == pytest.approx([4.0 * len(text)] * 2)


def test_attention_of_some_queries_is_a_part_of_it(model):
    """The parts of a text look at what the whole looks at."""
    text = "Bees fly. Ants walk."
    whole = attended(model, text).received
    parts = attended(model, text, (0, 10)).received + attended(model, text, (10, 20)).received
    torch.testing.assert_close(parts, whole)


def test_likelihood_is_what_the_model_says_of_the_question(model):
    """It is the mean over the question's tokens, and does not depend on the other pieces."""
    scorer = Likelihood(model)
    scores = scorer.score(SEARCHED, SEARCHED.sentences)
    alone = [scorer.score(SEARCHED, [one])[0] for one in SEARCHED.sentences]
    assert scores == pytest.approx(alone, abs=1e-4)
    tokenizer = model.tokenizer
    prompt, asked = (
        tokenizer(text).input_ids for text in (f"{SEARCHED.words(SEARCHED.sentences[0])}\n\nQuestion:", " Who hums?")
    )
    with torch.no_grad():
        logprobs = model.model(torch.tensor([prompt + asked])).logits[0].log_softmax(dim=-1)
    expected = logprobs[len(prompt) - 1 : -1].gather(1, torch.tensor(asked)[:, None]).mean()
    assert scores[0] == pytest.approx(float(expected), abs=1e-4)


def test_looking_sees_no_difference_between_like_questions(model):
    """A question without content looks nowhere in particular, by definition; another one does."""
    pieces = SEARCHED.sentences
    empty = search(SEARCHED.text, "N/A")
    assert Looking(model).score(empty, pieces) == [0.0] * len(pieces)
    assert len(set(Looking(model).score(SEARCHED, pieces))) == len(pieces)


def test_attention_asks_nothing(model):
    """What is looked at whatever is asked does not depend on the question, and is a share."""
    pieces = SEARCHED.sentences
    other = search(SEARCHED.text.replace("Who hums?", "Who works?"))
    scores = Attention(model).score(SEARCHED, pieces)
    assert scores == Attention(model).score(other, other.sentences)
    assert all(0 <= score <= 1 for score in scores) and max(scores) > 0


def test_a_quotation_is_matched(model, monkeypatch):
    """The sentence that shares most words with the quotation is put first."""
    monkeypatch.setattr(Quoting, "quote", lambda scorer, searched: "they hum at around noon")
    scores = Quoting(model).score(SEARCHED, SEARCHED.sentences)
    assert scores.index(max(scores)) == 1 and scores[0] == 0


@pytest.mark.parametrize("name", ASKING)
def test_every_one_of_them_proposes(name, model):
    """Each gives every sentence a confidence; without a question, only the one that does not ask for it does."""
    (scorer,) = find_scorers([name], model)
    proposer = Evidence(name, [scorer], Fit((0.5, 0.5, 0.5, 0.5), -1.0))
    assert {one.span for one in proposer.propose(SEARCHED)} == {
        one.span for one in find_proposer("bm25").propose(SEARCHED)
    }
    assert bool(proposer.propose(search("Bees fly. Ants walk."))) == (name == "attention")
    assert scorer.asks == (name != "attention")
