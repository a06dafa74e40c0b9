"""What a scheduler's thread does in one turn: drop who is gone, read prompts, let the batch take a step."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from torch import Tensor

from boldface.engine.batching.answer import Answer
from boldface.engine.batching.batch import Batch, Row
from boldface.engine.batching.hold import Hold
from boldface.engine.batching.joining import Joining
from boldface.engine.batching.layer import Turn
from boldface.engine.batching.request import needs_twin
from boldface.engine.batching.views import Views
from boldface.engine.caches.blocks import Prefixes
from boldface.engine.model import Model

WHILE_IDLE = 8
"""So many times as much is read at once while nobody waits for a step."""
_FORGETTING = 0.1


class Runner:
    """The requests that run.

    Args:
        model: The model.
        hold: Its seams, which are in place during a turn.
        turn: Whose turn it is.
        views: What the queries of its layers see.
        prefixes: Beginnings of prompts.
        slots: Most requests that run.
        capacity: Most tokens that the batch may come to hold, padding included.
        chunk: Tokens of prompts that are read between two steps.

    Attributes:
        batch: Those whose prompt has been read.
        joining: The one whose prompt is being read.
        steps: Decoding steps so far.
        tokens: Tokens that they gave.
        sizes: Steps by the number of requests in them.
        seconds: What an answer took of late, on average.
    """

    def __init__(
        self,
        model: Model,
        hold: Hold,
        turn: Turn,
        views: Views,
        prefixes: Prefixes,
        *,
        slots: int,
        capacity: int,
        chunk: int,
    ) -> None:
        self._model, self._hold, self._turn, self._prefixes = model, hold, turn, prefixes
        self._slots, self._capacity, self._chunk = slots, capacity, chunk
        self.batch = Batch(model.model, views, turn, slots)
        self.joining: Joining | None = None
        self.steps = self.tokens = 0
        self.sizes: Counter[int] = Counter()
        self.seconds = 0.0

    @property
    def answers(self) -> list[Answer]:
        """The answers of all requests that run."""
        joining = self.joining  # other threads look here too
        rows = (row.answer for row in list(self.batch.rows))
        return list(dict.fromkeys([*([] if joining is None else [joining.answer]), *rows]))

    def fits(self, answer: Answer) -> bool:
        """Whether a request may run beside those that do, however long the answers get."""
        answers = [*self.answers, answer]
        rows = sum(1 + needs_twin(one.request) for one in answers)
        widest = max(len(one.request.prompt.ids) + one.request.sampling.max_tokens for one in answers)
        return rows <= self._slots and rows * widest <= self._capacity

    def turn(self, waiting: Callable[[], Answer | None]) -> None:
        """Take one turn.

        Args:
            waiting: Gives the next request that fits, if one waits.
        """
        self._drop()
        self._read(waiting)
        if self.batch.rows:
            self._decode()

    def _drop(self) -> None:
        """Free the places of those whose answer has ended, or ends before its time."""
        now = time.monotonic()
        for answer in self.answers:
            reason = answer.overdue(now)
            if reason is not None:
                answer.end(reason)
        self._free()

    def _free(self) -> None:
        if self.joining is not None and self.joining.answer.is_over:
            self.joining = None
        gone = [row for row in self.batch.rows if row.answer.is_over]
        for row in gone:
            self.seconds += _FORGETTING * (row.answer.seconds - self.seconds)
        self.batch.leave(gone)

    def _read(self, waiting: Callable[[], Answer | None]) -> None:
        """Read prompts, until enough was read for this turn."""
        left = self._chunk if self.batch.rows else self._chunk * WHILE_IDLE
        while left > 0:
            if self.joining is None:
                answer = waiting()
                if answer is None:
                    return
                self._begin(answer)
            if self.joining is not None:
                left -= self._read_on(self.joining, left)

    def _begin(self, answer: Answer) -> None:
        try:
            self.joining = Joining(self._model.model, self._hold.seams, self._turn, answer, self._prefixes)
        except Exception as error:
            answer.end("error", error=error)

    def _read_on(self, joining: Joining, tokens: int) -> int:
        """Read on in one prompt; its request alone ends when that fails."""
        try:
            read, logits = joining.read(tokens)
            if logits is not None and joining.take(logits):
                self.tokens += 1
                self.joining = None
                if not joining.answer.is_over:
                    self.batch.join(joining, joining.answer.ids[-1])
        except Exception as error:
            joining.answer.end("error", error=error)
            self._free()
            return tokens
        return read

    def _decode(self) -> None:
        """Let the batch take a step; all its requests end when that fails."""
        rows = list(self.batch.rows)
        try:
            logits = self.batch.step()
            likeliest = logits.argmax(dim=-1).tolist()
        except Exception as error:
            for row in rows:
                row.answer.end("error", error=error)
            self.batch.clear()
            return
        twins = {id(row.twin): row for row in rows if row.twin is not None}
        plain = {id(twins[id(row)]): logits[index] for index, row in enumerate(rows) if id(row) in twins}
        self.steps += 1
        self.sizes[len(rows) - len(twins)] += 1
        for index, row in enumerate(rows):
            if id(row) not in twins:
                self._take(row, logits[index], likeliest[index], plain.get(id(row)))
        self._free()

    def _take(self, row: Row, logits: Tensor, likeliest: int, plain: Tensor | None) -> None:
        """Give one row its next token, unless a gate refuses it; its request alone ends when that fails.

        Args:
            row: The row.
            logits: (vocabulary,) behind its token.
            likeliest: The likeliest token by them.
            plain: (vocabulary,) of the row's twin; None where it has none.
        """
        answer = row.answer
        try:
            if row.plan is not None and len(answer.ids) == 1:
                answer.use({layer: (self._hold.seams[layer].route,) for layer in row.plan.gains})
            if plain is not None:
                if not answer.offer(logits, plain, row.level):
                    return
            elif answer.is_plain:
                answer.take_chosen(likeliest)
            else:
                answer.take(logits)
            self.tokens += 1
            row.advance(answer.ids[-1])
        except Exception as error:
            answer.end("error", error=error)
