"""Plans: emphasis x gains x scope as the tensors of a padded batch."""

import pytest
import torch

from boldface.emphasis.span import TokenSpan
from boldface.errors import HeadError, SpanError, StrengthError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import NEVER, Steering, build_plan

HEADS = {0: 4, 2: 4}
ONE = HeadGains([(0, 1)])


def same(left, right):
    """Two plans hold equal tensors."""
    tensors = [(getattr(left, name), getattr(right, name)) for name in ("nats", "lift", "start")]
    tensors += [(left.gains[layer], right.gains[layer]) for layer in left.gains]
    return left.gains.keys() == right.gains.keys() and all(torch.equal(*pair) for pair in tensors)


@pytest.mark.parametrize(("padding", "columns"), [("left", [4, 5]), ("right", [1, 2])])
def test_padding_moves_the_spans(padding, columns):
    """Spans count tokens of the prompt; the plan counts columns of the padded batch."""
    rows = [Steering((TokenSpan(1, 3, 2.0),), ONE), Steering((TokenSpan(0, 6, 1.0),), ONE)]
    plan = build_plan(rows, [3, 6], HEADS, padding=padding)
    assert plan.nats[0].nonzero().flatten().tolist() == columns
    assert plan.start.tolist() == [columns[0], 0]
    assert (plan.batch, plan.width, plan.earliest_start) == (2, 6, 0)


def test_lift_is_the_strongest_positive_nats():
    """Generated tokens rise with the strongest emphasis, and never fall with suppression."""
    spans = [(TokenSpan(0, 1, 2.0), TokenSpan(1, 2, 3.0), TokenSpan(2, 3, -5.0)), (TokenSpan(0, 1, -5.0),)]
    assert build_plan([Steering(each, ONE) for each in spans], [4, 4], HEADS).lift.tolist() == [3.0, 0.0]


def test_adjacent_spans_are_one_and_their_order_is_irrelevant():
    """Two adjacent spans of one strength give the plan of their union, in any order."""
    one = build_plan([Steering((TokenSpan(1, 5, 2.0),), ONE)], [6], HEADS)
    parts = (TokenSpan(1, 3, 2.0), TokenSpan(3, 5, 2.0))
    assert same(build_plan([Steering(parts, ONE)], [6], HEADS), one)
    assert same(build_plan([Steering(parts[::-1], ONE)], [6], HEADS), one)
    assert not same(build_plan([Steering(parts[:1], ONE)], [6], HEADS), one)


def test_number_of_spans_does_not_change_their_strength():
    """Regression (pastalib): n spans weigh against generated tokens as one does, not n times."""
    one = build_plan([Steering((TokenSpan(0, 1, 2.0),), ONE)], [6], HEADS)
    three = build_plan([Steering(tuple(TokenSpan(at, at + 1, 2.0) for at in (0, 2, 4)), ONE)], [6], HEADS)
    assert three.lift.tolist() == one.lift.tolist() == [2.0]
    assert three.nats[0].tolist() == [2.0, 0.0] * 3
    assert three.row_bias(0, 0, 8)[0, 1, 0].tolist() == [2.0, 0.0] * 3 + [2.0, 2.0]


def test_rows_may_have_any_number_of_spans():
    """Regression (pastalib): rows of a batch need not have the same number of spans, or any."""
    rows = [
        Steering(),
        Steering((TokenSpan(0, 1, 1.0),), ONE),
        Steering((TokenSpan(0, 1, 1.0), TokenSpan(3, 4, 2.0)), ONE),
    ]
    plan = build_plan(rows, [4, 4, 4], HEADS)
    assert plan.start.tolist() == [NEVER, 0, 0]
    assert (plan.nats != 0).sum(1).tolist() == [0, 1, 2]
    assert plan.gains[0][:, 1].tolist() == [0.0, 1.0, 1.0]


@pytest.mark.parametrize(
    "steering",
    [
        Steering(),
        Steering((TokenSpan(0, 2, 0.0),), ONE),
        Steering((TokenSpan(0, 2, 3.0),)),
        Steering((TokenSpan(0, 2, 3.0),), ONE * 0.0),
    ],
)
def test_null_rows_leave_no_trace(steering):
    """No spans, strength 0, no heads and gain 0 are null: nothing is steered."""
    plan = build_plan([steering], [4], HEADS)
    assert steering.is_null and not plan.gains and not plan.nats.any() and plan.earliest_start == NEVER


