"""Conversations: every turn reads only what no earlier turn has read under the same emphasis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from boldface.emphasis.content import without_emphasis
from boldface.emphasis.emphasise import emphasise
from boldface.emphasis.locate import Occurrence
from boldface.emphasis.markup import parse
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.caches.blocks import Prefixes
from boldface.engine.caches.latest import Latest
from boldface.engine.generation import Generation
from boldface.engine.prompts import Prompt, is_batch
from boldface.engine.streaming import stream
from boldface.errors import CacheError, ChatError

if TYPE_CHECKING:
    from boldface.engine.model import Model


class Session:
    """A conversation with a model.

    ``messages`` is an ordinary list of OpenAI-style messages, and it is yours: take emphasis away, add some, reword or
    drop a turn. The next answer is the one that a new conversation with these messages would get; what is read anew
    for it begins at the first token that is another one, or is emphasised otherwise, than when it was read last.

    Args:
        model: The model.
        system: A system message to begin with; markup in it is read.
        messages: Messages to begin with.
        shared: Beginnings of prompts that several sessions share.
        how: Defaults of every answer: heads, alpha, factor, strength, scope, rule, share, route, overlap,
            max_new_tokens and whatever else :meth:`boldface.Model.generate` takes.

    Attributes:
        model: The model.
        messages: The conversation so far.
    """

    def __init__(
        self,
        model: Model,
        *,
        system: str | EmphasisedText | None = None,
        messages: Sequence[Mapping[str, Any]] = (),
        shared: Prefixes | None = None,
        **how: Any,
    ) -> None:
        self.model = model
        self.messages: list[dict[str, Any]] = [dict(message) for message in messages]
        self._memory, self._how = Latest(shared), how
        if system is not None:
            self.messages.insert(0, message_of("system", system))

    @property
    def tokens(self) -> int:
        """Tokens that the session remembers having read."""
        return len(self._memory.snapshot.trace)

    @property
    def size(self) -> int:
        """Bytes that it keeps for them."""
        return self._memory.snapshot.size

    def say(self, text: str | EmphasisedText, **options: Any) -> Generation:
        """Say something, have it answered, and add both to the messages.

        Args:
            text: What is said; markup in it is read.
            options: For this answer, before the session's own.
        """
        self.messages.append(message_of("user", text))
        try:
            return self.answer(**options)
        except BaseException:
            self.messages.pop()
            raise

    def answer(self, **options: Any) -> Generation:
        """Answer the messages as they stand, and add the answer; one that stands last already is given anew.

        Args:
            options: For this answer, before the session's own.

        Raises:
            ChatError: There is nothing to answer.
        """
        asked = self.messages[:-1] if self.messages and self.messages[-1].get("role") == "assistant" else self.messages
        if not asked:
            raise ChatError("There is nothing to answer: no messages.", "Say something first.")
        generation = self.generate(asked, **options)
        self.messages[len(asked) :] = [{"role": "assistant", "content": generation.text}]
        return generation

    def emphasise(
        self, *words: str, message: int | None = None, occurrence: Occurrence = "first", **strength: float | None
    ) -> None:
        """Emphasise words of a message, beside what is emphasised in it; no words means all of it.

        Args:
            words: Substrings, as the message has them.
            message: Which one; the last of a user unless given.
            occurrence: Which occurrence of the words.
            strength: One of alpha, factor and strength (nats), or none for the default.

        Raises:
            SpanError: The words are not there.
            ChatError: There is no such message, or its content is no text.
        """
        index = self._index(message)
        one = self.messages[index]
        marked = emphasise(one["content"], *words, occurrence=occurrence, **strength)
        self.messages[index] = {**one, "spans": [*one.get("spans", ()), *map(_said, marked.spans)]}

    def plain(self, message: int | None = None) -> None:
        """Take the emphasis of a message away.

        Args:
            message: Which one; all of them unless given.
        """
        for index in range(len(self.messages)) if message is None else [self._index(message)]:
            self.messages[index] = without_emphasis(self.messages[index])

    def generate(self, prompt: Prompt, **options: Any) -> Generation:
        """Answer any one prompt from what was read before; takes what :meth:`boldface.Model.generate` takes.

        ``Generation.cached`` says how many tokens were not read again.

        Raises:
            CacheError: For a batch, beams, and whatever else takes more than one cache.
        """
        if is_batch(prompt):
            raise CacheError("A session answers one prompt at a time.", "Ask model.generate for a batch.")
        generation: Generation = self.model.generate(prompt, memory=self._memory, **{**self._how, **options})
        return generation

    def stream(self, prompt: Prompt, **options: Any) -> Iterator[str]:
        """Yield the answer to any one prompt piece by piece; leaving early keeps what was read."""
        return stream(self.model, prompt, memory=self._memory, **{**self._how, **options})

    def forget(self) -> None:
        """Give the memory of what was read back; the messages stay."""
        self._memory.forget()

    def _index(self, message: int | None) -> int:
        if message is None:
            users = [index for index, one in enumerate(self.messages) if one.get("role") == "user"]
            message = users[-1] if users else len(self.messages)
        if not -len(self.messages) <= message < len(self.messages):
            raise ChatError(
                f"There is no message {message}: there are {len(self.messages)}.", "They are counted from 0."
            )
        index = message % len(self.messages)
        if not isinstance(self.messages[index].get("content"), str):
            raise ChatError(f"messages[{index}] is not one text.", "Change its parts in session.messages.")
        return index


def message_of(role: str, text: str | EmphasisedText) -> dict[str, Any]:
    """Return a message with the emphasis of a text; markup is read where it is a plain string."""
    known = parse(text) if isinstance(text, str) else text
    return {"role": role, "content": known.text, "spans": [*map(_said, known.spans)]}


def _said(span: CharSpan) -> dict[str, Any]:
    strength = {} if span.strength is None else {"strength": span.strength}
    return {"start": span.start, "end": span.end, **strength}
