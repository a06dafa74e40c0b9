"""A request's journal: what there is to tell of it, to the log, the metrics and the trace. No words of a prompt."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from boldface.emphasis.trust import Refused
    from boldface.engine.batching import Piece
    from boldface.server.metrics import Metrics


class Answered(NamedTuple):
    """When one answer was waited for and written, in seconds after its request was submitted.

    Attributes:
        submitted: When that was, by the clock of the journal.
        queued: Until it left the queue.
        first_token: Until its first token; None when it has none.
        total: Until its end.
    """

    submitted: float
    queued: float
    first_token: float | None
    total: float


class Journal:
    """What is told of one request.

    Args:
        metrics: Counts what is told.
        request_id: Stands in every line about the request, and in its answer.
        texts: Keep prompts and answers too; only whoever runs the server decides that.

    Attributes:
        facts: Numbers and names, for the log and the trace.
        texts: Words, where they are kept.
        answers: Times of the answers so far.
    """

    def __init__(self, metrics: Metrics, request_id: str, *, texts: bool = False) -> None:
        self.metrics, self.request_id = metrics, request_id
        self.began = time.perf_counter()
        self.facts: dict[str, Any] = {}
        self.texts: dict[str, Any] | None = {} if texts else None
        self.answers: list[Answered] = []

    @property
    def seconds(self) -> float:
        """Seconds since the request came."""
        return time.perf_counter() - self.began

    def note(self, **facts: Any) -> None:
        """Tell facts: numbers, names and yes or no, never what somebody wrote."""
        self.facts |= facts

    def words(self, **texts: Any) -> None:
        """Tell what somebody wrote, or a model; it is forgotten unless texts are kept."""
        if self.texts is not None:
            self.texts |= texts

    def failed(self, error: BaseException) -> None:
        """Tell what the request failed by: the kind of the error; its message may quote the prompt."""
        self.metrics.denied(error)
        self.note(error=type(error).__name__)
        self.words(error_message=str(error))

    def refused(self, refused: Iterable[Refused]) -> None:
        """Tell which spans were refused."""
        for one in refused:
            self.metrics.span_refused(one.source)
            self.facts["refused_spans"] = self.facts.get("refused_spans", 0) + 1

    def answered(self, model: str, last: Piece, *, steered: int, profile: str | None = None) -> None:
        """Tell that an answer has ended.

        Args:
            model: Name of the model.
            last: Its last piece.
            steered: Tokens of the prompt that were emphasised.
            profile: Name of the profile; None where there is none.
        """
        self.metrics.answered(model, last, steered=steered, profile=profile)
        usage, times = last.usage, last.timings
        if usage is not None:
            for name in ("prompt_tokens", "cached_tokens", "answer_tokens"):
                self.facts[name] = self.facts.get(name, 0) + getattr(usage, name)
        self.facts.setdefault("finish_reasons", []).append(last.finish_reason)
        self.note(model=model, steered_tokens=steered)
        if last.mass is not None:
            self.note(mass_before=round(last.mass.before, 4), mass_after=round(last.mass.after, 4))
        if times is not None:
            ended = time.perf_counter()
            self.answers.append(Answered(ended - times.total, times.queued, times.first_token, times.total))
