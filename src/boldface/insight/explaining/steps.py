"""An explanation in the making, in steps: each one bounded piece of work with the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from boldface.engine.batching.words import Bytes
from boldface.engine.model import Model
from boldface.engine.steer import Prepared, lay_out
from boldface.errors import RouteError
from boldface.insight.explaining.choices import Choice, choices
from boldface.insight.explaining.explanation import AnswerToken, Emphasised, ExplainedHead, Explanation, Heat
from boldface.insight.explaining.readings import Reading, on_each, plan_of, read_plain, read_steered
from boldface.insight.explaining.slopes import slopes
from boldface.insight.explaining.without import Without
from boldface.insight.moved import MovedToken, Shift
from boldface.profiles.heads import Head
from boldface.steering.plan import Steering


class Explaining:
    """An explanation in the making: an iterator whose every step runs the model for a while.

    Between two steps anybody else may run the model. What is left once all are done, to put the explanation together,
    runs it no more; it uses the tokenizer.

    Args:
        model: The model.
        prepared: One steered prompt.
        ids: Tokens of the answer.
        text: The answer.
        written: Whether the steered model wrote it just now.
        plain_text: What the plain model answers, where that is known.
        each: Leave every steered head out in turn.
        route: How the bias is carried.

    Attributes:
        done: Steps that are done.
        total: Steps.
        result: The explanation, once all steps are done.

    Raises:
        NothingSteeredError: Nothing is steered.
        ContextLengthError: Prompt and answer do not fit.
        RouteError: The steering changes from token to token.
    """

    result: Explanation

    def __init__(
        self,
        model: Model,
        prepared: Prepared,
        ids: Sequence[int],
        text: str,
        *,
        written: bool = False,
        plain_text: str | None = None,
        each: bool = True,
        route: str = "auto",
    ) -> None:
        (prompt,), (steering,) = prepared.rows.prompts, prepared.steerings
        self.model, self.ids, self.route = model, list(ids), route
        self.prepared = lay_out(model.model, model.tokenizer, [prompt], [steering], room=len(ids))
        plan = plan_of(self.prepared)
        if steering.phases is not None or steering.gate is not None or steering.release is not None:
            raise RouteError(
                "Phases, a gate or a release change the steering from token to token, and the answer is read at once.",
                "Explain the answer without them.",
            )
        self._slopes = plan.share is None and plan.target is None
        self._without = Without(model, self.prepared, self.ids, route) if each else None
        self._told = (text, written, plain_text)
        self.done, self.total = 0, 2 + self._slopes + (1 + len(self._without.parts) if self._without else 0)
        self._work = self._go()

    def __iter__(self) -> Iterator[None]:
        return self

    def __next__(self) -> None:
        next(self._work)
        self.done += 1

    def _go(self) -> Iterator[None]:
        plain = read_plain(self.model, self.prepared, self.ids)
        yield
        steered = read_steered(self.model, self.prepared, self.ids, self.route)
        chosen = choices(plain.logprobs, steered.logprobs, self.ids)
        del plain.logprobs, steered.logprobs
        yield
        found: dict[Head, float] = {}
        if self._slopes:
            found = slopes(self.model, self.prepared, self.ids)
            yield
        effects: dict[Head, float] = {}
        if self._without:
            whole = self._without.nobody()
            yield
            for part in self._without.parts:
                effects |= {head: whole - score for head, score in zip(part, self._without.each(part), strict=True)}
                yield
        self.result = self._explanation(plain, steered, chosen, found, effects)

    def _explanation(
        self,
        plain: Reading,
        steered: Reading,
        chosen: Sequence[Choice],
        found: dict[Head, float],
        effects: dict[Head, float],
    ) -> Explanation:
        (prompt,), (steering,) = self.prepared.rows.prompts, self.prepared.steerings
        width = len(prompt.ids)
        means = [reading.heat[:, :width].mean(dim=0).tolist() for reading in (plain, steered)]
        text, written, plain_text = self._told
        return Explanation(
            model=self.model.title,
            text=text,
            written=written,
            plain_text=plain_text,
            tokens=tuple(MovedToken(*one) for one in zip(prompt.pieces, *means, prompt.nats, strict=True)),
            spans=tuple(
                Emphasised(span.start, span.end, span.strength, "".join(prompt.pieces[span.start : span.end]))
                for span in plain.spans
            ),
            answer=tuple(self._tokens(plain, steered, chosen)),
            heads=_heads(self.model, steering, plain, steered, found, effects),
            heat=Heat(_rows(plain), _rows(steered)),
            rule=steering.rule,
            scope=steering.scope,
        )

    def _tokens(self, plain: Reading, steered: Reading, chosen: Sequence[Choice]) -> Iterator[AnswerToken]:
        spell = Bytes(self.model.tokenizer)

        def said(token: int) -> str:
            text = spell.of(token).decode(errors="replace")
            return text or str(self.model.tokenizer.convert_ids_to_tokens(token))

        before, after = (on_each(plain.spans, reading.heat).sum(-1).tolist() for reading in (plain, steered))
        for place, (token, choice) in enumerate(zip(self.ids, chosen, strict=True)):
            yield AnswerToken(
                id=token,
                text=said(token),
                plain=choice.plain,
                steered=choice.steered,
                divergence=choice.divergence,
                plain_choice=said(choice.plain_choice),
                plain_choice_logprob=choice.plain_choice_logprob,
                steered_choice=said(choice.steered_choice),
                differs=choice.plain_choice != token,
                before=before[place],
                after=after[place],
            )


def _heads(
    model: Model,
    steering: Steering,
    plain: Reading,
    steered: Reading,
    found: dict[Head, float],
    effects: dict[Head, float],
) -> dict[Head, ExplainedHead]:
    gains = steering.gains
    told = {}
    for layer, count in sorted(model.geometry.heads.items()):
        for head in (Head(layer, index) for index in range(count)):
            spans = zip(*(reading.on_spans[layer][head.head].tolist() for reading in (plain, steered)), strict=True)
            answer = (float(reading.on_answer[layer][head.head]) for reading in (plain, steered))
            told[head] = ExplainedHead(
                gain=gains.get(head, 0.0),
                spans=tuple(Shift(*span) for span in spans),
                answer=Shift(*answer),
                effect=effects.get(head),
                slope=found.get(head),
            )
    return told


def _rows(reading: Reading) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in reading.heat.tolist())
