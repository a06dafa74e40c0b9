"""Asking: what comes back is what transformers computes, alone or in a padded batch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.gated import first_logprobs
from boldface.engine.steer import prepare
from boldface.errors import TaskError
from boldface.evaluation import asking
from boldface.evaluation.aim import aim
from boldface.evaluation.arms import find_arm
from boldface.evaluation.asking import Asked, Asker
from boldface.evaluation.writing import write
from boldface.tasks.example import Choose, Continue, Example, Generate

TEXTS = ("Say yes.", "A longer prompt: say yes.", "The longest of the prompts, by far: say yes. Now:")
ARMS = ("plain", "steered", "instaboost", "spotlight")


def example(text, question):
    """Its last word but punctuation is emphasised."""
    start = text.lower().index("say")
    return Example(text, text, EmphasisedText(text, (CharSpan(start, start + 7),)), question)


@pytest.fixture
def ask(llama, profile):
    """Asks a batch on behalf of an arm."""

    def go(arm, examples, setting="raw"):
        asker = Asker(llama, find_arm(arm), aim(find_arm(arm), llama.geometry.heads, profile, 0))
        batch = []
        for each in examples:
            prompt, plain = (write(each, find_arm(name), setting) for name in (arm, "plain"))
            batch.append(Asked(each, prompt, plain, asker.encode(prompt)))
        return [answer for answer, _ in asker.ask(batch)]

    return go


def logprobs(llama, profile, text, continuation, arm):
    """What transformers says of every place of a continuation, one unpadded row, steered by ``boldface.steer``."""
    prompt = example(text, Generate(1)).prompt
    how = {
        "plain": {"strength": 0, "heads": profile.gains},
        "steered": {"strength": profile.strength, "heads": profile.gains},
        "instaboost": {"factor": 3, "rule": "flat", "heads": {0: [0, 1, 2, 3], 1: [0, 1, 2, 3]}},
        "spotlight": {"rule": "share", "share": 0.2},
    }[arm]
    with boldface.steer(llama.model, llama.tokenizer, prompt, **how) as inputs, torch.no_grad():
        length = inputs["input_ids"].shape[1]
        ids = torch.cat((inputs["input_ids"], torch.tensor([continuation], dtype=torch.long)), dim=1)
        logits = llama.model(ids, attention_mask=torch.ones_like(ids)).logits[0, length - 1 :]
    return logits.log_softmax(dim=-1)


@pytest.mark.parametrize("arm", ARMS)
def test_words_are_chosen_by_their_first_token(llama, profile, ask, arm):
    """Of every candidate its first token, behind a space, as one forward of transformers has it."""
    found = ask(arm, [example(text, Choose(("yes", "no"))) for text in TEXTS])
    # both begin with a space, which is a token of its own here
    space = llama.tokenizer(" ").input_ids[0]
    for text, answer in zip(TEXTS, found, strict=True):
        expected = float(logprobs(llama, profile, text, [], arm)[0, space])
        assert answer.logprobs == pytest.approx((expected, expected), abs=1e-4)


@pytest.mark.parametrize("arm", ARMS)
def test_words_behind_white_space_have_none_before_them(llama, ask, arm):
    """Where the rendered prompt ends in white space the candidate's own first letter is compared."""
    text = "Say yes.\n"
    (answer,) = ask(arm, [example(text, Choose(("yes", "no")))])
    assert answer.logprobs[0] != answer.logprobs[1]


@pytest.mark.parametrize("arm", ARMS[1:])
def test_continuations_are_read_as_transformers_reads_them(llama, profile, ask, arm):
    """The divergence is the mean over the continuation of KL(plain, steered)."""
    endings = (" yes.", " yes, that is so.", " y")
    found = ask(arm, [example(text, Continue(end)) for text, end in zip(TEXTS, endings, strict=True)])
    for text, end, answer in zip(TEXTS, endings, found, strict=True):
        tokens = llama.tokenizer(end).input_ids
        plain, steered = (logprobs(llama, profile, text, tokens, name)[: len(tokens)] for name in ("plain", arm))
        expected = torch.nn.functional.kl_div(steered, plain, log_target=True, reduction="none").sum(-1).mean()
        assert answer.divergence == pytest.approx(float(expected), rel=1e-3)
        assert answer.divergence > 0


