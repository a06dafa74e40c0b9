"""Sessions: whatever happens to the messages, an answer is that of a new conversation, and little is read for it."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import boldface
from boldface.emphasis.span import EmphasisedText
from boldface.engine.caches.blocks import BLOCK, Prefixes
from boldface.engine.caches.latest import NOTHING
from boldface.engine.model import Model
from boldface.errors import CacheError, ChatError, SpanError, UnsupportedModelError
from boldface.testing.models import tiny

HEADS = ({0: [1, 2]}, {0: {1: 1.0, 3: -0.5}, 1: {2: 1.0}})
WORDS = ("Say it in short.", "A cat and a dog.", "Who was Ada?", "no")
TURN = {"max_new_tokens": 6}


def depends(generation):
    """What every token of a turn depended on, as the prefix law says it, written out: prompt, then answer."""
    steering, ids = generation.steering, generation.prompt.ids
    is_share = steering.rule == "share"
    how = (is_share, tuple(steering.gains.items()))
    nats = [0.0] * len(ids)
    for span in steering.spans:
        nats[span.start : span.end] = [bool(span.strength) * steering.share if is_share else span.strength] * (
            span.end - span.start
        )
    if steering.is_null or steering.scope == "answer":
        nats = [0.0] * len(ids)
    rows, seen = [], None
    for token, strength in zip(ids, nats, strict=True):
        seen = how if strength else seen
        rows.append((token, strength, seen))
    lifted = steering.rule == "pasta" and max([0.0, *nats]) > 0 and max([0.0, *steering.gains.values()]) > 0
    if not steering.is_null and steering.scope == "answer":
        return rows[:-1]
    return rows if lifted else rows + [(token, 0.0, seen) for token in generation.ids[:-1]]


def shared(before, now):
    """How many tokens of a prompt need not be read."""
    pairs = enumerate(zip(before, now, strict=False))
    return next((index for index, (a, b) in pairs if a != b), min(len(before), len(now)))


class Conversations(RuleBasedStateMachine):
    """A session whose messages and emphasis are edited at will; every answer is compared with a new conversation's."""

    model: Model
    same = None

    @initialize(system=st.sampled_from([None, *WORDS]))
    def begin(self, system):
        """Begin with or without a system message."""
        self.session, self.before, self.moved = self.model.session(system=system, **TURN), [], False

    @rule(
        words=st.sampled_from(WORDS),
        bold=st.booleans(),
        heads=st.sampled_from(HEADS),
        scope=st.sampled_from(["all", "answer"]),
        kind=st.sampled_from(["pasta", "flat", "share"]),
        strength=st.sampled_from([1.0, 4.0, -2.0]),
    )
    def say(self, words, bold, heads, scope, kind, strength):
        """Say something, and have it answered by some method."""
        self.session.messages.append({"role": "user", "content": words, "spans": [{"start": 0, "end": 2}] * bold})
        self.ask(heads, scope, kind, strength)

    @precondition(lambda self: self.session.messages)
    @rule(data=st.data(), heads=st.sampled_from(HEADS), strength=st.sampled_from([1.0, 4.0]))
    def emphasise(self, data, heads, strength):
        """Emphasise a word of some message, and ask again."""
        index = data.draw(st.integers(0, len(self.session.messages) - 1))
        text = self.session.messages[index]["content"]
        words = data.draw(st.sampled_from([word for word in text.split() if word.isascii()] or [None]))
        if words:
            self.session.emphasise(words, message=index)
        self.ask(heads, "all", "pasta", strength)

    @precondition(lambda self: self.session.messages)
    @rule(data=st.data(), everywhere=st.booleans())
    def plain(self, data, everywhere):
        """Take the emphasis of one message away, or of all, and ask again."""
        self.session.plain(None if everywhere else data.draw(st.integers(0, len(self.session.messages) - 1)))
        self.ask(HEADS[0], "all", "pasta", 4.0)

    @precondition(lambda self: len(self.session.messages) > 1)
    @rule(data=st.data())
    def change_the_past(self, data):
        """Reword or drop an earlier message, and ask again."""
        index = data.draw(st.integers(0, len(self.session.messages) - 1))
        if data.draw(st.booleans()):
            del self.session.messages[index]
        else:
            self.session.messages[index] = {"role": self.session.messages[index]["role"], "content": "Well."}
        self.ask(HEADS[1], "all", "flat", 1.0)

    @rule()
    def forget(self):
        """Give the memory back."""
        self.session.forget()
        self.before = []

    def ask(self, heads, scope, kind, strength):
        """Have the messages answered, and compare."""
        how = {"heads": heads, "scope": scope, "rule": kind, "strength": strength}
        if kind == "share":
            how = {"heads": HEADS[0], "scope": scope, "rule": kind, "share": 0.4}
        messages = self.session.messages
        asked = copy.deepcopy(messages[:-1] if messages[-1]["role"] == "assistant" else messages)
        if not asked:
            return
        spans = [span for message in asked for span in message.get("spans", ())]
        if kind != "share" and not spans:
            how.pop("rule")
        generation = self.session.answer(**how)
        assert self.same(generation, asked, **how)
        assert messages[-1] == {"role": "assistant", "content": generation.text}
        now = depends(generation)
        assert generation.cached == min(shared(self.before, now), len(generation.prompt.ids) - 1)
        self.before = now
        assert self.session.tokens == len(now)


