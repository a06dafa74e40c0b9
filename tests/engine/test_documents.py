"""Documents: read once, answered from many times, and every answer is that of its own mode without any cache."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import DynamicCache

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.emphasis.emphasise import emphasise
from boldface.emphasis.span import EmphasisedText
from boldface.engine.caches.owner import owner
from boldface.engine.caches.shelf import Shelf
from boldface.engine.documents import Document, Recipe
from boldface.engine.model import Model
from boldface.errors import CacheError, HeadError, MissingError, SpanError
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.steering.plan import Steering, build_plan
from boldface.steering.prefix_law import trace

TEXT = "Ada was a mathematician. She wrote the first program. Charles built the machine, or most of it."
HEADS = {0: {0: 1.0, 1: 1.0, 2: -0.5}, 1: {2: 1.0}}
QUESTIONS = ("Who wrote?", "What did he build", "?", " and Charles", "**Briefly**: who?")


def alone(model, ids, read, steering, steps):
    """The greedy answer after ``ids`` of which the first ``read`` tokens alone are read steered, without a session."""
    plan = build_plan([steering], [read], geometry(model.model).heads)
    cache, row, answer = DynamicCache(), torch.tensor([ids]), []
    with torch.no_grad():
        with Attachment(model.model, plan, route="reference"):
            model.model(row[:, :read], past_key_values=cache)
        logits = model.model(row[:, read:], past_key_values=cache).logits[0, -1]
        while len(answer) < steps:
            answer.append(int(logits.argmax()))
            logits = model.model(torch.tensor([[answer[-1]]]), past_key_values=cache).logits[0, -1]
    return tuple(answer)


@pytest.fixture(scope="module")
def document(model):
    """A document that was read with a sentence emphasised."""
    return model.read(emphasise(TEXT, "She wrote the first program.", strength=5.0), heads=HEADS)


@pytest.mark.parametrize("question", QUESTIONS)
def test_steered_questions_are_prefixes(model, same, document, question):
    """Answers are those of steering the whole prompt; the document is not read again, whatever is asked."""
    got = document.ask(question, max_new_tokens=8)
    asked = boldface_parse(question)
    prompt = document.recipe.prompt(asked, steered=True)
    assert same(got, prompt, heads=HEADS)
    assert got.cached == len(document.snapshot.trace) == len(f"<|user|>{TEXT}\n\n") - len("<|user|>") + 1


def boldface_parse(text):
    """The text without markup, and its spans."""
    from boldface.emphasis.markup import parse

    return parse(text)


def test_it_moves_the_answers(model, document):
    """What was emphasised in the document shows, in both modes; and the modes are two."""
    plain = model.read(TEXT)
    emphasised = emphasise(TEXT, "She wrote the first program.", strength=8.0)
    modes = [model.read(emphasised, heads=HEADS, questions=questions) for questions in ("steered", "plain")]
    answers = [one.ask("Tell me more of it.", max_new_tokens=24).ids for one in (plain, *modes)]
    assert len(set(answers)) == 3


@settings(max_examples=10)
@given(question=st.sampled_from(QUESTIONS[:-1]), start=st.integers(0, len(TEXT) - 9))
def test_plain_questions_are_the_plain_models(model, question, start):
    """Only the document is read steered: the same as doing so by hand, by the oracle, without any of this."""
    text = emphasise(TEXT, TEXT[start : start + 8], strength=6.0)
    document = model.read(text, heads=HEADS, questions="plain")
    got = document.ask(question, max_new_tokens=6)
    steering = Steering(document.snapshot.trace and _spans(document), HeadGains.from_layers(HEADS))
    assert got.steering.is_null
    assert got.cached == len(document.snapshot.trace)
    assert got.ids == alone(model, got.prompt.ids, got.cached, steering, len(got.ids))


def _spans(document):
    from boldface.emphasis.span import TokenSpan

    nats = document.snapshot.trace.nats
    return tuple(TokenSpan(index, index + 1, one) for index, one in enumerate(nats) if one)


@pytest.mark.parametrize("how", [{"rule": "flat"}, {"rule": "share", "share": 0.4}, {"scope": "answer"}])
def test_every_rule_and_scope(model, same, how):
    """Rules and scopes are the document's own, and hold for its questions."""
    heads = {0: [1, 2]}
    document = model.read(emphasise(TEXT, "Charles"), heads=heads, **how)
    got = document.ask("Who built?", max_new_tokens=6)
    assert got.steering.rule == how.get("rule", "pasta")
    assert same(got, document.recipe.prompt(EmphasisedText("Who built?"), steered=True), heads=heads, **how)
    assert got.cached > len(TEXT)
    if "scope" in how:
        assert document.snapshot.trace.plain == len(document.snapshot.trace)


def test_raw_text(model, same):
    """Base models are asked without a chat."""
    document = model.read(emphasise(TEXT, "Ada"), heads=HEADS, raw=True, between=" Question: ")
    got = document.ask("who?", max_new_tokens=4)
    assert got.prompt.text == f"{TEXT} Question: who?"
    assert same(got, document.recipe.prompt(EmphasisedText("who?"), steered=True), raw=True, heads=HEADS)


