"""The scheduler: requests that run together get what they get alone, whoever comes, goes or fails beside them."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from boldface.emphasis.emphasise import emphasise
from boldface.emphasis.span import EmphasisedText, TokenSpan
from boldface.engine.batching import Scheduler
from boldface.engine.caches.shelf import Shelf
from boldface.engine.steer import prepare
from boldface.errors import (
    AlignmentError,
    BoldfaceError,
    ContextLengthError,
    HeadError,
    ModelBusyError,
    QueueFullError,
    RouteError,
    SamplingError,
    SpanError,
    StoppedError,
)
from boldface.profiles.heads import HeadGains

IDS = list(b"In the beginning was the word, and the word was bold.")
SPAN = TokenSpan(17, 25, 3.0)
EXPECTED = {}
"""What requests get alone: the same few are drawn again and again."""


@st.composite
def emphases(draw, length):
    """Spans of every kind, or none."""
    cuts = sorted(draw(st.sets(st.integers(0, length), min_size=2, max_size=4)))
    strengths = st.sampled_from([-2.0, 0.0, 1.0, 4.6])
    return tuple(TokenSpan(*pair, draw(strengths)) for pair in zip(cuts[::2], cuts[1::2], strict=False)) * draw(
        st.booleans()
    )


@st.composite
def arrivals(draw, request):
    """Requests that share beginnings, each with the tokens to wait for before it comes."""
    found = []
    for _ in range(draw(st.integers(2, 6))):
        ids = tuple(IDS[: draw(st.sampled_from([1, 7, 34, 40, len(IDS)]))]) + draw(st.sampled_from([(), (5, 9)]))
        options = {"scope": draw(st.sampled_from(["all", "answer"])), "rule": draw(st.sampled_from(["pasta", "flat"]))}
        spans = draw(emphases(len(ids)))
        found.append((request(ids, spans, max_tokens=draw(st.integers(1, 14)), **options), draw(st.integers(0, 4))))
    return found


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
@pytest.mark.parametrize("shape", [{"slots": 3, "chunk": 5}, {"slots": 8, "chunk": 64}], ids=["narrow", "wide"])
def test_together_as_alone(byte_model, tools, serve, shape, data):
    """Whatever comes beside it, and in whatever order, an answer is the one that its request gets alone."""
    wanted = data.draw(arrivals(tools.request))
    for one, _ in wanted:
        if repr(one) not in EXPECTED:
            EXPECTED[repr(one)] = tools.alone(one)
    scheduler = serve(**shape)
    heard = []
    for one, patience in wanted:
        reached = scheduler.state().tokens + patience
        while scheduler.state().tokens < reached and scheduler.state().running:
            time.sleep(0.0005)
        heard.append(tools.ask(scheduler, one))
    lasts = [one.last() for one in heard]
    scheduler.stop()
    assert [last.finish_reason for last in lasts] == ["length"] * len(wanted)
    for (one, _), answer in zip(wanted, heard, strict=True):
        assert tools.same(one, answer.ids, EXPECTED[repr(one)])
        assert answer.text == byte_model.tokenizer.decode(answer.ids, skip_special_tokens=True)


def test_long_beside_short(tools, serve):
    """Rows grow and shrink with whoever is there: one that joins a longer one, and outlives it, changes nothing."""
    long = tools.request(IDS * 24, [SPAN], max_tokens=30)
    short = [tools.request(IDS[:9], [TokenSpan(2, 5, 2.0)], max_tokens=90), tools.request(IDS, max_tokens=40)]
    scheduler = serve()
    heard = [tools.ask(scheduler, long)]
    heard[0].next()
    heard += [tools.ask(scheduler, one) for one in short]
    assert {one.last().finish_reason for one in heard} == {"length"}
    for wanted, answer in zip((long, *short), heard, strict=True):
        assert tools.same(wanted, answer.ids, tools.alone(wanted))


def test_steering_reaches_the_answers(byte_model, tools):
    """The law above would see it if nobody were steered: the sample answers differ from plain ones."""
    steered = tools.request(IDS, [SPAN])
    assert tools.alone(steered) != tools.alone(tools.request(IDS))


def test_prefixes_change_nothing(byte_model, tools, serve):
    """A prompt whose beginning is there already gets the same answer, up to the first emphasised token at most."""
    scheduler = serve()
    plain, late = tools.request(IDS), tools.request(IDS, [TokenSpan(40, 44, 3.0)])
    early, answer = tools.request(IDS, [SPAN]), tools.request(IDS, [SPAN], scope="answer")
    for wanted, cached in ((plain, 0), (plain, 32), (late, 32), (early, 0), (answer, 32)):
        heard = tools.ask(scheduler, wanted)
        assert heard.last().usage == (len(IDS), cached, 12)
        assert tools.same(wanted, heard.ids, tools.alone(wanted))
    assert scheduler.state().prefix_hits == 3


def test_steered_prefixes_are_shared_by_who_steers_alike(byte_model, tools, serve):
    """A steered beginning is taken under the same strengths and gains, by either rule of fixed nats, by no other."""
    scheduler, weaker = serve(), TokenSpan(SPAN.start, SPAN.end, SPAN.strength / 2)
    first, again = tools.request(IDS, [SPAN]), tools.request([*IDS[:-2], 7, 8], [SPAN])
    flat, weak = tools.request(IDS, [SPAN], rule="flat"), tools.request(IDS, [weaker])
    others = tools.request(IDS, [SPAN], gains=HeadGains([(0, 2)]))
    for wanted, cached in ((first, 0), (again, 32), (flat, 32), (weak, 0), (others, 0), (weak, 32), (first, 32)):
        heard = tools.ask(scheduler, wanted)
        assert heard.last().usage == (len(IDS), cached, 12)
        assert tools.same(wanted, heard.ids, tools.alone(wanted))


def test_documents_are_taken_from_files(byte_model, tools, serve, tmp_path):
    """A scheduler finds what was read into a file, steered; a file that is damaged since is not taken."""
    shelf, words = Shelf(tmp_path), "Ada wrote the first program, and Charles built most of the machine."
    gains = HeadGains({(0, 1): 1.0, (1, 2): 0.5})
    document = byte_model.read(emphasise(words, "Charles", strength=3.0), heads=gains, raw=True)
    path = document.save(shelf, "ada").path
    prompt = document.recipe.prompt(EmphasisedText("Who wrote?"), steered=True)
    prepared = prepare(byte_model.model, byte_model.tokenizer, [prompt], **document.recipe.how())
    wanted = tools.request(prepared.rows.prompts[0].ids, prepared.steerings[0].spans, gains=gains)
    known = len(words) // 32 * 32
    scheduler = serve(documents=shelf)
    heard = tools.ask(scheduler, wanted)
    assert heard.last().usage.cached_tokens == known > words.index("Charles")
    assert tools.same(wanted, heard.ids, tools.alone(wanted))
    scheduler.stop()
    other = byte_model.read(emphasise(words.upper(), "CHARLES", strength=3.0), heads=gains, raw=True)
    late = serve(documents=shelf)
    other.save(shelf, "ada")
    heard = tools.ask(late, wanted)
    assert heard.last().usage.cached_tokens == 0  # another text lies there now
    assert tools.same(wanted, heard.ids, tools.alone(wanted))
    late.stop()
    document.save(shelf, "ada")
    late = serve(documents=shelf)
    path.write_bytes(path.read_bytes()[:-1])
    heard = tools.ask(late, wanted)
    assert heard.last().usage.cached_tokens == 0
    assert tools.same(wanted, heard.ids, tools.alone(wanted))


def test_a_file_is_read_beside_the_batch(byte_model, tools, serve, tmp_path, monkeypatch):
    """Others go on writing and joining while a long file is read; who waits for it is answered from it, or ends."""
    shelf, words = Shelf(tmp_path), "Ada wrote the first program, and Charles built most of the machine."
    gains = HeadGains({(0, 1): 1.0, (1, 2): 0.5})
    document = byte_model.read(emphasise(words, "Charles", strength=3.0), heads=gains, raw=True)
    document.save(shelf, "ada")
    prompt = document.recipe.prompt(EmphasisedText("Who wrote?"), steered=True)
    prepared = prepare(byte_model.model, byte_model.tokenizer, [prompt], **document.recipe.how())
    wanted = tools.request(prepared.rows.prompts[0].ids, prepared.steerings[0].spans, gains=gains)
    scheduler, may_read, reading = serve(documents=shelf), threading.Event(), threading.Event()

    def slowly(self, name, owner, get=Shelf.get):
        reading.set()
        assert may_read.wait(60)
        return get(self, name, owner)

    monkeypatch.setattr(Shelf, "get", slowly)
    running = tools.ask(scheduler, tools.request(IDS, max_tokens=5000, ignore_eos=True))
    running.next()
    first = tools.ask(scheduler, wanted)
    assert reading.wait(60)
    second = tools.ask(scheduler, wanted)
    gone = tools.ask(scheduler, wanted)
    gone.ticket.cancel()
    assert gone.last().finish_reason == "cancelled"
    other = tools.ask(scheduler, tools.request(IDS))
    assert other.last().finish_reason == "length"
    before = len(running.ids)
    while len(running.ids) < before + 20:
        assert running.next().finish_reason is None
    assert scheduler.state().queued == 2
    running.ticket.cancel()
    running.last()
    may_read.set()
    for heard in (first, second):
        assert heard.last().usage.cached_tokens == len(words) // 32 * 32
        assert tools.same(wanted, heard.ids, tools.alone(wanted))


def test_a_scheduler_that_waits_for_a_file_can_be_stopped(byte_model, tools, serve, tmp_path, monkeypatch):
    """Draining waits for it, with nothing else to do; and then the request is answered."""
    shelf, words = Shelf(tmp_path), "Ada wrote the first program, and Charles built most of the machine."
    document = byte_model.read(words, raw=True)
    document.save(shelf, "ada")
    wanted = tools.request(document.snapshot.trace.ids, max_tokens=3)
    scheduler, began = serve(documents=shelf), threading.Event()

    def slowly(self, name, owner, get=Shelf.get):
        began.set()
        time.sleep(0.3)
        return get(self, name, owner)

    monkeypatch.setattr(Shelf, "get", slowly)
    heard = tools.ask(scheduler, wanted)
    assert began.wait(60)
    scheduler.stop()
    assert heard.last().usage.cached_tokens > 0


def test_the_last_piece_tells_all(byte_model, tools, serve):
    """Usage, routes, masses and times are those of the answer; a plain answer has no routes and no mass."""
    heard = tools.ask(scheduler := serve(), tools.request(IDS, [SPAN], measure=True))
    last = heard.last()
    assert set(last.routes) == {0, 1}
    assert all("split" in routes and "fused" in routes for routes in last.routes.values())
    assert 0 < last.mass.before < last.mass.after < 1
    assert 0 <= last.timings.queued <= last.timings.first_token <= last.timings.total
    plain = tools.ask(scheduler, tools.request(IDS, measure=True)).last()
    assert (plain.routes, plain.mass) == ({}, None)
    load = scheduler.state()
    assert (load.running, load.queued, load.tokens, load.steps) == (0, 0, 24, 22)
    assert load.batches == {1: 22}


def test_mass_is_that_of_the_attention(byte_model, tools, serve):
    """The reported masses are the mean over the steered heads of what the weights of an eager model say."""
    wanted = tools.request(IDS, [SPAN], gains=HeadGains({(0, 1): 1.0, (0, 3): 1.0}), measure=True)
    mass = tools.ask(serve(), wanted).last().mass
    twin = type(byte_model.model)(byte_model.model.config).eval()
    twin.load_state_dict(byte_model.model.state_dict())
    twin.set_attn_implementation("eager")
    with torch.no_grad():
        weights = twin(torch.tensor([IDS]), output_attentions=True).attentions[0][0, [1, 3], -1]
    before = weights[:, SPAN.start : SPAN.end].sum(-1)
    after = before * 20.0855369 / (before * 20.0855369 + 1 - before)
    assert mass == pytest.approx((float(before.mean()), float(after.mean())), rel=1e-4)


def test_a_cancelled_request_frees_its_place(tools, serve):
    """Whoever leaves is gone at the next step, and the one who waited runs."""
    scheduler = serve(slots=1)
    first = tools.ask(scheduler, tools.request(IDS, max_tokens=4000))
    second = tools.ask(scheduler, tools.request(IDS, max_tokens=2))
    first.next()
    assert (scheduler.state().running, scheduler.state().queued) == (1, 1)
    first.ticket.cancel()
    assert first.last().finish_reason == "cancelled"
    assert second.last().finish_reason == "length"
    assert len(first.ids) < 4000


def test_time_runs_out(tools, serve):
    """A deadline ends an answer that runs, and one that waits, where it stands."""
    scheduler = serve(slots=1)
    running = tools.ask(scheduler, tools.request(IDS, max_tokens=4000, deadline=time.monotonic() + 0.2))
    waiting = tools.ask(scheduler, tools.request(IDS, max_tokens=2, deadline=time.monotonic() + 0.1))
    assert waiting.last().finish_reason == "timeout"
    assert waiting.ids == ()
    last = running.last()
    assert last.finish_reason == "timeout"
    assert 0 < last.usage.answer_tokens < 4000


def test_as_many_as_may_wait(tools, serve):
    """Requests beyond the places and the queue are refused; the others are answered."""
    scheduler = serve(slots=2, queue=1)
    held = [tools.ask(scheduler, tools.request(IDS, max_tokens=4000)) for _ in range(3)]
    with pytest.raises(QueueFullError) as error:
        tools.ask(scheduler, tools.request(IDS))
    assert error.value.retry_after >= 1
    for one in held:
        one.ticket.cancel()
    assert {one.last().finish_reason for one in held} == {"cancelled"}


def test_wide_rows_wait_for_room(tools, serve):
    """Rows times the widest never exceed the capacity; what would is kept waiting, and answered."""
    scheduler = serve(capacity_tokens=300)
    heard = [tools.ask(scheduler, tools.request(IDS, max_tokens=n)) for n in (40, 40, 200, 40)]
    most = 0
    while any(one.pieces.empty() for one in heard) or scheduler.state().running:
        most = max(most, scheduler.state().kv_tokens)
        time.sleep(0.001)
    assert [one.last().usage.answer_tokens for one in heard] == [40, 40, 200, 40]
    assert most <= 300


@pytest.mark.parametrize("drain", [True, False])
def test_stopping(byte_model, tools, serve, drain):
    """Stopping finishes what is here, or cancels it; afterwards the model is everybody's again."""
    scheduler = serve(slots=1)
    with pytest.raises(ModelBusyError):
        byte_model.generate("Hi", raw=True, heads="L0H0")
    heard = [tools.ask(scheduler, tools.request(IDS, max_tokens=60)) for _ in range(2)]
    heard[0].next()
    scheduler.stop(drain=drain)
    wanted = {"length"} if drain else {"cancelled"}
    assert {one.last().finish_reason for one in heard} == wanted
    with pytest.raises(StoppedError):
        tools.ask(scheduler, tools.request(IDS))
    assert {id(module.config) for module in byte_model.model.modules() if hasattr(module, "config")} == {
        id(byte_model.model.config)
    }
    byte_model.generate("Hi", raw=True, heads="L0H0", max_new_tokens=2)