def test_ten_edits_of_a_conversation(model, same):
    """Whatever is edited, answers are those of a new conversation, and only what has to be is read."""
    machine = type("Machine", (Conversations,), {"model": model, "same": staticmethod(same)})
    run_state_machine_as_test(machine, settings=settings(max_examples=50, stateful_step_count=11, deadline=None))


def test_emphasis_moves_answers_and_back(model, same):
    """The same question, plain and emphasised in turn: other answers, each the same every time."""
    session = model.session(heads=HEADS[1], strength=8.0, max_new_tokens=20)
    first = session.say("Tell me of Ada, the first of all programmers. Be brief.")
    session.emphasise("Be brief.")
    bold = session.answer()
    assert bold.ids != first.ids
    assert bold.steering.spans
    at = bold.steering.spans[0].start
    assert bold.cached == at
    session.plain()
    again = session.answer()
    assert again.ids == first.ids
    assert again.cached == at
    assert same(bold, [{**session.messages[0], "spans": [{"substring": "Be brief."}]}], heads=HEADS[1], strength=8.0)


def test_answers_alone_can_be_steered_from_one_reading(model, same):
    """Scope answer: any emphasis of a prompt that was read takes all of it but its last token."""
    session, text = (
        model.session(heads=HEADS[0], scope="answer", max_new_tokens=8),
        "Ada wrote, Charles built. Who wrote?",
    )
    prompts = [boldface.emphasise(text, word, strength=6.0) for word in ("Ada", "Charles", "Who wrote?")]
    answers = [session.generate(prompt) for prompt in (EmphasisedText(text), *prompts)]
    assert [answer.cached for answer in answers] == [0, *[len(answers[0].prompt.ids) - 1] * 3]
    for prompt, answer in zip(prompts, answers[1:], strict=True):
        assert same(answer, prompt, heads=HEADS[0], scope="answer")
    assert len({answer.ids for answer in answers}) > 1


def test_sessions_share_what_they_have_read(model, same):
    """A session takes the beginning that another one has read, in whole blocks, and leaves its own there."""
    shared_by_all = Prefixes(2**24)
    one, two = (model.session(shared=shared_by_all, heads=HEADS[0], max_new_tokens=4) for _ in range(2))
    system = "You are **careful** and helpful, and you never say anything that is not so."
    one.messages.append({"role": "system", "content": system})
    two.messages.append({"role": "system", "content": system})
    assert one.say("Hello.").cached == 0
    second = two.say("How are you?")
    assert second.cached == len(f"<|system|>{system}\n".encode()) // BLOCK * BLOCK > 0
    assert same(second, two.messages[:-1], heads=HEADS[0])
    assert shared_by_all.hits == 1


