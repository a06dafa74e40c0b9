"""A lesson: a prompt with its emphasis, as tokens, and the answer that a well-steered model finds likely."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Literal

from boldface.emphasis.span import TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.model import Model
from boldface.engine.prompts import render_prompt
from boldface.engine.scoring import following
from boldface.errors import EmphasisError
from boldface.evaluation.arms import find_arm
from boldface.evaluation.writing import Setting, write
from boldface.records.store import key_of
from boldface.tasks.example import Choose, Continue, Example, Generate

Kind = Literal["obey", "calm"]
Role = Literal["asked", "other"]

LONGEST = {Choose: 1, Continue: 48, Generate: 128}
"""Tokens of a target that count; a choice is made by the first one."""


OF_ROW = 2
"""Most lessons of one data row, the first ones: both sides of a question, or a question and a paraphrase."""
NO_LIMIT = 2**31


@dataclass(frozen=True)
class Lesson:
    """One prompt as a trial puts it to the model. Plain data: it travels to other processes.

    Attributes:
        task: Name of the task.
        setting: ``raw`` or ``chat``.
        role: Which span is emphasised: the one ``asked``, or the ``other``.
        kind: ``obey``: the target should become likelier. ``calm``: the model should read the target as if nothing
            were emphasised.
        prompt: Tokens and emphasised spans; the strengths are relative, 1 is the strength of the trial.
        target: Token ids behind the prompt.
        example: Where it comes from.
    """

    task: str
    setting: Setting
    role: Role
    kind: Kind
    prompt: EncodedPrompt
    target: tuple[int, ...]
    example: Example

    @property
    def tokens(self) -> int:
        """Tokens of prompt and target."""
        return len(self.prompt.ids) + len(self.target)

    @property
    def digest(self) -> str:
        """A digest of all that a trial's result depends on."""
        spans = [(span.start, span.end, span.strength) for span in self.prompt.spans]
        told = {"example": self.example.id, "task": self.task, "role": self.role, "kind": self.kind}
        asked = [type(self.example.question).__name__, asdict(self.example.question), dict(self.example.info)]
        return key_of(**told, asked=asked, ids=self.prompt.ids, spans=spans, target=self.target)

    def spans(self, strength: float) -> tuple[TokenSpan, ...]:
        """Return the emphasised tokens at a strength in nats."""
        return tuple(replace(span, strength=span.strength * strength) for span in self.prompt.spans)


def lesson(model: Model, task: str, example: Example, setting: Setting, role: Role) -> Lesson | None:
    """Return what an example teaches; None when it has no such span, no answer, or does not fit this tokenizer.

    With the span asked for emphasised, its answer is wanted. With the other one emphasised, the rival answer is, and
    where there is none the model should be as it is without emphasis. Where nothing is asked
    (:class:`~boldface.tasks.example.Continue`), it always should.
    """
    prompt = write(example, find_arm("steered" if role == "asked" else "other-span"), setting)
    rendered = render_prompt(model.tokenizer, prompt, chat=False)
    rival = example.rival if role == "other" else None
    answer = rival or example.target
    if answer is None or not rendered.text.spans:
        return None
    try:
        encoded = rendered.encode(model.tokenizer, default=1.0)
        target = following(model.tokenizer, answer, rendered.text.text)
    except EmphasisError:
        return None
    if not encoded.spans:
        return None
    reads = isinstance(example.question, Continue) or (role == "other" and rival is None)
    end = model.tokenizer.eos_token_id
    if isinstance(example.question, Generate) and model.chat and end is not None:
        target = [*target, end]  # base models do not end their answers
    most = LONGEST[type(example.question)]
    return Lesson(task, setting, role, "calm" if reads else "obey", encoded, tuple(target[:most]), example)


def lessons(
    model: Model,
    task: str,
    examples: Iterable[Example],
    setting: Setting,
    role: Role,
    *,
    rows: int,
    longest: int = NO_LIMIT,
) -> list[Lesson]:
    """Return the lessons of the first data rows that give any, at most two of a row.

    Args:
        model: The model, for its tokenizer and chat template.
        task: Name of the task.
        examples: Its examples, in their order.
        setting: With or without the chat template.
        role: Which span is emphasised.
        rows: How many data rows.
        longest: Most tokens of a lesson; longer ones are passed over.
    """
    found: list[Lesson] = []
    seen: Counter[str] = Counter()
    for example in examples:
        if len(seen) == rows and example.group not in seen:
            break
        if seen.get(example.group) == OF_ROW or (one := lesson(model, task, example, setting, role)) is None:
            continue
        if one.tokens <= longest:
            seen[example.group] += 1
            found.append(one)
    return found