def test_draining_takes_no_longer_than_allowed(tools, serve):
    """What has not ended when the time is up is cancelled."""
    scheduler = serve()
    heard = tools.ask(scheduler, tools.request(IDS, max_tokens=8000))
    heard.next()
    began = time.monotonic()
    scheduler.stop(timeout=0.2)
    assert time.monotonic() - began < 5
    assert heard.last().finish_reason == "cancelled"


def test_a_listener_that_fails_ends_its_own_answer(byte_model, tools, serve):
    """The others never notice."""
    scheduler, told = serve(), []

    def fail(piece):
        told.append(piece)
        raise RuntimeError("I do not listen")

    scheduler.submit(tools.request(IDS, max_tokens=50), fail)
    other = tools.request(IDS, [SPAN])
    heard = tools.ask(scheduler, other)
    assert heard.last().finish_reason == "length"
    assert tools.same(other, heard.ids, tools.alone(other))
    assert len(told) == 1


def test_a_failing_model_ends_the_batch_and_no_more(byte_model, tools, serve):
    """Whoever was in the batch hears of it; whoever comes later is answered."""
    scheduler = serve()
    heard = [tools.ask(scheduler, tools.request(IDS, max_tokens=4000)) for _ in range(2)]
    heard[0].next(), heard[1].next()

    def break_(module, args):
        if args[0].shape[0] == 2:
            raise MemoryError("no room")

    hook = byte_model.model.lm_head.register_forward_pre_hook(break_)
    lasts = [one.last() for one in heard]
    hook.remove()
    assert [last.finish_reason for last in lasts] == ["error", "error"]
    assert all(isinstance(last.error, MemoryError) for last in lasts)
    wanted = tools.request(IDS, [SPAN])
    later = tools.ask(scheduler, wanted)
    assert later.last().finish_reason == "length"
    assert tools.same(wanted, later.ids, tools.alone(wanted))