def test_another_model_is_another_session(byte_llama):
    """When a weight changes, nothing that was read counts any more."""
    changed = Model(copy.deepcopy(byte_llama[0]), byte_llama[1])
    session = changed.session(**TURN)
    session.say("What is it that you do?")
    before = session.answer()
    assert before.cached
    with torch.no_grad():
        changed.model.model.layers[0].self_attn.q_proj.weight.mul_(1.5)
    after = session.answer()
    assert after.cached == 0
    assert after.ids == changed.generate(session.messages[:-1], **TURN).ids


def test_a_stream_goes_the_same_way(model):
    """Pieces of an answer are read from what was kept, and what a listener left early is kept too."""
    session = model.session(max_new_tokens=12)
    whole = session.generate(EmphasisedText("Once upon a time"))
    assert "".join(session.stream(EmphasisedText("Once upon a time"))) == whole.text
    pieces = session.stream(EmphasisedText("Once upon a night there was"), max_new_tokens=200)
    next(pieces)
    pieces.close()
    assert session.generate(EmphasisedText("Once upon a night there was")).cached > len("Once upon a")


def test_what_was_said_and_failed_is_unsaid(model):
    """A turn that cannot be answered leaves the conversation as it was."""
    session = model.session(heads=HEADS[0])
    session.say("Hello.", max_new_tokens=2)
    messages, tokens = copy.deepcopy(session.messages), session.tokens
    with pytest.raises(boldface.BoldfaceError):
        session.say("**Bold** words.", heads={99: [0]})
    assert (session.messages, session.tokens) == (messages, tokens)


def test_size_is_what_it_keeps(model):
    """Bytes are those of keys and values; a session that forgot keeps none."""
    session = model.session(**TURN)
    answer = session.generate(EmphasisedText("Hello there."))
    config = model.model.config
    token = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * 4
    assert session.size == token * session.tokens == token * (len(answer.prompt.ids) + len(answer.ids) - 1)
    session.forget()
    assert session.size == session.tokens == 0
    assert NOTHING.size == 0


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 2},
        {"num_return_sequences": 2, "do_sample": True},
        {"use_cache": False},
        {"cache_implementation": "static"},
        {"past_key_values": object()},
        {"prompt_lookup_num_tokens": 3},
    ],
)
def test_refused_with_a_reason(model, options):
    """What takes more than one cache, or none, is refused."""
    with pytest.raises(CacheError, match="Nothing can be reused"):
        model.session(**TURN).generate(EmphasisedText("Hello."), **options)


def test_refusals_of_the_session(model):
    """Batches, missing words and messages, empty conversations and models that cannot be cut are refused."""
    session = model.session(**TURN)
    with pytest.raises(CacheError, match="one prompt at a time"):
        session.generate(["a", "b"])
    with pytest.raises(ChatError, match="nothing to answer"):
        session.answer()
    with pytest.raises(ChatError, match="no message"):
        session.emphasise("x")
    session.say("Hello.")
    with pytest.raises(SpanError):
        session.emphasise("Goodbye")
    with pytest.raises(ChatError, match="no message 7"):
        session.plain(7)
    session.messages[0]["content"] = [{"type": "text", "text": "Hello."}]
    with pytest.raises(ChatError, match="not one text"):
        session.emphasise("Hello", message=0)
    hybrid = Model(tiny("qwen3_next"), model.tokenizer, chat=False)
    with pytest.raises(UnsupportedModelError, match="reused in part"):
        hybrid.session(**TURN).generate(EmphasisedText("Hello."))
