"""A model that vLLM runs answers as the same model does that transformers runs."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import boldface
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.batching import Piece, Request, Sampling, Scheduler
from boldface.engine.prompt_scores import prompt_scores
from boldface.engine.scoring import continuation_logprobs
from boldface.engine.steer import lay_out
from boldface.errors import (
    BoldfaceError,
    ContextLengthError,
    QueueFullError,
    RequestError,
    RouteError,
    StoppedError,
)
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering

pytestmark = [pytest.mark.vllm, pytest.mark.timeout(600)]

OPTIONS = {"enforce_eager": True, "max_model_len": 512}
TOLERANCE = 1e-4
PROMPTS = [
    "The cat **sat** on the mat and looked at the moon.",
    "One two three four, **five six** seven [eight]{x=0.2} nine.",
    "Nothing is marked in this one.",
    "**All of it is.**",
    "A long beginning, " * 12 + "and then **the end**.",
]
HEADS = ["L0H1, L1H0=0.5, L1H3=-0.5", "L0H0, L0H1, L0H2, L0H3", "L1H2", "L1H2=1.5", "L0H3=-1, L1H1"]


@pytest.fixture(scope="module")
def here(wide_folder: Any) -> Any:
    """The model as transformers runs it."""
    return boldface.load(str(wide_folder))


@pytest.fixture(scope="module")
def there(wide_folder: Any) -> Iterator[Any]:
    """The model as vLLM runs it."""
    model = boldface.load(str(wide_folder), engine="vllm", engine_options=OPTIONS)
    try:
        yield model
    finally:
        model.close()


@pytest.mark.parametrize("how", [{}, {"scope": "answer"}, {"rule": "flat"}, {"strength": 6.0}], ids=str)
def test_a_mixed_batch_gives_the_tokens_of_the_other_engine(here: Any, there: Any, how: dict[str, Any]) -> None:
    """Every prompt with its own heads, strengths and spans, all at once; and the emphasis did something."""
    said: dict[str, Any] = {"max_new_tokens": 12, "raw": True, **how}

    found = there.generate(PROMPTS, heads=HEADS, **said)

    alone = [here.generate(prompt, heads=heads, **said) for prompt, heads in zip(PROMPTS, HEADS, strict=True)]
    assert [one.ids for one in found] == [one.ids for one in alone]
    assert [one.text for one in found] == [one.text for one in alone]
    assert [one.steering for one in found] == [one.steering for one in alone]
    plain = there.generate(PROMPTS, heads=HEADS, **{**said, "strength": 0.0})
    assert sum(one.ids != other.ids for one, other in zip(found, plain, strict=True)) >= 2


def test_the_scores_of_a_prompt_are_those_of_the_other_engine(here: Any, there: Any) -> None:
    """Steered, and apart from the unsteered ones."""
    prompt, steering = _steered(here, PROMPTS[1], HEADS[1])

    found = there.engine.scores(prompt.ids, steering, 2).result()

    wanted = prompt_scores(here, prompt, steering, 2)
    plain = there.engine.scores(prompt.ids, Steering(), 2).result()
    assert [one.id for one in found] == list(prompt.ids)
    assert math.isnan(found[0].logprob)
    assert _apart(found, wanted) < TOLERANCE
    assert _apart(found, plain) > 100 * TOLERANCE
    assert [[token for token, _, _ in one.best] for one in found] == [
        [token for token, _, _ in one.best] for one in wanted
    ]


def test_the_likelihood_of_named_tokens_is_that_of_the_other_engine(here: Any, there: Any) -> None:
    """Asked for by more names than vLLM takes at once."""
    prompt, steering = _steered(here, PROMPTS[0], HEADS[0])
    tokens = [*range(200), 7]

    found = there.engine.logprobs(prompt.ids, steering, tokens).result()

    prepared = lay_out(here.model, here.tokenizer, [prompt], [steering])
    (wanted,) = continuation_logprobs(here, prepared, [()])
    assert torch.tensor(found) == pytest.approx(wanted[0, tokens], abs=TOLERANCE)


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(max_tokens=24, stop=("e", "zz")),
        Sampling(max_tokens=16, logprobs=3),
        Sampling(max_tokens=16, logit_bias={70: 40.0, 71: -100.0}, min_tokens=4),
        Sampling(max_tokens=16, presence_penalty=1.5, frequency_penalty=0.5, ignore_eos=True),
    ],
    ids=["stop", "scores", "biases", "penalties"],
)
def test_an_answer_is_told_as_by_our_own_scheduler(here: Any, there: Any, sampling: Sampling, pieces_of: Any) -> None:
    """The same text, tokens, end and scores."""
    prompt, steering = _steered(here, PROMPTS[0], HEADS[0])
    request = Request(prompt, steering, sampling)
    scheduler = Scheduler(here, slots=2)
    scheduler.start()
    try:
        wanted = pieces_of(scheduler, request)
    finally:
        scheduler.stop()

    found = pieces_of(there.engine, request)

    assert "".join(one.text for one in found) == "".join(one.text for one in wanted)
    assert found[-1].finish_reason == wanted[-1].finish_reason
    assert [token for one in found for token in one.ids] == [token for one in wanted for token in one.ids]
    scores, others = ([score for one in told for score in one.tokens] for told in (found, wanted))
    assert [one.id for one in scores] == [one.id for one in others]
    assert [one.logprob for one in scores] == pytest.approx([one.logprob for one in others], abs=TOLERANCE)
    assert [[token for token, _, _ in one.best] for one in scores] == [
        [token for token, _, _ in one.best] for one in others
    ]
    assert found[-1].usage is not None and found[-1].usage.prompt_tokens == len(prompt.ids)


def test_draws_with_a_seed_can_be_repeated(there: Any) -> None:
    """And another seed draws other words."""
    said = {"heads": HEADS[0], "do_sample": True, "temperature": 1.0, "max_new_tokens": 24, "raw": True}
    one, same, other = (there.generate(PROMPTS[0], seed=seed, **said).ids for seed in (5, 5, 6))
    assert one == same != other


def test_a_stream_gives_the_whole_answer_piece_by_piece(there: Any) -> None:
    """And leaving it early ends the request."""
    said = {"heads": HEADS[0], "max_new_tokens": 30, "raw": True}
    pieces = list(there.stream(PROMPTS[0], **said))
    assert "".join(pieces) == there.generate(PROMPTS[0], **said).text

    leaving = there.stream(PROMPTS[0], **{**said, "max_new_tokens": 400})
    next(leaving)
    leaving.close()
    _wait(lambda: there.engine.state().running == 0)


def test_who_cancels_or_is_late_frees_the_place(here: Any, there: Any, pieces_of: Any) -> None:
    """With the reason as the end of the answer, and the engine free again."""
    prompt, steering = _steered(here, PROMPTS[0], HEADS[0])
    sampling = Sampling(max_tokens=450, ignore_eos=True)
    began, ended = threading.Event(), threading.Event()
    told: list[Piece] = []

    def hear(piece: Piece) -> None:
        told.append(piece)
        began.set()
        if piece.finish_reason is not None:
            ended.set()

    ticket = there.engine.submit(Request(prompt, steering, sampling), hear)
    assert began.wait(60)
    ticket.cancel()
    ticket.cancel()
    assert ended.wait(60)
    assert told[-1].finish_reason == "cancelled"

    late = pieces_of(there.engine, Request(prompt, steering, sampling, deadline=time.monotonic() + 0.2))
    assert late[-1].finish_reason == "timeout"
    _wait(lambda: there.engine.state().running == 0)


def test_a_listener_that_fails_harms_nobody(here: Any, there: Any, pieces_of: Any) -> None:
    """Its answer ends, and the next one comes."""

    def fail(piece: Piece) -> None:
        raise RuntimeError("deaf")

    prompt, steering = _steered(here, PROMPTS[0], HEADS[0])
    request = Request(prompt, steering, Sampling(max_tokens=400, ignore_eos=True))
    there.engine.submit(request, fail)
    assert pieces_of(there.engine, Request(prompt, steering, Sampling(max_tokens=3)))[-1].finish_reason is not None
    _wait(lambda: there.engine.state().running == 0)


def test_a_full_queue_is_refused(here: Any, there: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is not run, those before it are."""
    engine = there.engine
    monkeypatch.setattr(engine, "slots", 1)
    monkeypatch.setattr(engine, "most_queued", 1)
    prompt, steering = _steered(here, PROMPTS[0], HEADS[0])
    request = Request(prompt, steering, Sampling(max_tokens=200, ignore_eos=True))
    tickets = [engine.submit(request, lambda piece: None) for _ in range(2)]
    with pytest.raises(QueueFullError):
        engine.submit(request, lambda piece: None)
    for ticket in tickets:
        ticket.cancel()
    _wait(lambda: engine.state().running == 0)


