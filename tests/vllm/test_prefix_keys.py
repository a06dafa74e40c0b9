"""What blocks of a prefix cache are told apart by: no more and no less than what they hold."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering
from boldface.steering.prefix_law import trace
from boldface.vllm.prefix_keys import Keys

BLOCK, PROMPT = 4, 18
GAINS = st.sampled_from([HeadGains([(0, 1)]), HeadGains({(0, 1): -0.5}), HeadGains([(0, 1), (2, 0)])])


@st.composite
def steerings(draw):
    """Steerings of few kinds, so that two are often alike up to some place."""
    edges = sorted(draw(st.sets(st.integers(0, PROMPT), max_size=6)))
    nats = st.sampled_from([1.0, 2.0, -1.0, 0.0])
    spans = tuple(TokenSpan(a, b, draw(nats)) for a, b in zip(edges[::2], edges[1::2], strict=False))
    scope, rule = draw(st.sampled_from(("all", "answer"))), draw(st.sampled_from(("pasta", "flat")))
    return Steering(spans, draw(GAINS), scope, rule)


def chain(steering, tokens=PROMPT, prompt=PROMPT, **options):
    """The keys of all blocks of so many tokens."""
    keys = Keys(steering, prompt, **options)
    return [keys.of(start, start + BLOCK) for start in range(0, tokens - BLOCK + 1, BLOCK)]


def shared(one, other):
    """How many blocks two requests share: as long as all keys agree."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


@settings(max_examples=300)
@given(steerings(), steerings())
def test_prompts_share_what_is_the_same_in_both(left, right):
    """As many blocks as the prefix law allows, and no more."""
    left, right = replace(left, scope="all"), replace(right, scope="all")
    alike = trace(range(PROMPT), left).common(trace(range(PROMPT), right))
    assert shared(chain(left), chain(right)) == alike // BLOCK


@given(steerings())
def test_before_the_emphasis_everybody_shares(steering):
    """Blocks that end before the first emphasised token have no key, later ones have."""
    first = next((span.start for span in steering.spans if span.strength), None)
    for index, key in enumerate(chain(steering)):
        assert (key is None) == (steering.is_null or first is None or (index + 1) * BLOCK <= first)


@given(steerings())
def test_without_columns_in_the_cache_an_answer_scope_shares_its_prompt(steering):
    """Where keys do not carry their nats, all but the last token of the prompt is plain under that scope."""
    steering = replace(steering, scope="answer")
    keys = chain(steering, in_cache=False)
    assert keys[: (PROMPT - 1) // BLOCK] == [None] * ((PROMPT - 1) // BLOCK)


@given(steerings(), steerings(), st.integers(1, PROMPT // BLOCK))
def test_what_follows_makes_no_difference(one, other, blocks):
    """Emphasis behind a block does not change its key, or the same beginning would be computed twice."""
    edge = blocks * BLOCK
    kept = tuple(replace(span, end=min(span.end, edge)) for span in one.spans if span.start < edge)
    if not any(span.strength for span in kept):
        return
    longer = kept + tuple(replace(span, start=max(span.start, edge)) for span in other.spans if span.end > edge)
    before, after = (replace(one, spans=spans, scope="all") for spans in (kept, longer))
    assert chain(before)[:blocks] == chain(after)[:blocks]


def test_generated_tokens_are_told_from_the_same_as_prompt():
    """A lifted token that becomes prompt has other keys and values; one that is not lifted has not."""
    lifts = Steering((TokenSpan(1, 3, 2.0),), HeadGains([(0, 1)]))
    turned = chain(lifts, 24, 10)
    assert shared(turned, chain(lifts, 24, 24)) == 2
    flat = replace(lifts, rule="flat")
    assert shared(chain(flat, 24, 10), chain(flat, 24, 24)) == 6
    down = replace(lifts, gains=HeadGains({(0, 1): -1.0}))
    assert shared(chain(down, 24, 10), chain(down, 24, 24)) == 6
    answers = replace(flat, scope="answer")
    assert shared(chain(answers, 24, 10), chain(answers, 24, 24)) == 0


def test_later_emphasis_lifts_differently():
    """The strongest nats of the whole prompt lift what is generated, so they are in the keys of what is generated."""
    weak = Steering((TokenSpan(1, 3, 1.0),), HeadGains([(0, 1)]))
    strong = replace(weak, spans=(*weak.spans, TokenSpan(8, 9, 2.0)))
    assert shared(chain(weak, 24, 10), chain(strong, 24, 10)) == 2
