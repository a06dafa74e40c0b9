"""The prefix law as data: what the keys and values of a prompt depend on, for whoever keeps them.

Keys and values of a token follow from the tokens up to it and from the bias that their queries saw. In a prompt that
is gain x nats (or the target share of rule ``share``) on the tokens up to it, and nothing else. So:

- before the first emphasised token only the tokens count: what stands there is the plain model's, whatever the gains;
- from there on tokens, nats and gains count, up to the token itself and no further;
- rules ``pasta`` and ``flat`` differ on generated tokens alone: their prompts are the same;
- a target share takes a part of gain x nats that follows from the share, the row's strongest nats, and tokens so far;
- under scope ``answer`` all but the last token are the plain model's, and the last one is never reused: its query is
  steered, and it has to be read for its logits anyway;
- phases have a level for reading, on which all of this depends too, and the last token is of another phase: it is not
  reused either, nor where a gate may have read it at any level;
- a generated token that was lifted is stale when it becomes prompt, where nothing lifts it. Where nothing did lift it
  (rules ``flat`` and ``share``, suppression alone, no emphasis) it is what it would be as prompt. What a release left
  out of a lift depends on tokens behind it, so it is stale too.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from boldface.steering.plan import Steering


@dataclass(frozen=True, slots=True)
class Trace:
    """What the keys and values of some tokens were computed from.

    Attributes:
        ids: The tokens.
        nats: Strength of every one in nats, 0 where it is not emphasised; for rule ``share`` the target share.
        how: Digest of what the nats are multiplied with; empty where all are 0.
    """

    ids: tuple[int, ...]
    nats: tuple[float, ...]
    how: str = ""

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def plain(self) -> int:
        """How many of the first tokens are the plain model's."""
        return next((index for index, nats in enumerate(self.nats) if nats), len(self.nats))

    def common(self, other: Trace) -> int:
        """Return how many of the first tokens have the same keys and values in both."""
        pairs = zip(zip(self.ids, self.nats, strict=True), zip(other.ids, other.nats, strict=True), strict=False)
        alike = next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(self), len(other)))
        return alike if self.how == other.how else min(alike, self.plain, other.plain)

    def first(self, tokens: int) -> Trace:
        """Return the trace of the first tokens alone."""
        nats = self.nats[:tokens]
        return Trace(self.ids[:tokens], nats, self.how if any(nats) else "")

    def followed_by(self, ids: Sequence[int]) -> Trace:
        """Return the trace of these tokens and further ones without emphasis."""
        return replace(self, ids=(*self.ids, *ids), nats=(*self.nats, *(0.0 for _ in ids)))

    def blocks(self, size: int, seed: bytes = b"") -> Iterator[bytes]:
        """Yield a key for every full block of ``size`` tokens: equal where, and only where, all up to its end is equal.

        Args:
            size: Tokens of a block.
            seed: Whatever else they depend on, such as the model.
        """
        key, plain = hashlib.sha256(seed).digest(), self.plain
        for start in range(0, len(self) - size + 1, size):
            stop = start + size
            digest = hashlib.sha256(key)
            digest.update(array("q", self.ids[start:stop]).tobytes())
            if stop > plain:
                digest.update(self.how.encode() + array("d", self.nats[start:stop]).tobytes())
            key = digest.digest()
            yield key


def trace(ids: Sequence[int], steering: Steering) -> Trace:
    """Return what the keys and values of a prompt depend on.

    The last token is left out under scope ``answer``, with phases and with a gate.

    Args:
        ids: The prompt.
        steering: How it is steered.
    """
    nats = [0.0] * len(ids)
    if steering.is_null:
        return Trace(tuple(ids), tuple(nats))
    if steering.scope == "answer" or steering.reading == 0:
        return Trace(tuple(ids[:-1]), tuple(nats[:-1]))
    for span in steering.spans:
        strength = span.strength if steering.share is None or not span.strength else steering.share
        nats[span.start : span.end] = [strength + 0.0] * (span.end - span.start)  # -0.0 is no other number
    whole = Trace(tuple(ids), tuple(nats), _how(steering))
    return whole if steering.phases is None and steering.gate is None else whole.first(len(ids) - 1)


def outlives(steering: Steering) -> bool:
    """Whether tokens that were generated under a steering keep their keys and values when they become prompt."""
    if steering.is_null:
        return True
    is_level = steering.phases is None and steering.gate is None and steering.release is None
    return steering.scope == "all" and is_level and not _lifts(steering)


def _lifts(steering: Steering) -> bool:
    if steering.rule != "pasta":
        return False
    return max(span.strength for span in steering.spans) > 0 and max(steering.gains.values()) > 0


def _how(steering: Steering) -> str:
    kind = "nats" if steering.share is None else "share"
    if steering.target is not None:
        kind += f" to {steering.target!r} by {max(span.strength for span in steering.spans)!r}"
    gains = ",".join(f"{head}={gain!r}" for head, gain in sorted(steering.gains.items()))
    level = "" if steering.reading == 1 else f" x {steering.reading!r}"
    return hashlib.sha256(f"{kind} {gains}{level}".encode()).hexdigest()