def test_who_hears_the_end_holds_no_place(here: Any, there: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The listener may ask again while it is told."""
    engine = there.engine
    monkeypatch.setattr(engine, "slots", 1)
    monkeypatch.setattr(engine, "most_queued", 0)
    prompt, steering = _steered(here, PROMPTS[0], HEADS[0])
    request = Request(prompt, steering, Sampling(max_tokens=2, ignore_eos=True))
    ends: list[Any] = []
    both = threading.Event()

    def ask_again(piece: Piece) -> None:
        if piece.finish_reason is not None:
            ends.append(piece.finish_reason)
            if len(ends) == 2:
                both.set()
            else:
                engine.submit(request, ask_again)

    engine.submit(request, ask_again)
    assert both.wait(60)
    assert ends == ["length", "length"]
    _wait(lambda: engine.state().running == 0)


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ({"route": "sdpa"}, RouteError),
        ({"rule": "share", "share": 0.3, "heads": None}, RouteError),
        ({"max_new_tokens": 511}, ContextLengthError),
        ({"num_beams": 2}, BoldfaceError),
        ({"heads": "L7H0"}, BoldfaceError),
        ({"memory": object()}, BoldfaceError),
    ],
    ids=["route", "share", "too long", "beams", "no such layer", "memory"],
)
def test_what_cannot_be_is_refused_and_the_engine_goes_on(there: Any, how: dict[str, Any], error: Any) -> None:
    """By name, before anything runs."""
    with pytest.raises(error):
        there.generate(PROMPTS[0], **{"heads": HEADS[0], "raw": True, "max_new_tokens": 4, **how})
    assert there.generate(PROMPTS[0], heads=HEADS[0], raw=True, max_new_tokens=2).ids


def test_what_slips_past_our_checks_is_refused_by_vllm_and_not_in_a_worker(there: Any, pieces_of: Any) -> None:
    """A token beyond the vocabulary; the engine goes on."""
    prompt = EncodedPrompt("", (10**6, 5), (), (), (), (), ())
    told = pieces_of(there.engine, Request(prompt, Steering(), Sampling(max_tokens=2)))
    assert told[-1].finish_reason == "error"
    assert isinstance(told[-1].error, RequestError)
    assert there.engine.is_open
    assert there.generate("still here", raw=True, max_new_tokens=2).ids


def test_this_process_does_not_run_the_model(there: Any) -> None:
    """What would is refused."""
    with pytest.raises(BoldfaceError, match="vLLM runs this model"), there.steer("**a** b"):
        pass
    with pytest.raises(BoldfaceError, match="vLLM runs this model"), there.alone():
        pass


def _steered(model: Any, text: str, heads: str) -> tuple[EncodedPrompt, Steering]:
    prompt = model.encode(text, raw=True, strength=4.0)
    return prompt, Steering(prompt.spans, HeadGains.parse(heads))


def _apart(some: Any, others: Any) -> float:
    return max(abs(one.logprob - other.logprob) for one, other in zip(some[1:], others[1:], strict=True))


def _wait(is_so: Any) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError("it never was so")


def test_an_engine_that_dies_says_so(here: Any, there: Any) -> None:
    """The last test here: what runs ends with an error, and nothing is taken any more."""
    engine = there.engine
    prompt, steering = _steered(here, PROMPTS[0], HEADS[0])
    request = Request(prompt, steering, Sampling(max_tokens=450, ignore_eos=True))
    told: list[Piece] = []
    began, over = threading.Event(), threading.Event()

    def hear(piece: Piece) -> None:
        told.append(piece)
        began.set()
        if piece.finish_reason is not None:
            over.set()

    engine.submit(request, hear)
    assert began.wait(60)
    for process in engine._llm.engine_core.resources.engine_manager.processes:
        process.kill()

    assert over.wait(60)
    assert told[-1].finish_reason == "error"
    assert isinstance(told[-1].error, StoppedError)
    _wait(lambda: not engine.is_open)
    with pytest.raises(StoppedError):
        engine.submit(request, hear)
    with pytest.raises(StoppedError):
        engine.scores(prompt.ids, steering, 0)