@pytest.mark.parametrize("arm", ARMS)
def test_answers_are_written_as_the_engine_writes_them(llama, profile, ask, arm):
    """Greedy tokens, and their likelihood by the plain model."""
    found = ask(arm, [example(text, Generate(6)) for text in TEXTS])
    for text, answer in zip(TEXTS, found, strict=True):
        ids: list[int] = []
        for _ in range(6):
            ids.append(int(logprobs(llama, profile, text, ids, arm)[-1].argmax()))
        plain = logprobs(llama, profile, text, ids, "plain")
        assert answer.text == llama.tokenizer.decode(ids)
        assert (answer.tokens, answer.ended) == (6, False)
        assert answer.plain_logprob == pytest.approx(float(plain[range(6), ids].mean()), abs=1e-4)


def test_a_gate_decides_what_is_written_and_chosen(llama, profile, ask):
    """Answers and first words are those of the engine's gate; given words are refused, because a gate chooses them."""
    how = {"heads": profile.gains, "strength": profile.strength, "gate": 0.3}
    prompts = [example(text, Generate(6)).prompt for text in TEXTS]
    expected = llama.generate(prompts, raw=True, max_new_tokens=6, **how)
    assert any(one.gated.tries for one in expected)
    found = ask("gate=0.3", [example(text, Generate(6)) for text in TEXTS])
    assert [answer.text for answer in found] == [one.text for one in expected]
    logprobs = first_logprobs(llama, prepare(llama.model, llama.tokenizer, prompts, **how))
    space = llama.tokenizer(" ").input_ids[0]
    found = ask("gate=0.3", [example(text, Choose(("yes", "no"))) for text in TEXTS])
    assert [answer.logprobs[0] for answer in found] == pytest.approx(logprobs[:, space].tolist(), abs=1e-4)
    with pytest.raises(TaskError, match="gate"):
        Asker(llama, find_arm("gate=0.3"), aim(find_arm("gate=0.3"), llama.geometry.heads, profile, 0)).allow(
            Continue(" yes.")
        )


@pytest.mark.parametrize("setting", ["raw", "chat"])
@pytest.mark.parametrize("question", [Generate(6), Choose(("yes", "no")), Continue(" yes, that is so.")])
def test_a_padded_batch_answers_like_single_rows(ask, question, setting):
    """Whom a row is batched with does not matter to its answer."""
    examples = [example(text, question) for text in TEXTS]
    for answer, each in zip(ask("steered", examples, setting), examples, strict=True):
        (alone,) = ask("steered", [each], setting)
        assert _rounded(answer) == _rounded(alone)


def test_an_answer_that_is_complete_early_has_no_padding_in_it(ask, monkeypatch):
    """While other rows go on a complete one is padded; its length and likelihood are those of the answer alone."""
    monkeypatch.setattr(
        asking, "complete_at", lambda text, until: until.sentences if len(text) >= until.sentences else None
    )
    examples = [example(text, Generate(12, "sentences", count)) for text, count in zip(TEXTS, (3, 9, 6), strict=True)]
    for answer, each in zip(ask("steered", examples), examples, strict=True):
        (alone,) = ask("steered", [each])
        assert _rounded(answer) == _rounded(alone)
        assert answer.ended
        assert len(answer.text) == each.question.sentences <= answer.tokens < 12


def test_an_empty_answer_has_no_likelihood(llama, ask, monkeypatch):
    """An answer that the model ends at once is n/a, not the likelihood of its end."""
    with torch.no_grad():
        head = llama.model.lm_head.weight.clone()
        llama.model.lm_head.weight[1:] = 0
        hidden = llama.model.model(torch.tensor([llama.tokenizer(TEXTS[0]).input_ids])).last_hidden_state[0, -1]
        llama.model.lm_head.weight[0] = hidden
    try:
        (answer,) = ask("plain", [example(TEXTS[0], Generate(6))])
    finally:
        with torch.no_grad():
            llama.model.lm_head.weight.copy_(head)
    assert (answer.text, answer.tokens, answer.ended, answer.plain_logprob) == ("", 1, True, None)


def _rounded(answer):
    return replace(
        answer,
        logprobs=tuple(round(value, 3) for value in answer.logprobs),
        divergence=answer.divergence and pytest.approx(answer.divergence, rel=1e-3),
        plain_logprob=answer.plain_logprob and pytest.approx(answer.plain_logprob, rel=1e-3),
    )


@pytest.mark.parametrize("scope", ["all", "answer"])
def test_the_scope_of_the_profile_reaches_the_model(llama, profile, scope):
    """What is prepared has the scope, and the usual one is no argument, so that keys of answers stay what they were."""
    arm = find_arm("steered")
    asker = Asker(llama, arm, aim(arm, llama.geometry.heads, profile._replace(scope=scope), 0))
    prepared = asker._prepared([example("Please say yes now.", Generate(1)).prompt])
    assert [steering.scope for steering in prepared.steerings] == [scope]
    assert ("scope" in asker.steering) == (scope != "all")
