"""Whether an answer is thinking just now, told from its text: models spell their marks in one token or in several."""

from __future__ import annotations

from collections import deque
from typing import Any

from boldface.steering.phases import Phases


class Thinking:
    """Follows one answer from mark to mark. Called with every token, it returns the level of the query that reads it.

    Args:
        phases: The levels, and the marks.
        prompt: Text of the prompt.
        tokenizer: The model's tokenizer.

    Attributes:
        thinks: Whether the last token was of the thinking; before the first one, whether the answer begins there.
    """

    def __init__(self, phases: Phases, prompt: str, tokenizer: Any) -> None:
        self.thinks = phases.opens(prompt)
        self._phases, self._tokenizer = phases, tokenizer
        longest = max(len(mark.encode()) for mark in (phases.begin, phases.end))
        self._tail: deque[int] = deque(maxlen=longest)  # a token has at least one byte

    @property
    def level(self) -> float:
        """Level of the next query."""
        return self._phases.of(self.thinks)

    def __call__(self, token: int) -> float:
        """Take the next token of the answer."""
        self._tail.append(token)
        text = self._tokenizer.decode(list(self._tail), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        if (self._phases.end if self.thinks else self._phases.begin) in text:
            self.thinks = not self.thinks
            self._tail.clear()
        return self.level
