"""Scoring of given text: one padded forward says what the model says row by row."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

import boldface
from boldface.engine.scoring import continuation_logprobs, divergence, following, mean_logprob
from boldface.engine.steer import prepare
from boldface.errors import AlignmentError

HEADS = {0: [1, 2], 1: [0, 3]}
PROMPTS = ["Say **yes**.", "A longer prompt: **say** yes."]


@pytest.fixture(params=["llama", "gpt2"])
def model(byte_llama, request):
    """A tiny model that knows positions by their distance, and one that has learned each."""
    if request.param == "llama":
        return boldface.Model(*byte_llama)
    torch.manual_seed(0)
    shape = {"vocab_size": 300, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
    return boldface.Model(GPT2LMHeadModel(GPT2Config(**shape, initializer_range=0.5)).eval(), byte_llama[1])


@pytest.mark.parametrize("lengths", [(0, 0), (1, 1), (3, 0), (2, 5), (5, 2)])
def test_rows_of_a_batch_are_read_as_if_alone(model, lengths):
    """Padding on the left of prompts and on the right of continuations changes nothing."""
    continuations = [list(range(40, 40 + length)) for length in lengths]
    prepared = prepare(model.model, model.tokenizer, PROMPTS, heads=HEADS)
    together = continuation_logprobs(model, prepared, continuations)
    for prompt, tokens, found in zip(PROMPTS, continuations, together, strict=True):
        with boldface.steer(model.model, model.tokenizer, prompt, heads=HEADS) as inputs, torch.no_grad():
            ids = torch.cat((inputs["input_ids"], torch.tensor([tokens], dtype=torch.long)), dim=1)
            logits = model.model(ids).logits[0, inputs["input_ids"].shape[1] - 1 :]
        assert found.shape == (max(1, len(tokens)), logits.shape[1])
        torch.testing.assert_close(found, logits.log_softmax(-1)[: len(found)], atol=1e-4, rtol=1e-4)


def test_the_mean_is_over_the_tokens_of_the_continuation():
    """The log-probability of each token at its place, averaged, in nats."""
    logprobs = torch.tensor([[0.5, 0.5], [0.25, 0.75]]).log()
    assert mean_logprob(logprobs, [0, 1]) == pytest.approx((math.log(0.5) + math.log(0.75)) / 2)


def test_divergence_is_from_plain_to_steered():
    """KL(plain, steered), averaged over the places: not symmetric, and 0 for equals."""
    plain, steered = torch.tensor([[0.5, 0.5], [0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75], [0.5, 0.5]]).log()
    assert divergence(plain, steered) == pytest.approx((0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75)) / 2)
    assert divergence(steered, plain) != pytest.approx(divergence(plain, steered))
    assert divergence(plain, plain) == 0


@given(st.text("abc. ", min_size=1), st.sampled_from(["Say", "Say:\n", "Say "]))
def test_what_follows_is_what_the_whole_text_has(byte_llama, text, prompt):
    """Prompt and continuation tokenized apart are the whole tokenized at once; white space is not doubled."""
    tokenizer = byte_llama[1]
    joined = prompt + (text.lstrip() if prompt[-1].isspace() else text)
    if joined == prompt:
        with pytest.raises(AlignmentError):
            following(tokenizer, text, prompt)
        return
    assert tokenizer(prompt).input_ids + following(tokenizer, text, prompt) == tokenizer(joined).input_ids


def test_text_that_is_glued_to_what_is_before_is_refused():
    """Where a continuation has no tokens of its own there is nothing to score."""
    vocabulary = {"o": 0, "f": 1, "of": 2, "off": 3}
    backend = Tokenizer(models.BPE(vocabulary, [("o", "f"), ("of", "f")]))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    with pytest.raises(AlignmentError, match="no tokens of its own"):
        following(PreTrainedTokenizerFast(tokenizer_object=backend), "f", "x")
