"""The share of attention on the emphasis is measured however a prompt is cut into chunks."""

from __future__ import annotations

import pytest

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.batching import Request, Sampling, Scheduler
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering

GAINS = HeadGains({(0, 1): 1.0, (1, 0): 0.5, (1, 3): -0.5})
TEXT = EmphasisedText("Mary is a nurse. Answer as JSON.", (CharSpan(17, 32, 2.0),))


@pytest.mark.parametrize("chunk", [1, 2, 3, 5, 31, 32])
def test_mass_does_not_depend_on_the_chunks(byte_llama, pieces_of, chunk):
    """Also where a chunk of one token stands before the last token, which could take the way of decoding."""
    model = boldface.Model(*byte_llama, chat=False)
    prompt = model.encode(TEXT, heads=GAINS)
    request = Request(prompt, Steering(prompt.spans, GAINS), Sampling(2), measure=True)
    masses = []
    for size in (chunk, 256):
        # Nothing is kept between the two, and other requests leave this one a chunk of its own size.
        scheduler = Scheduler(model, slots=2, prefix_bytes=0, chunk=size)
        scheduler.start()
        try:
            beside = Request(prompt, Steering(), Sampling(200, ignore_eos=True))
            ticket = scheduler.submit(beside, lambda piece: None)
            last = pieces_of(scheduler, request)[-1]
            ticket.cancel()
        finally:
            scheduler.stop(drain=False)
        assert last.finish_reason == "length" and last.mass is not None, last.error
        masses.append(last.mass)
    assert masses[0] == pytest.approx(masses[1], rel=1e-4)
