"""A byte model behind a scheduler, listeners, and the answers that requests get alone."""

from __future__ import annotations

import copy
import queue
from functools import partial
from types import SimpleNamespace

import pytest
import torch

from boldface.attention import materialised
from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.attention.watch import last_query
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.batching import Request, Sampling, Scheduler
from boldface.engine.model import Model
from boldface.profiles.heads import HeadGains
from boldface.steering.levels import Levels
from boldface.steering.plan import Steering, build_plan
from boldface.steering.release import Released

GAINS = HeadGains({(0, 1): 1.0, (1, 2): 0.5, (1, 3): -1.0, (0, 0): 0.3})
TIE = 1e-3
"""Two logits of the byte model that are closer may change places when sums are taken in another order."""


class Heard:
    """Listens to one answer."""

    def __init__(self):
        self.pieces, self.text, self.ids, self.tokens = queue.SimpleQueue(), "", (), ()

    def next(self):
        """Wait for the next piece."""
        piece = self.pieces.get(timeout=60)
        self.text += piece.text
        self.ids += piece.ids
        self.tokens += piece.tokens
        return piece

    def last(self):
        """Wait for the last piece."""
        while (piece := self.next()).finish_reason is None:
            pass
        return piece


def request(
    ids, spans=(), *, gains=GAINS, scope="all", rule="pasta", deadline=None, measure=False, max_tokens=12, **sampling
):
    """A request for the answer to some tokens."""
    prompt = EncodedPrompt("", tuple(ids), (), tuple(spans), (), (), ())
    share = 0.5 if rule == "share" else None
    steering = Steering(tuple(spans), gains if spans else HeadGains(), scope, rule, share)
    return Request(prompt, steering, Sampling(max_tokens=max_tokens, **sampling), deadline, measure)


def ask(scheduler, wanted):
    """Submit a request and listen."""
    heard = Heard()
    heard.ticket = scheduler.submit(wanted, heard.pieces.put)
    return heard


def read(model, wanted, ids=()):
    """Logits of every place of an answer by one plain forward, attached the ordinary way: (places, vocabulary)."""
    prompt = list(wanted.prompt.ids)
    whole = torch.tensor([prompt + list(ids)])
    with torch.no_grad():
        if wanted.steering.is_null:
            return model.model(whole, use_cache=False).logits[0, len(prompt) - 1 :].float()
        plan = build_plan([wanted.steering], [len(prompt)], geometry(model.model).heads)
        with Attachment(model.model, plan):
            return model.model(whole, use_cache=False).logits[0, len(prompt) - 1 :].float()


def alone(model, wanted):
    """The greedy answer to a request by itself, one whole forward a token."""
    ids = []
    while len(ids) < wanted.sampling.max_tokens:
        ids.append(int(read(model, wanted, ids)[-1].argmax()))
    return tuple(ids)


def same(model, wanted, got, expected, tie=TIE):
    """Whether an answer is the expected one, but for what follows a tie."""
    place = next((i for i, (a, b) in enumerate(zip(got, expected, strict=False)) if a != b), None)
    if place is None:
        return len(got) == len(expected)
    best = read(model, wanted, expected[:place])[-1].topk(2).values
    return bool(best[0] - best[1] < tie)


def minding(model, wanted):
    """The greedy answer to a released request, by the oracle in one whole forward a token.

    Masses are read from the probabilities, and the levels that follow from them are given to the next forward.

    Returns:
        The tokens, the level of the query that reads each, and the mass that each such query but the last found.
    """
    prompt, ids = list(wanted.prompt.ids), []
    levels, found, released = [], [], Released(wanted.steering.release)
    plan = build_plan([wanted.steering], [len(prompt)], geometry(model.model).heads)
    while len(ids) < wanted.sampling.max_tokens:
        masses = []

        def watch(call, masses=masses):
            weights = materialised.weights(last_query(call), steered=False)[0, :, 0]
            emphasised = (plan.nats[0] > 0).nonzero().flatten()
            masses.append(weights[plan.gains[call.layer][0] > 0][:, emphasised].sum(-1))

        fixed = Levels([1.0])
        fixed.enter = lambda *_: None
        fixed.current = torch.tensor([[1.0] * len(prompt) + levels])
        whole = torch.tensor([prompt + ids])
        with torch.no_grad(), Attachment(model.model, plan, route="reference", watch=watch, levels=fixed):
            logits = model.model(whole, use_cache=False).logits[0, -1]
        if ids:
            found.append(float(torch.cat(masses).mean()))
            levels.append(released.take(found[-1]))
        else:
            levels.append(1.0)
        ids.append(int(logits.argmax()))
    return tuple(ids), levels, found


@pytest.fixture(scope="session")
def byte_model(byte_llama):
    """The byte model."""
    return Model(*byte_llama)


@pytest.fixture(scope="session")
def tools(byte_llama):
    """What the tests of this folder share; ``read``, ``alone`` and ``same`` run a twin of the byte model."""
    twin = Model(copy.deepcopy(byte_llama[0]), byte_llama[1])
    return SimpleNamespace(
        request=request,
        ask=ask,
        read=partial(read, twin),
        alone=partial(alone, twin),
        same=partial(same, twin),
        of=SimpleNamespace(read=read, alone=alone, same=same, minding=minding),
    )


@pytest.fixture
def serve(byte_model):
    """Starts a scheduler of the byte model, and stops it after the test."""
    started = []

    def start(**settings):
        scheduler = Scheduler(byte_model, **settings)
        scheduler.start()
        started.append(scheduler)
        return scheduler

    yield start
    for scheduler in started:
        scheduler.stop(drain=False)
