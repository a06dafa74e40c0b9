"""What vLLM says of a token is told as our own engine tells it."""

from __future__ import annotations

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from boldface.engine.vllm_sampling import chosen, token_score

KNOWN = st.dictionaries(st.integers(0, 300), st.floats(-20, 0), min_size=1, max_size=12)


def _spell(token: int) -> bytes:
    return f"<{token}>".encode()


@given(KNOWN, st.integers(0, 12), st.data())
def test_the_likeliest_come_first_and_the_chosen_one_need_not_be_among_them(known, best, data) -> None:
    """As many as were asked for, in order, each with its bytes."""
    token = data.draw(st.sampled_from(sorted(known)))

    score = token_score(token, {other: SimpleNamespace(logprob=value) for other, value in known.items()}, best, _spell)

    values = [logprob for _, _, logprob in score.best]
    assert values == sorted(known.values(), reverse=True)[:best]
    assert all(known[other] == logprob and text == _spell(other) for other, text, logprob in score.best)
    assert (score.id, score.text, score.logprob) == (token, _spell(token), known[token])


def test_tokens_without_scores_have_none() -> None:
    """Nobody asked for them, and vLLM gave none."""
    assert list(chosen(SimpleNamespace(token_ids=[4, 5], logprobs=None), None, _spell)) == [(4, None), (5, None)]
