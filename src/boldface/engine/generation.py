"""What a generation gives back: the answer, and what was steered to get it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple

from boldface.emphasis.tokens import EncodedPrompt
from boldface.steering.plan import Steering


class Gated(NamedTuple):
    """What a gate did in one answer.

    Attributes:
        lowered: Tokens that were steered less than wholly, but steered.
        plain: Tokens that are the plain model's, because no steered one was plausible.
        tries: Steered queries that were thrown away.
    """

    lowered: int = 0
    plain: int = 0
    tries: int = 0

    def after(self, refused: int, is_plain: bool) -> Gated:
        """Return this with one more token, which so many tries were refused before."""
        return Gated(self.lowered + (refused > 0 and not is_plain), self.plain + is_plain, self.tries + refused)


@dataclass(frozen=True)
class Generation:
    """One answer; ``str()`` and ``print`` give its text.

    Attributes:
        text: The answer without special tokens.
        ids: Its token ids, end token included.
        finish_reason: ``stop`` when the model ended it, ``length`` when the token limit did.
        prompt: The prompt as tokens, with the spans that were hit.
        steering: How the prompt was steered.
        routes: Layer to the routes that carried the bias; empty when nothing was steered.
        cached: Tokens of the prompt that were not read again, because a memory had them.
        gated: What the gate did; None where there was none.
    """

    text: str
    ids: tuple[int, ...]
    finish_reason: Literal["stop", "length"]
    prompt: EncodedPrompt
    steering: Steering
    routes: dict[int, tuple[str, ...]]
    cached: int = 0
    gated: Gated | None = None

    def __str__(self) -> str:
        return self.text

    def report(self) -> dict[str, Any]:
        """Return what was steered, for JSON: tokens, heads, strengths (nats), rule, scope, routes and what was widened.

        Under rule ``share`` the strengths only tell what is emphasised at all; ``share`` is the target share.
        """
        how = self.steering
        share = {name: value for name in ("share", "target") if (value := getattr(how, name)) is not None}
        levels: dict[str, Any] = {} if how.phases is None else {"phases": asdict(how.phases)}
        if how.gate is not None:
            levels["gate"] = how.gate.beta
        if how.release is not None:
            levels["release"] = asdict(how.release)
        if self.gated is not None:
            levels["gated"] = self.gated._asdict()
        return {
            "tokens": [
                {"start": span.start, "end": span.end, "strength": span.strength} for span in self.steering.spans
            ],
            "heads": {str(head): gain for head, gain in self.steering.gains.items()},
            "rule": self.steering.rule,
            **share,
            "scope": self.steering.scope,
            **levels,
            "routes": sorted({route for routes in self.routes.values() for route in routes}),
            "widened": [{"start": span.start, "end": span.end} for span in self.prompt.widened],
            "prompt_tokens": len(self.prompt.ids),
            "cached_tokens": self.cached,
            "answer_tokens": len(self.ids),
            "finish_reason": self.finish_reason,
        }
