"""What is refused before anything runs, whichever engine would run it."""

from __future__ import annotations

from collections.abc import Mapping

from boldface.engine.batching.request import Request
from boldface.errors import AlignmentError, ContextLengthError, RouteError, SamplingError, SpanError
from boldface.steering.plan import check_heads


def check_request(
    request: Request, *, heads: Mapping[int, int], most: int, vocabulary: int, apart: str | None = None
) -> None:
    """Refuse a request that makes no sense for a model.

    Args:
        request: The request.
        heads: Query heads of every layer of the model that can be steered.
        most: Most tokens of prompt and answer.
        vocabulary: Tokens that the model knows.
        apart: Why target shares and releases cannot be had; None where they can.

    Raises:
        ContextLengthError: Prompt and answer do not fit.
        BoldfaceError: It names tokens, heads or a rule that cannot be had.
    """
    length, wanted = len(request.prompt.ids), request.sampling.max_tokens
    if not length:
        raise AlignmentError("The prompt is empty: it has no token.", "Write at least one word.")
    if length + wanted > most:
        raise ContextLengthError(
            f"{length} prompt tokens and {wanted} new ones exceed the {most} that fit.",
            f"Shorten the prompt or ask for at most {max(0, most - length)} new tokens.",
        )
    steering = request.steering
    check_heads(steering.gains, heads)
    if steering.spans and steering.spans[-1].end > length:
        raise SpanError(f"{steering.spans[-1]} ends beyond the prompt of {length} tokens.", "Spans are half-open.")
    if steering.rule == "share" and not steering.is_null:
        raise RouteError("Rule 'share' is not batched: its bias depends on the scores.", "Use rule 'pasta' or 'flat'.")
    if apart is not None and not steering.is_null and (steering.target, steering.release) != (None, None):
        raise RouteError(apart, "Leave target and release out, or use model.generate.")
    if odd := [token for token in request.sampling.logit_bias if token >= vocabulary]:
        raise SamplingError(f"logit_bias names token {odd[0]}.", f"Tokens go to {vocabulary - 1}.", param="logit_bias")
