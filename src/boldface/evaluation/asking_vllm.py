"""Put prompts to a model that vLLM runs: the same questions, asked all at once, read as vLLM gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.batching import Sampling
from boldface.engine.vllm_model import VllmModel
from boldface.errors import RouteError, TaskError
from boldface.evaluation.aim import Aim
from boldface.evaluation.arm import Arm
from boldface.evaluation.asking import Asked, Asker, seed_of
from boldface.evaluation.complete import complete_at
from boldface.evaluation.writing import Prompt
from boldface.steering.plan import Steering
from boldface.tasks.example import Answer, Choose, Continue, Generate, Question


class VllmAsker(Asker):
    """Asks on behalf of one arm.

    vLLM batches as it likes, so the last bits of a number, and with them a greedy answer where two tokens are all but
    equal, may differ from run to run.

    Args:
        model: The model.
        arm: The arm.
        aim: What it steers.
        route: How the bias is carried; vLLM has one way of its own, ``auto``.
    """

    model: VllmModel

    def __init__(self, model: VllmModel, arm: Arm, aim: Aim, route: str = "auto") -> None:
        super().__init__(model, arm, aim, route)
        if route != "auto":
            raise TaskError(f"vLLM takes no route {route!r}.", "Leave --route out.")
        if aim.rule == "share":
            raise RouteError(
                f"The arm {arm.name!r} has the rule 'share', whose bias depends on the scores: vLLM does not carry it.",
                "Use the engine transformers.",
            )
        if arm.gate is not None:
            raise RouteError(
                f"The arm {arm.name!r} has a gate: vLLM runs no plain model beside.", "Use the engine transformers."
            )
        if arm.careful:
            raise TaskError(
                f"The arm {arm.name!r} reads the prompt in this process first.", "Use the engine transformers."
            )

    def rehearse(self) -> None:
        """Steer one short prompt, so that what the arm cannot have is told at once.

        Raises:
            BoldfaceError: The arm cannot be run on this model.
        """
        spans = (CharSpan(4, 7),) if self.steering else ()
        self._likely([EmphasisedText("Say yes now.", spans)], [[0]])

    def allow(self, question: Question) -> None:
        """Refuse questions about whole distributions: vLLM tells likely tokens, and those that are named.

        Raises:
            TaskError: This is one.
        """
        if isinstance(question, Continue):
            raise TaskError(
                "A task compares all of two distributions, which vLLM does not give.",
                "Leave the task out, or use the engine transformers.",
            )

    def encode(self, prompt: Prompt, room: int = 0) -> EncodedPrompt:
        """Return the tokens of a prompt; one place more is kept, for judging its answer.

        Raises:
            EmphasisError: The emphasis cannot be carried to tokens with certainty.
            ContextLengthError: They do not fit into the model's context.
        """
        return super().encode(prompt, room + 1)

    def _generate(self, batch: Sequence[Asked]) -> tuple[list[Answer], list[tuple[int, ...]]]:
        questions = [question for asked in batch if isinstance(question := asked.example.question, Generate)]
        generations = self.model.answer(
            self._prepared([asked.prompt for asked in batch]),
            [
                Sampling(max_tokens=question.max_new_tokens, temperature=self.arm.temperature, seed=seed_of([asked]))
                for asked, question in zip(batch, questions, strict=True)
            ],
            until=lambda row, text, ids: complete_at(text, questions[row]) is not None,
        )
        answers, written = [], []
        for generation, question in zip(generations, questions, strict=True):
            end = complete_at(generation.text, question)
            ended = end is not None or generation.finish_reason == "stop"
            answers.append(Answer(generation.text[:end], len(generation.ids), ended))
            written.append(generation.ids)
        return answers, written

    def _choose(self, batch: Sequence[Asked]) -> list[Answer]:
        tokens = [
            [self._follows(" " + word, asked)[0] for word in question.candidates]
            for asked in batch
            if isinstance(question := asked.example.question, Choose)
        ]
        return [Answer(logprobs=tuple(found)) for found in self._likely([asked.prompt for asked in batch], tokens)]

    def _judged(self, batch: Sequence[Asked], answers: list[Answer], written: list[tuple[int, ...]]) -> list[Answer]:
        engine = self.model.engine
        prompts = self._prepared([asked.plain for asked in batch], steered=False).rows.prompts
        asked = [
            engine.scores((*prompt.ids, *ids), Steering(), 0) if answer.text else None
            for prompt, ids, answer in zip(prompts, written, answers, strict=True)
        ]
        return [
            answer
            if scores is None
            else replace(answer, plain_logprob=fmean(score.logprob for score in scores.result()[-len(ids) :]))
            for answer, scores, ids in zip(answers, asked, written, strict=True)
        ]

    def _likely(self, prompts: Sequence[Prompt], tokens: Sequence[Sequence[int]]) -> list[list[float]]:
        """Return how likely each of some tokens is behind each prompt."""
        prepared, engine = self._prepared(prompts), self.model.engine
        rows = zip(prepared.rows.prompts, prepared.steerings, tokens, strict=True)
        asked = [engine.logprobs(prompt.ids, steering, of_row) for prompt, steering, of_row in rows]
        return [one.result() for one in asked]
