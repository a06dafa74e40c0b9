"""What somebody wants answered."""

from __future__ import annotations

from dataclasses import dataclass

from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.batching.sampling import Sampling
from boldface.steering.plan import Steering


@dataclass(frozen=True)
class Request:
    """One prompt that wants one answer.

    Attributes:
        prompt: The prompt as tokens.
        steering: How it is steered.
        sampling: How the answer's tokens are chosen.
        deadline: Second of ``time.monotonic`` at which the answer ends, finished or not; None for never.
        measure: Whether the share of attention on the emphasis is measured at the last prompt token.
    """

    prompt: EncodedPrompt
    steering: Steering
    sampling: Sampling
    deadline: float | None = None
    measure: bool = False


def needs_twin(request: Request) -> bool:
    """Whether the plain model reads and writes beside the steered one, in a row of its own: where there is a gate."""
    return request.steering.gate is not None and not request.steering.is_null
