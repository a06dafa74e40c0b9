"""The gate and the phases of ``generate``: what they take, what they lower, and that nothing else changes."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import StaticCache

from boldface.emphasis.span import EmphasisedText
from boldface.engine.caches.blocks import Prefixes
from boldface.engine.gated import first_logprobs
from boldface.engine.scoring import continuation_logprobs
from boldface.engine.steer import prepare
from boldface.errors import ModelError, StrengthError, UnsupportedModelError
from boldface.steering.phases import Gate, Phases

PROMPT = "In the beginning was the **word**, and the word was bold."
PLAIN = PROMPT.replace("**", "")
HOW = {"heads": "L0H1, L1H2, L0H0=0.5, L1H3=-1", "strength": 5.0, "raw": True}
DRAWN = {"do_sample": True, "temperature": 1.3, "top_p": 0.9, "top_k": 40}
GATES = [0.02, 0.1, 0.3, 0.6]


def answer(model, prompt=PROMPT, tokens=14, **how):
    """A greedy answer, unless asked otherwise."""
    return model.generate(prompt, max_new_tokens=tokens, **HOW | how)


@pytest.fixture(scope="module")
def drawn_marks(model):
    """Characters of an open-loop answer that can mark phases: the first of them begins thinking, the second ends it."""
    text = answer(model, tokens=40).text
    found = list(
        dict.fromkeys(letter for letter in text if letter.isascii() and letter.isprintable() and letter != " ")
    )
    assert len(found) > 3
    return found


@pytest.mark.parametrize("how", [{}, DRAWN], ids=["greedy", "drawn"])
def test_gate_0_is_open_loop(model, how):
    """It lets everything pass, so that the answer is that of open loop, with the same random numbers."""
    for seed in range(4):
        gated = answer(model, gate=0.0, seed=seed, **how)
        assert gated.ids == answer(model, seed=seed, **how).ids
        assert gated.gated == (0, 0, 0)
    assert answer(model).ids != answer(model, PLAIN).ids


def test_gate_1_is_the_plain_answer(model):
    """The plain model's first choice is the only one that passes, so greedy decoding gives its answer."""
    gated = answer(model, gate=1.0)
    assert gated.ids == answer(model, PLAIN).ids != answer(model).ids
    assert gated.gated.plain > 0


@settings(max_examples=25)
@given(
    st.sampled_from(GATES),
    st.integers(0, 3),
    st.sampled_from([2.0, 5.0]),
    st.sampled_from([None, Phases(reading=0.0), Phases(0.5, 1.0, 0.75), Phases(answer=0.0)]),
    st.sampled_from([None, 0.5]),
)
def test_gated_as_defined(model, by_definition, beta, halvings, strength, phases, target):
    """Tokens, and what the gate did, are those of whole forwards in which every query has the level that it had."""
    got = answer(model, tokens=8, strength=strength, gate=Gate(beta, halvings), phases=phases, target=target)
    expected = by_definition.write(got.prompt.ids, got.steering, 8)
    if expected is not None:
        assert (got.ids, got.gated) == expected[:2]


def test_the_examples_above_do_something(model):
    """Gates lower some tokens, hand others to the plain model, and the answers differ from both."""
    found = [answer(model, gate=beta) for beta in GATES]
    assert any(one.gated.lowered for one in found)
    assert any(one.gated.plain for one in found)
    assert any(one.ids not in (answer(model).ids, answer(model, PLAIN).ids) for one in found)
    assert [one.gated.tries for one in found] == sorted(one.gated.tries for one in found)


@settings(max_examples=20)
@given(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0]), st.data())
def test_phases_as_defined(model, by_definition, drawn_marks, reading, thinking, said, data):
    """Every query has the level of the phase of the token that it reads, whatever stands for the marks."""
    begin, end = data.draw(st.permutations(drawn_marks).map(lambda marks: marks[:2]))
    phases = Phases(reading, thinking, said, begin, end, data.draw(st.sampled_from([None, True])))
    got = answer(model, tokens=16, phases=phases)
    if phases.is_null:
        assert got.ids == answer(model, PLAIN, tokens=16).ids
        return
    expected = by_definition.write(got.prompt.ids, got.steering, 16, PLAIN)
    if expected is not None:
        assert got.ids == expected[0]


