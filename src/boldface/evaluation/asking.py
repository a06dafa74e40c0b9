"""Put prompts to a model, batch by batch, and bring back answers."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.careful import careful
from boldface.engine.gated import first_logprobs
from boldface.engine.levelled import is_gated
from boldface.engine.model import Model
from boldface.engine.scoring import continuation_logprobs, divergence, following, mean_logprob
from boldface.engine.steer import Prepared, prepare
from boldface.errors import TaskError
from boldface.evaluation.aim import Aim
from boldface.evaluation.arm import Arm
from boldface.evaluation.complete import complete_at
from boldface.evaluation.record import Cost
from boldface.evaluation.writing import Prompt
from boldface.tasks.example import Answer, Choose, Continue, Example, Generate, Question

READ = 64
"""Most tokens of a given continuation that are read."""
READ_ROWS = 4
"""Rows whose full distributions are held at once."""


@dataclass(frozen=True)
class Asked:
    """An example as an arm puts it to the model.

    Attributes:
        example: The example.
        prompt: What the arm made of it.
        plain: What the plain arm makes of it.
        encoded: The tokens of ``prompt``.
        spent: Seconds that finding its spans took.
    """

    example: Example
    prompt: Prompt
    plain: Prompt
    encoded: EncodedPrompt
    spent: float = 0.0


class Asker:
    """Asks a model on behalf of one arm.

    Args:
        model: The model.
        arm: The arm.
        aim: What it steers.
        route: How the bias is carried.
    """

    def __init__(self, model: Model, arm: Arm, aim: Aim, route: str = "auto") -> None:
        self.model, self.arm, self.aim, self.route = model, arm, aim, route
        self._known: dict[tuple[str, bool], list[int]] = {}

    @property
    def steering(self) -> dict[str, Any]:
        """How the arm steers, as arguments of the engine; empty when it does not."""
        if not self.aim.gains:
            return {}
        how: dict[str, Any] = {"strength": self.aim.strength}
        if self.aim.rule == "share":
            how = {"share": self.arm.share}
        if self.aim.target is not None:
            how["target"] = self.aim.target
        if self.arm.release is not None:
            how["release"] = self.arm.release
        if self.aim.scope != "all":  # keys of answers are made of this, and those of scope "all" are to stay
            how["scope"] = self.aim.scope
        if self.arm.gate is not None:
            how["gate"] = self.arm.gate
        return {"heads": self.aim.gains, "rule": self.aim.rule, **how}

    @property
    def said(self) -> dict[str, Any]:
        """Everything about how the arm steers that its answers depend on."""
        drawn = {"temperature": self.arm.temperature} if self.arm.temperature else {}
        return self.steering | ({"careful": True} if self.arm.careful else {}) | drawn

    def rehearse(self) -> None:
        """Steer one short prompt, so that a strength, heads or a route that the model cannot have is told at once.

        Raises:
            BoldfaceError: The arm cannot be run on this model.
        """
        spans = (CharSpan(4, 7),) if self.steering else ()
        self._read([EmphasisedText("Say yes now.", spans)], [()], steered=True)

    def allow(self, question: Question) -> None:
        """Refuse a question that cannot be put to this model in this way.

        Raises:
            TaskError: It cannot.
        """
        minded = "gate, which chooses" if self.arm.gate is not None else "release, which listens to written"
        if (self.arm.gate is not None or self.arm.release is not None) and isinstance(question, Continue):
            raise TaskError(
                f"The arm {self.arm.name!r} has a {minded} tokens, and this task gives them.",
                "Leave the arm or the task out.",
            )

    def encode(self, prompt: Prompt, room: int = 0) -> EncodedPrompt:
        """Return the tokens of a prompt and those its emphasis hits.

        Raises:
            EmphasisError: The emphasis cannot be carried to tokens with certainty.
            ContextLengthError: The prompt, and ``room`` tokens behind it, do not fit into the model's context.
        """
        return self._prepared([prompt], room=room).rows.prompts[0]

    def ask(self, batch: Sequence[Asked]) -> list[tuple[Answer, Cost]]:
        """Ask one batch, whose questions are of one kind; the time of a row is its share of the batch's."""
        question = batch[0].example.question
        began = time.perf_counter()
        written: list[tuple[int, ...]] = []
        if isinstance(question, Generate):
            answers, written = self._generate(batch)
        elif isinstance(question, Choose):
            answers = self._choose(batch)
        else:
            answers = self._continue(batch)
        seconds = (time.perf_counter() - began) / len(batch)
        if written:
            answers = self._judged(batch, answers, written)
        return [(answer, self._cost(asked, seconds)) for answer, asked in zip(answers, batch, strict=True)]

    def _generate(self, batch: Sequence[Asked]) -> tuple[list[Answer], list[tuple[int, ...]]]:
        """Return the answers and the tokens of each."""
        questions = [asked.example.question for asked in batch]
        stop = _Complete(
            self.model.tokenizer,
            [question for question in questions if isinstance(question, Generate)],
            max(len(asked.encoded.ids) for asked in batch),
        )
        generations = self.model.generate(
            [asked.prompt for asked in batch],
            raw=True,
            route=self.route,
            careful=self.arm.careful,
            max_new_tokens=max(question.max_new_tokens for question in stop.questions),
            stopping_criteria=StoppingCriteriaList([stop]),
            **self._decoding(batch),
            **self.steering,
        )
        answers, written = [], []
        for generation, question, length in zip(generations, stop.questions, stop.lengths, strict=True):
            end, ids = complete_at(generation.text, question), generation.ids[:length]
            ended = end is not None or generation.finish_reason == "stop"
            answers.append(Answer(generation.text[:end], len(ids), ended))
            written.append(ids)
        return answers, written

    def _decoding(self, batch: Sequence[Asked]) -> dict[str, Any]:
        """How words are chosen: greedily, or drawn from all of them with a seed that the batch's examples say."""
        if not self.arm.temperature:
            return {}
        how = {"temperature": self.arm.temperature, "top_k": 0, "top_p": 1.0}
        return {"do_sample": True, "seed": seed_of(batch), **how}

    def _choose(self, batch: Sequence[Asked]) -> list[Answer]:
        read = self._read([asked.prompt for asked in batch], [()] * len(batch), steered=True)
        answers = []
        for logprobs, asked in zip(read, batch, strict=True):
            assert isinstance(asked.example.question, Choose)
            tokens = [self._follows(" " + word, asked)[0] for word in asked.example.question.candidates]
            answers.append(Answer(logprobs=tuple(logprobs[0, tokens].tolist())))
        return answers

    def _continue(self, batch: Sequence[Asked]) -> list[Answer]:
        answers: list[Answer] = []
        for few in _chunks(batch, READ_ROWS):
            texts = [question.text for asked in few if isinstance(question := asked.example.question, Continue)]
            tokens = [self._follows(text, asked)[:READ] for text, asked in zip(texts, few, strict=True)]
            steered = self._read([asked.prompt for asked in few], tokens, steered=True)
            plain = self._read([asked.plain for asked in few], tokens, steered=False)
            answers += [Answer(divergence=float(divergence(*pair))) for pair in zip(plain, steered, strict=True)]
        return answers

    def _judged(self, batch: Sequence[Asked], answers: list[Answer], written: list[tuple[int, ...]]) -> list[Answer]:
        """Add how likely the plain model, after the plain prompt, finds the answers."""
        judged = []
        for few in _chunks(list(zip(batch, answers, written, strict=True)), READ_ROWS):
            read = self._read([asked.plain for asked, _, _ in few], [ids for _, _, ids in few], steered=False)
            for (_, answer, ids), logprobs in zip(few, read, strict=True):
                judged.append(
                    replace(answer, plain_logprob=float(mean_logprob(logprobs, ids)) if answer.text else None)
                )
        return judged

    def _read(self, prompts: Sequence[Prompt], tokens: Sequence[Sequence[int]], *, steered: bool) -> list[Tensor]:
        prepared = self._prepared(prompts, steered=steered)
        if steered and self.arm.careful:
            prepared = careful(self.model, prepared)
        if is_gated(prepared) and not any(tokens):
            return list(first_logprobs(self.model, prepared, self.route)[:, None])
        return continuation_logprobs(self.model, prepared, tokens, route=self.route if steered else "auto")

    def _prepared(self, prompts: Sequence[Prompt], *, steered: bool = True, room: int = 0) -> Prepared:
        steering = self.steering if steered else {}
        return prepare(self.model.model, self.model.tokenizer, prompts, room=room, **steering)

    def _follows(self, text: str, asked: Asked) -> list[int]:
        """The tokens of ``text`` behind a prompt; looked up once for prompts that end alike."""
        key = (text, asked.encoded.text[-1:].isspace())
        if key not in self._known:
            self._known[key] = following(self.model.tokenizer, text, asked.encoded.text)
        return self._known[key]

    def _cost(self, asked: Asked, seconds: float) -> Cost:
        hit = sum(span.end - span.start for span in asked.encoded.spans)
        return Cost(round(seconds + asked.spent, 4), len(asked.encoded.ids), hit, len(self.aim.gains))


class _Complete(StoppingCriteria):
    """Ends every row at its complete answer, and remembers how many tokens that took (None: it did not get there).

    What follows in a row is padding, which may be the end token: no part of the answer, though it looks like one.
    """

    def __init__(self, tokenizer: Any, questions: list[Generate], width: int) -> None:
        self.tokenizer, self.questions, self.width = tokenizer, questions, width
        self.lengths: list[int | None] = [None] * len(questions)

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        written = input_ids[:, self.width :]
        for row, text in enumerate(self.tokenizer.batch_decode(written, skip_special_tokens=True)):
            if self.lengths[row] is None and complete_at(text, self.questions[row]) is not None:
                self.lengths[row] = written.shape[1]
        return torch.tensor([length is not None for length in self.lengths], device=input_ids.device)


def seed_of(batch: Sequence[Asked]) -> int:
    """Return the seed of drawn answers: the same for the same examples, whatever the arm."""
    rows = "\n".join(asked.example.id for asked in batch)
    return int.from_bytes(hashlib.sha256(rows.encode()).digest()[:7])


def _chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
