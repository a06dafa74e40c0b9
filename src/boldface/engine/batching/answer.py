"""One answer on its way: its tokens so far, and what its listener has been told."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from torch import Tensor

from boldface.engine.batching.choice import Choice
from boldface.engine.batching.pieces import FinishReason, Mass, Piece, Timings, TokenScore, Usage
from boldface.engine.batching.request import Request, needs_twin
from boldface.engine.batching.ticket import Ticket
from boldface.engine.batching.words import Bytes, Words
from boldface.engine.generation import Gated
from boldface.steering.levels import Level

Listener = Callable[[Piece], None]


class Answer:
    """An answer on its way. Exactly one piece with a finish reason ends it.

    Args:
        request: What is answered.
        ticket: Tells when nobody listens any more.
        listener: Is given the pieces, in the scheduler's thread; it must not wait.
        tokenizer: The model's tokenizer.
        spell: Gives the bytes of a token.
        ends: Tokens that end an answer.

    Attributes:
        ids: Tokens so far.
        cached: Tokens of the prompt that were kept from earlier requests.
        routes: Layer to the routes that carried its bias so far.
        mass: Share of attention on the emphasis.
        gated: What its gate did; None where it has none.
        tokenizer: The model's.
        is_over: Whether it has ended.
    """

    def __init__(
        self,
        request: Request,
        ticket: Ticket,
        listener: Listener,
        tokenizer: Any,
        spell: Bytes,
        ends: Collection[int],
    ) -> None:
        self.request, self.ticket = request, ticket
        self.ids: list[int] = []
        self.cached = 0
        self.routes: dict[int, set[str]] = {}
        self.mass: Mass | None = None
        self.gated = Gated() if self.is_gated else None
        self.tokenizer = tokenizer
        self.is_over = False
        self._listener, self._ends = listener, () if request.sampling.ignore_eos else ends
        self._choice = Choice(request.sampling, self._ends, spell.of)
        self._words = Words(tokenizer, request.sampling.stop)
        self._arrived = time.monotonic()
        self._begun: float | None = None
        self._first: float | None = None
        self._told = self._tries = 0

    @property
    def is_gated(self) -> bool:
        """True when the plain model runs beside it."""
        return needs_twin(self.request)

    @property
    def is_plain(self) -> bool:
        """True when its next token is the likeliest one."""
        return self.request.sampling.is_plain

    @property
    def seconds(self) -> float:
        """Seconds since its prompt was begun."""
        return 0.0 if self._begun is None else time.monotonic() - self._begun

    def begin(self, cached: int, at: float | None = None) -> None:
        """Note that its prompt is begun, so many tokens of it being there already.

        Args:
            cached: Those tokens.
            at: Second of ``time.monotonic`` at which it was begun; now unless given.
        """
        self._begun, self.cached = time.monotonic() if at is None else at, cached

    def use(self, routes: Mapping[int, Collection[str]]) -> None:
        """Note routes that carried its bias."""
        for layer, names in routes.items():
            self.routes.setdefault(layer, set()).update(names)

    def overdue(self, now: float) -> FinishReason | None:
        """Return why it ends early, if it does."""
        if self.ticket.is_cancelled:
            return "cancelled"
        deadline = self.request.deadline
        return "timeout" if deadline is not None and now >= deadline else None

    def take(self, logits: Tensor) -> None:
        """Choose the next token by the logits, (vocabulary,), and tell what can be told."""
        self.take_chosen(*self._choice.choose(logits))

    def offer(self, logits: Tensor, plain: Tensor, level: Level) -> bool:
        """Take the next token if the gate lets it pass; else return False, having lowered the level of its query.

        Args:
            logits: (vocabulary,) of the steered model at ``level``.
            plain: (vocabulary,) of the plain model behind the same tokens.
            level: Of the query.
        """
        gate = self.request.steering.gate
        assert gate is not None and self.gated is not None
        is_plain = level.gate == 0
        chosen = self._choice.choose(plain) if is_plain else self._choice.offered(logits, plain, gate)
        if chosen is None and level.now == 0:  # of a phase in which nothing is steered: no other try is left
            chosen, is_plain = self._choice.choose(plain), True
        if chosen is None:
            self._tries += 1
            level.gate = gate.levels[self._tries]
            return False
        self.gated = self.gated.after(self._tries, is_plain)
        self._tries, level.gate = 0, 1.0
        self.take_chosen(*chosen)
        return True

    def take_chosen(self, token: int, score: TokenScore | None = None) -> None:
        """Take a token that was chosen elsewhere: the likeliest where ``is_plain``, or what another engine drew."""
        if self._first is None:
            self._first = time.monotonic()
        self.ids.append(token)
        how = self.request.sampling
        text = self._words.take(token, score, may_stop=len(self.ids) >= how.min_tokens)
        if self._words.is_stopped or token in self._ends:
            self.end("stop", text)
        elif len(self.ids) >= how.max_tokens:
            self.end("length", text)
        elif text:
            self._tell(Piece(text, self._news(), self._words.scores()))

    def end(self, reason: FinishReason, text: str = "", error: BaseException | None = None) -> None:
        """Tell the last piece."""
        if self.is_over:
            return
        if reason != "error" and not self._words.is_stopped:  # whatever failed may fail here again
            text += self._words.rest(may_stop=len(self.ids) >= self.request.sampling.min_tokens)
            if self._words.is_stopped and reason == "length":
                reason = "stop"
        self.is_over = True
        now = time.monotonic()
        begun = now if self._begun is None else self._begun
        self._tell(
            Piece(
                text,
                self._news(),
                self._words.scores(last=True),
                reason,
                Usage(len(self.request.prompt.ids), self.cached, len(self.ids)),
                {layer: tuple(sorted(names)) for layer, names in sorted(self.routes.items())},
                self.mass,
                Timings(
                    begun - self._arrived,
                    None if self._first is None else self._first - self._arrived,
                    now - self._arrived,
                ),
                error,
                self.gated,
            )
        )

    def _news(self) -> tuple[int, ...]:
        news, self._told = tuple(self.ids[self._told :]), len(self.ids)
        return news

    def _tell(self, piece: Piece) -> None:
        try:
            self._listener(piece)
        except Exception:
            # Whoever does not listen properly wants nothing more, and must not end the others' answers.
            self.is_over = True
