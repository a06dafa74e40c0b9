"""Two caches, one law: the keys of the vLLM plugin's blocks agree exactly where ours do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering
from boldface.steering.prefix_law import trace
from boldface.vllm.prefix_keys import Keys

LENGTH, BLOCK = 12, 3
GAINS = (HeadGains([(0, 1)]), HeadGains({(0, 1): 0.5, (1, 3): -1.0}))


@st.composite
def steerings(draw):
    """A steering of every query by a rule of fixed nats."""
    starts = draw(st.lists(st.integers(0, LENGTH - 2), unique=True, min_size=1, max_size=2))
    spans = [TokenSpan(start, start + 1, draw(st.sampled_from([0.0, 1.0, 2.0]))) for start in starts]
    rule = draw(st.sampled_from(["pasta", "flat"]))
    return Steering(tuple(spans), draw(st.sampled_from(GAINS)), rule=rule)


@given(one=steerings(), two=steerings())
def test_blocks_of_a_prompt_are_shared_alike(one, two):
    """Two prompts of the same tokens share a block in one cache if they do in the other."""
    ids = range(LENGTH)
    ours = [a == b for a, b in zip(*(trace(ids, steering).blocks(BLOCK) for steering in (one, two)), strict=True)]
    keys = [Keys(steering, LENGTH) for steering in (one, two)]
    theirs = [keys[0].of(0, end) == keys[1].of(0, end) for end in range(BLOCK, LENGTH + 1, BLOCK)]
    assert theirs == ours