def test_negative_gains_do_not_push_generated_tokens():
    """The bias of a generated token is max(0, gain) x lift."""
    gains = HeadGains({(0, 0): 1.0, (0, 1): -0.5, (0, 2): 0.5})
    bias = build_plan([Steering((TokenSpan(1, 2, 4.0),), gains)], [3], HEADS).row_bias(0, 0, 5)
    assert bias.shape == (1, 4, 1, 5)
    assert bias[0, :, 0].tolist() == [[0, 4, 0, 4, 4], [0, -2, 0, 0, 0], [0, 2, 0, 2, 2], [0, 0, 0, 0, 0]]


def test_row_bias_can_start_anywhere():
    """Any slice of keys has the bias of those columns, behind a sliding window and beyond the prompt."""
    plan = build_plan([Steering((TokenSpan(1, 2, 4.0),), ONE)], [3], HEADS)
    whole = plan.row_bias(0, 0, 9)
    for start, stop in [(0, 2), (1, 9), (2, 4), (3, 9), (5, 7)]:
        assert torch.equal(plan.row_bias(0, start, stop), whole[..., start:stop])
    assert not plan.row_bias(0, 3, 9, sees=torch.tensor([False])).any()


def test_scope_answer_starts_at_the_last_prompt_token():
    """With scope `answer` the first active query is the last prompt token of its row."""
    spans = (TokenSpan(1, 2, 4.0),)
    rows = [Steering(spans, ONE, "answer"), Steering(spans, ONE)]
    left, right = (build_plan(rows, [3, 6], HEADS, padding=side) for side in ("left", "right"))
    assert (left.start.tolist(), right.start.tolist()) == ([5, 1], [2, 1])
    assert left.by_query and not left.one_start
    assert build_plan(rows[:1], [3], HEADS).one_start


def test_expansion_repeats_rows_side_by_side():
    """Beams repeat every row in place, as `generate` repeats its inputs; other numbers are refused."""
    rows = [Steering((TokenSpan(at, at + 1, 1.0),), ONE) for at in (0, 2)]
    plan = build_plan(rows, [3, 3], HEADS)
    wide = plan.expand(6)
    assert wide.start.tolist() == [0, 0, 0, 2, 2, 2]
    assert wide.gains[0].shape == (6, 4) and wide.nats.shape == (6, 3)
    assert plan.expand(2) is plan
    with pytest.raises(SpanError, match="3 rows reached the model, 2 were steered"):
        plan.expand(3)


def test_overlapping_spans_are_refused():
    """A token has one strength: overlapping spans must be flattened first."""
    with pytest.raises(SpanError, match=r"overlap.*flatten"):
        Steering((TokenSpan(0, 3, 1.0), TokenSpan(2, 4, 2.0)), ONE)


def test_span_beyond_the_prompt_is_refused():
    """A span may not end beyond its own prompt, even where the padded batch is wider."""
    with pytest.raises(SpanError, match="beyond the prompt of 3 tokens"):
        build_plan([Steering((TokenSpan(1, 4, 1.0),), ONE), Steering()], [3, 6], HEADS)


def test_unknown_scope_is_refused():
    """Scopes are `all` and `answer`."""
    with pytest.raises(SpanError, match=r"Unknown scope 'generation'.*all, answer"):
        Steering((), ONE, "generation")


def test_product_of_gain_and_strength_is_capped():
    """The cap is on gain x strength, which is what is applied."""
    Steering((TokenSpan(0, 1, 8.0),), ONE)
    with pytest.raises(StrengthError, match="Gain x strength"):
        Steering((TokenSpan(0, 1, 8.0),), ONE * 1000.0)


@pytest.mark.parametrize(("head", "message"), [((1, 0), "Steerable layers: 0, 2"), ((2, 4), "has 4 query heads")])
def test_unknown_heads_are_refused(head, message):
    """A layer that cannot be steered, or a head that a layer does not have, is named in the error."""
    with pytest.raises(HeadError, match=message):
        build_plan([Steering((TokenSpan(0, 1, 1.0),), HeadGains([head]))], [2], HEADS)
