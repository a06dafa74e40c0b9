"""Judge: a language model says whether an answer is right."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from boldface.emphasis.span import EmphasisedText
from boldface.engine.model import Model
from boldface.engine.prompts import Prompt
from boldface.engine.scoring import continuation_logprobs, following
from boldface.engine.steer import prepare
from boldface.errors import CheckError
from boldface.insight.diagnosis.checks import Checked

WORDS = {"yes": ("Yes", " Yes", "yes", " yes"), "no": ("No", " No", "no", " no")}
"""What the judge may begin its reply with."""


@dataclass(frozen=True)
class Judge:
    """A model is asked a question about the answer, and replies yes or no: whichever it finds likelier.

    Attributes:
        model: The judge; nothing of it is steered.
        question: What is asked, for example ``Is this polite?``.
        request: What the answer answers, for judges that should know it; empty for none.

    Raises:
        CheckError: Nothing is asked.
    """

    model: Model = field(repr=False)
    question: str
    request: str = ""
    opening = ""

    def __post_init__(self) -> None:
        if not self.question.strip():
            raise CheckError("The judge is asked nothing.", "Write a question that yes or no answers.")

    @property
    def name(self) -> str:
        """What it asks."""
        return f"{self.model.title or 'the judge'} says yes to {self.question!r}"

    def check(self, answer: str) -> Checked:
        """Ask the judge.

        Raises:
            BoldfaceError: The question and the answer do not fit into the judge's context.
        """
        share = self.certainty(answer)
        return Checked(share > 0.5, f"yes with probability {share:.2f}")

    def is_settled(self, answer: str) -> bool:
        """Nothing is known before the answer is whole."""
        return False

    def certainty(self, answer: str) -> float:
        """Return the probability of yes, of yes and no together."""
        prepared = prepare(self.model.model, self.model.tokenizer, [self._prompt(answer)], room=1)
        (logprobs,) = continuation_logprobs(self.model, prepared, [()])
        text = prepared.rows.prompts[0].text
        first = {
            reply: {following(self.model.tokenizer, word, text)[0] for word in words} for reply, words in WORDS.items()
        }
        yes, no = (
            math.fsum(math.exp(float(logprobs[0, token])) for token in tokens - other)
            for tokens, other in ((first["yes"], first["no"]), (first["no"], first["yes"]))
        )
        return yes / (yes + no)

    def _prompt(self, answer: str) -> Prompt:
        before = f"Request:\n{self.request}\n\n" if self.request else ""
        asked = f"{before}Answer:\n{answer}\n\n{self.question} Reply with yes or no."
        return [{"role": "user", "content": asked}] if self.model.chat else EmphasisedText(f"{asked}\nReply:")