def test_a_prompt_that_fails_ends_alone(byte_model, tools, serve):
    """While one prompt cannot be read, the batch goes on."""
    scheduler = serve()
    wanted = tools.request(IDS, [SPAN], max_tokens=200)
    runs = tools.ask(scheduler, wanted)
    runs.next()

    def break_(module, args):
        if args[0].shape[1] > 1:
            raise MemoryError("no room")

    hook = byte_model.model.model.embed_tokens.register_forward_pre_hook(break_)
    failed = tools.ask(scheduler, tools.request(list(reversed(IDS)))).last()
    hook.remove()
    assert failed.finish_reason == "error"
    assert runs.last().finish_reason == "length"
    assert tools.same(wanted, runs.ids, tools.alone(wanted))


def test_calls_run_between_steps_with_the_model_as_it_is(byte_model, tools, serve):
    """A call has the model to itself, steered as it likes; the answers beside it do not change."""
    expected = byte_model.generate("Now **this**", raw=True, heads="L0H1", max_new_tokens=5).ids
    scheduler = serve()
    wanted = tools.request(IDS, [SPAN], max_tokens=100)
    heard = tools.ask(scheduler, wanted)
    heard.next()
    call = scheduler.call(lambda m: m.generate("Now **this**", raw=True, heads="L0H1", max_new_tokens=5).ids)
    assert call.result(timeout=60) == expected
    with pytest.raises(ZeroDivisionError):
        scheduler.call(lambda m: 1 // 0).result(timeout=60)
    assert heard.last().finish_reason == "length"
    assert tools.same(wanted, heard.ids, tools.alone(wanted))


def test_many_calls_do_not_stop_the_answers(tools, serve):
    """Between two calls the batch takes a step, however many wait."""
    scheduler = serve()
    heard = tools.ask(scheduler, tools.request(IDS, max_tokens=2000))
    heard.next()
    held, steps = threading.Event(), []
    calls = [scheduler.call(lambda _: held.wait(60))]
    calls += [scheduler.call(lambda _: steps.append(scheduler.state().steps)) for _ in range(5)]
    held.set()
    for call in calls:
        call.result(timeout=60)
    assert sorted(set(steps)) == steps
    heard.ticket.cancel()


def test_stopping_answers_the_calls_that_wait(serve):
    """They hear that it is over, also beside one that was given up."""
    scheduler, begun, held = serve(), threading.Event(), threading.Event()
    running = scheduler.call(lambda _: (begun.set(), held.wait(60)))
    assert begun.wait(60)
    given_up, waiting = (scheduler.call(lambda _: 1) for _ in range(2))
    assert given_up.cancel()
    stopping = threading.Thread(target=scheduler.stop, kwargs={"drain": False})
    stopping.start()
    while scheduler.is_open:
        time.sleep(0.01)
    held.set()
    assert running.result(timeout=60)
    with pytest.raises(StoppedError):
        waiting.result(timeout=60)
    stopping.join(60)
    assert not stopping.is_alive()


def test_tokens_that_cannot_be_spelled_end_their_answer_alone(byte_model, tools, serve, monkeypatch):
    """A tokenizer that fails at a token ends the answer with that token, and nobody else's."""
    decode, scheduler = byte_model.tokenizer.decode, serve()

    def fail(ids, **options):
        if ids and set(ids) == {7}:
            raise KeyError(7)
        return decode(ids, **options)

    monkeypatch.setattr(byte_model.tokenizer, "decode", fail)
    failed = tools.ask(scheduler, tools.request(IDS, max_tokens=5, logit_bias={7: 1000.0})).last()
    assert (failed.finish_reason, type(failed.error)) == ("error", KeyError)
    wanted = tools.request(IDS)
    heard = tools.ask(scheduler, wanted)
    assert heard.last().finish_reason == "length"
    assert tools.same(wanted, heard.ids, tools.alone(wanted))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"ids": []}, AlignmentError),
        ({"max_tokens": 8192}, ContextLengthError),
        ({"spans": [TokenSpan(50, 60, 1.0)]}, SpanError),
        ({"spans": [SPAN], "gains": HeadGains({(2, 0): 1.0})}, HeadError),
        ({"spans": [SPAN], "rule": "share", "gains": HeadGains({(0, 0): 1.0})}, RouteError),
        ({"logit_bias": {10**6: 1.0}}, SamplingError),
    ],
    ids=lambda value: "" if isinstance(value, dict) else value.__name__,
)
def test_what_cannot_be_done_is_refused_at_once(byte_model, tools, serve, change, error):
    """Nothing has run when the refusal comes, and it says what to do."""
    scheduler = serve()
    with pytest.raises(error) as refusal:
        tools.ask(scheduler, tools.request(**({"ids": IDS} | change)))
    assert isinstance(refusal.value, BoldfaceError)
    assert refusal.value.hint
    assert scheduler.state().tokens == 0


def test_many_threads_may_submit(byte_model, tools, serve):
    """Submitting and cancelling from many threads at once loses no answer."""
    scheduler, heard = serve(slots=4, queue=1000), []

    def several(number):
        for index in range(5):
            one = tools.ask(scheduler, tools.request(IDS[: 5 + number], max_tokens=5 + index))
            heard.append(one)
            if index % 2:
                one.ticket.cancel()

    threads = [threading.Thread(target=several, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.last().finish_reason for one in heard} <= {"length", "cancelled"}
    assert len(heard) == 40
    assert all(one.pieces.empty() for one in heard)


def test_a_model_that_is_steered_is_not_taken(byte_model):
    """Starting beside somebody else's steering is an error, and leaves it as it was."""
    with byte_model.steer("Now **this**", heads="L0H1"), pytest.raises(ModelBusyError):
        Scheduler(byte_model).start()
    assert replace(Scheduler(byte_model).state(), batches={}).running == 0