def test_marks_turn_the_phase(model, drawn_marks):
    """Between the marks the level of thinking counts, and outside that of the answer."""
    begin, end = drawn_marks[0], drawn_marks[2]
    both = {"begin": begin, "end": end}
    whole = answer(model, tokens=40)
    assert whole.text.index(begin) < whole.text.index(end)
    thinking, said = (answer(model, tokens=40, phases={**both, name: 0.0}) for name in ("thinking", "answer"))
    first = whole.text.index(begin)
    assert thinking.text[: first + 1] == whole.text[: first + 1]
    assert thinking.ids != whole.ids != said.ids
    assert said.text[: first + 1] != whole.text[: first + 1]


def test_level_1_is_open_loop_and_level_0_is_plain(model):
    """Bit by bit: the same routes, and no attachment at all."""
    whole, none = answer(model, phases=Phases()), answer(model, phases=Phases(0.0, 0.0, 0.0))
    assert (whole.ids, whole.routes) == (answer(model).ids, answer(model).routes)
    assert (none.ids, none.routes) == (answer(model, PLAIN).ids, {})


def test_reading_at_0_is_scope_answer(model):
    """The prompt is the plain model's, but for its last token."""
    assert answer(model, phases={"reading": 0.0}).ids == answer(model, scope="answer").ids != answer(model).ids


@pytest.mark.parametrize("how", [{"gate": 0.1}, {"phases": {"reading": 0.5, "answer": 0.5}}, {"gate": 0.1} | DRAWN])
def test_batches_and_streams(model, how):
    """A row of a batch gets what it gets alone, and the pieces of a stream are the whole answer."""
    prompts = [PROMPT, "Now **this** too", PLAIN, "And **so on, and so on**"]
    alone = [answer(model, prompt, seed=3, **how) for prompt in prompts]
    if "do_sample" not in how:
        together = answer(model, prompts, seed=3, **how)
        assert [one.ids for one in together] == [one.ids for one in alone]
        assert [one.gated for one in together] == [one.gated for one in alone]
    assert [one.gated is None for one in alone] == [prompt == PLAIN or "gate" not in how for prompt in prompts]
    assert "".join(model.stream(PROMPT, max_new_tokens=14, seed=3, **HOW | how)) == alone[0].text


def test_rows_of_a_batch_draw_as_in_open_loop(model):
    """However often one row is tried again, the random numbers of the others are those of a batch without a gate."""
    prompts = [PROMPT, PLAIN, "Now that"]
    gated, open_loop = (answer(model, prompts, seed=5, **DRAWN, **how) for how in ({"gate": 0.5}, {}))
    assert gated[0].gated.tries > 0
    assert [one.ids for one in gated[1:]] == [one.ids for one in open_loop[1:]]


def test_what_ends_an_answer_ends_a_gated_one(model):
    """Stop texts, end tokens and the limit, in a batch too."""
    whole = answer(model, gate=0.1, tokens=20)
    mark = next(letter for letter in whole.text[3:] if letter.isascii() and whole.text.index(letter) > 2)
    stopped = answer(model, gate=0.1, tokens=20, stop_strings=[mark])
    assert stopped.text == whole.text[: whole.text.index(mark) + 1]
    assert (stopped.finish_reason, whole.finish_reason) == ("stop", "length")
    ended = answer(model, [PROMPT, "Now **this**"], gate=0.1, tokens=20, eos_token_id=whole.ids[4])
    assert ended[0].ids[:5] == whole.ids[:5]
    assert set(ended[0].ids[5:]) <= {0}
    assert len(ended[1].ids) > 6


def test_penalties_count_on_both_sides(model):
    """A token that is asked for by a bias on its logit is no work of the emphasis, and passes every gate."""
    wanted = {(7,): 1000.0}
    gated = answer(model, gate=1.0, tokens=4, sequence_bias=wanted)
    assert gated.ids == (7,) * 4
    assert gated.gated == (0, 0, 0)


