"""What vLLM's prefix cache has to know beside the tokens of a block: how the keys and values in it were steered.

Blocks that end before the first emphasised token are the plain model's (prefix law), and are shared with everybody.
What a later block holds follows from the gains, from the nats up to its end, from the first steered query, and, where
it holds generated tokens that are lifted, from where these begin and by how much. Nothing that stands behind a block
is in its key, so prompts that are emphasised alike up to some place share up to there.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left

from boldface.steering.plan import Steering
from boldface.vllm import wire
from boldface.vllm.entry import lift_of

TAG = "boldface"


class Keys:
    """The keys of the blocks of one request; no vLLM is needed, so a router can compute them too.

    Args:
        steering: How it is steered.
        prompt: Tokens of its prompt.
        in_cache: Whether the keys carry their nats into the cache, as those of the fold do. If not, all of a prompt but
            its last token is the plain model's under scope ``answer``.
    """

    def __init__(self, steering: Steering, prompt: int, *, in_cache: bool = True) -> None:
        self._spans = _joined(steering)
        self._prompt, self._lift = prompt, lift_of(steering)
        self._is_null = steering.is_null
        if self._is_null:
            return
        start = self._spans[0][0] if steering.scope == "all" else prompt - 1
        self._first = self._spans[0][0] if in_cache else start
        self._before = [hashlib.sha256(json.dumps([wire.VERSION, start, str(steering.gains)]).encode())]
        for span in self._spans:
            self._before.append(self._before[-1].copy())
            self._before[-1].update(repr(span).encode())

    def of(self, start: int, end: int) -> str | None:
        """Return what the block of tokens ``[start, end)`` adds to its hash; None where that is nothing."""
        if self._is_null or end <= self._first:
            return None
        spans = bisect_left(self._spans, (end,))
        whole = spans - 1 if spans and self._spans[spans - 1][1] > end else spans
        key = self._before[whole].copy()
        if whole < spans:
            begin, _, nats = self._spans[whole]
            key.update(repr((begin, end, nats)).encode())  # as if the span ended with the block
        if end > self._prompt and self._lift:
            key.update(repr((self._prompt, self._lift)).encode())
        return key.hexdigest()


def keys(text: str, prompt: int) -> Keys:
    """Return the keys of a request whose text has passed :func:`boldface.vllm.shape.check`."""
    return Keys(wire.steering(text), prompt)


def _joined(steering: Steering) -> list[tuple[int, int, float]]:
    """Return the emphasis as it acts: what touches and is as strong is one span, and strength 0 is none."""
    spans: list[tuple[int, int, float]] = []
    for span in steering.spans:
        if not span.strength:
            continue
        if spans and spans[-1][1] == span.start and spans[-1][2] == span.strength:
            spans[-1] = (spans[-1][0], span.end, span.strength)
        else:
            spans.append((span.start, span.end, span.strength))
    return spans