@pytest.mark.parametrize("questions", ["steered", "plain"])
def test_from_a_file_it_answers_the_same(model, document, tmp_path, questions):
    """A document that another process loads gives the answers of the one that was written, bit by bit."""
    shelf = Shelf(tmp_path)
    one = model.read(emphasise(TEXT, "Charles", strength=3.0), heads=HEADS, questions=questions, between=" ")
    entry = one.save(shelf, "ada")
    assert entry.about["emphasised"] == len("Charles")
    other = Document.load(Model(copy.deepcopy(model.model), model.tokenizer), shelf, "ada")
    assert other.recipe == one.recipe
    assert all(other.ask(word, max_new_tokens=9).ids == one.ask(word, max_new_tokens=9).ids for word in QUESTIONS[:3])


def test_another_model_is_refused(byte_llama, tmp_path):
    """A model whose weights changed, in memory or by file, gets none of it."""
    changed = Model(copy.deepcopy(byte_llama[0]), byte_llama[1])
    document, shelf = changed.read(TEXT), Shelf(tmp_path)
    document.save(shelf, "ada")
    with torch.no_grad():
        changed.model.lm_head.weight[5, 7] += 1e-3  # one number of one tensor
    with pytest.raises(CacheError, match="not what it was"):
        document.ask("Who?")
    with torch.no_grad():
        changed.model.model.layers[1].mlp.up_proj.weight.mul_(1.01)
    with pytest.raises(CacheError, match="another model"):
        Document.load(changed, shelf, "ada")
    with pytest.raises(MissingError):
        Document.load(changed, shelf, "charles")


def test_a_document_without_emphasis_takes_a_question_with_it(model, same):
    """Named when the question is asked, or when the document is read: the answer is that of the whole prompt."""
    question = emphasise("Who wrote the first one?", "Who wrote", strength=6.0)
    bare, named = model.read(TEXT), model.read(TEXT, heads=HEADS)
    prompt = bare.recipe.prompt(question, steered=True)
    plain = bare.ask(question.text, max_new_tokens=8)
    answers = [bare.ask(question, heads=HEADS, max_new_tokens=8), named.ask(question, max_new_tokens=8)]
    for got in answers:
        assert same(got, prompt, heads=HEADS)
        assert got.cached == plain.cached == len(bare.snapshot.trace)
    assert answers[0].ids == answers[1].ids != plain.ids
    again = Recipe.from_json(bare.recipe.to_json())
    assert (again, again.gains) == (bare.recipe, None)


def test_a_question_with_emphasis_is_refused_with_a_way_out(model, document):
    """Where no heads are known, where questions are plain, and where the document says how itself."""
    with pytest.raises(HeadError, match="heads must be named"):
        model.read(TEXT).ask("**Who?**")
    with pytest.raises(SpanError, match="read the document for steered questions"):
        model.read(TEXT, questions="plain").ask("**Who?**")
    with pytest.raises(SpanError, match="heads too"):
        document.ask("Who?", heads=HEADS)


@pytest.mark.parametrize("spans", [(), ("Ada",)])
def test_a_profile_keeps_its_strength(model, spans):
    """Also where the document has no emphasis yet: its questions have the strength of the profile, not another one."""
    profile = Profile("mine", "bytes", HeadGains.from_layers(HEADS), strength=2.5, scope="answer", rule="flat")
    document = model.read(emphasise(TEXT, *spans) if spans else TEXT, heads=profile)
    got = document.ask("**Who?**", max_new_tokens=2)
    assert {span.strength for span in got.steering.spans} == {2.5}
    assert (got.steering.scope, got.steering.rule) == ("answer", "flat")
    bare = model.read(TEXT).ask("**Who?**", heads=profile, max_new_tokens=2)
    assert (bare.steering.scope, bare.steering.rule, bare.steering.spans[0].strength) == ("answer", "flat", 2.5)


def test_plain_questions_need_the_document_as_it_was_read(model):
    """Behind another beginning its emphasis would be lost without a word; steered questions only read it anew."""
    for questions in ("plain", "steered"):
        document = model.read(emphasise(TEXT, "Ada", strength=3.0), heads=HEADS, questions=questions, raw=True)
        ids = document.snapshot.trace.ids
        other = trace((*ids[:1], ids[1] + 1, *ids[2:], 5), Steering())
        if questions == "plain":
            with pytest.raises(CacheError, match="no longer begins"):
                document.recall(other, len(ids), owner(model))
        else:
            assert document.recall(other, len(ids), owner(model))[1] <= 1


def test_what_contradicts_itself_is_refused(model, document):
    """Emphasised questions where they are plain, scope answer where answers are, and what is no document."""
    with pytest.raises(SpanError, match="steers nothing"):
        model.read(emphasise(TEXT, "Ada"), heads=HEADS, scope="answer", questions="plain")
    with pytest.raises(SpanError, match="are plain"):
        model.read(TEXT, questions="plain").ask("**Who?**")
    with pytest.raises(SpanError, match="Choose steered or plain"):
        model.read(TEXT, questions="neither")
    for said in (None, {}, {"text": "a", "spans": [[0]], "gains": []}, {**document.recipe.to_json(), "more": 1}):
        with pytest.raises(CacheError, match="no document"):
            Recipe.from_json(said)
    assert Recipe.from_json(document.recipe.to_json()) == document.recipe