def test_a_memory_changes_nothing(model):
    """What was read before is not read again, and the answers stay."""
    memory, how = Prefixes(2**20), {"gate": 0.3, "phases": {"reading": 0.5}}
    expected = answer(model, **how)
    first, again = (answer(model, memory=memory, **how) for _ in range(2))
    assert first.ids == again.ids == expected.ids
    assert (first.cached, again.cached) == (0, 32)
    assert answer(model, memory=memory).ids == answer(model).ids


@settings(max_examples=10)
@given(st.sampled_from(GATES), st.sampled_from([None, {"reading": 0.5, "answer": 0.5}]))
def test_first_words_are_those_of_the_answer(model, beta, phases):
    """Choosing among first words looks at the distribution that the gated answer takes its first token from."""
    prompts = [PROMPT, "Now **this** too", "A **b**"]
    how = {name: value for name, value in HOW.items() if name != "raw"}
    prepared = prepare(model.model, model.tokenizer, prompts, gate=beta, phases=phases, **how)
    logprobs = first_logprobs(model, prepared)
    assert torch.allclose(logprobs.exp().sum(-1), torch.ones(3), atol=1e-4)
    answers = answer(model, prompts, tokens=1, gate=beta, phases=phases)
    assert logprobs.argmax(-1).tolist() == [one.ids[0] for one in answers]
    with pytest.raises(ModelError, match="cannot be scored"):
        continuation_logprobs(model, prepared, [[1], [1], [1]])


def test_given_words_are_scored_in_their_phases(model, drawn_marks):
    """Reading an answer at once gives every token the level that it had when it was written."""
    phases = Phases(0.5, 0.25, 1.0, drawn_marks[0], drawn_marks[2])
    written = answer(model, tokens=20, phases=phases)
    how = {name: value for name, value in HOW.items() if name != "raw"}
    prepared = prepare(model.model, model.tokenizer, [PROMPT], phases=phases, **how)
    (scores,) = continuation_logprobs(model, prepared, [written.ids])
    assert scores.argmax(-1).tolist() == list(written.ids)
    plain = prepare(model.model, model.tokenizer, [PROMPT], **how)
    assert not torch.allclose(scores, continuation_logprobs(model, plain, [written.ids])[0], atol=1e-2)


@pytest.mark.parametrize("how", [{"gate": 0.5}, {"phases": {"thinking": 0.5}}])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_beams": 2}, "beams"),
        ({"num_return_sequences": 2, "do_sample": True}, "several answers"),
        ({"prompt_lookup_num_tokens": 2}, "assistant"),
        ({"use_cache": False}, "use_cache"),
    ],
)
def test_what_needs_one_answer_is_refused(model, how, options, words):
    """Before the model runs, by name."""
    with pytest.raises(ModelError, match=words):
        answer(model, **how, **options)


def test_caches_that_take_nothing_back_are_refused(model):
    """A static cache counts in place."""
    with pytest.raises(UnsupportedModelError, match="StaticLayer"):
        answer(model, gate=0.5, past_key_values=StaticCache(config=model.model.config, max_cache_len=128))


@pytest.mark.parametrize("how", [{"gate": 2.0}, {"phases": {"thinking": 2}}, {"phases": {"thought": 1}}])
def test_nonsense_is_refused(model, how):
    """With what to do."""
    with pytest.raises(StrengthError) as error:
        answer(model, **how)
    assert error.value.hint


def test_the_report_tells(model):
    """Levels, and what the gate did, stand in what is told of an answer; nothing where there are none."""
    report = answer(model, gate=0.3, phases={"thinking": 0.5}).report()
    assert (report["gate"], report["phases"]["thinking"]) == (0.3, 0.5)
    assert report["gated"].keys() == {"lowered", "plain", "tries"}
    assert not {"gate", "gated", "phases"} & answer(model, EmphasisedText("Hi")).report().keys()
