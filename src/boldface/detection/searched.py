"""What detectors read: the sentences of a text that may be emphasised, and the question that is asked of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from boldface.detection.cutting import Paragraph, Piece, Sentence, cut

_NAMED = re.compile(r"^[ \t]*(?:question|query|q)[ \t]*[:.)][ \t]*(?P<asked>\S[^\n]*)", re.IGNORECASE | re.MULTILINE)
_CUE = re.compile(r"(?:\w+[ \t]){0,3}\w+[ \t]*:?")
"""What stands behind a question for the model to go on from: ``Answer:``, ``The answer is``."""
_BREAK = "\n"


@dataclass(frozen=True)
class Searched:
    """A text as detectors read it.

    Attributes:
        text: The text.
        whole: All its sentences, in order.
        sentences: Those of them that may be evidence: not the question, nor a cue behind it.
        paragraphs: Its paragraphs, in order.
        question: What is asked of it; empty where nothing is.
    """

    text: str
    whole: tuple[Sentence, ...]
    sentences: tuple[Sentence, ...]
    paragraphs: tuple[Paragraph, ...]
    question: str = ""

    def words(self, piece: Piece) -> str:
        """Return the text of a sentence or a paragraph."""
        return self.text[piece.start : piece.end]

    @cached_property
    def context(self) -> str:
        """The sentences that may be evidence, a line for every paragraph: what a model is given to read."""
        return "".join(lead + self.words(sentence) for lead, sentence in self._laid_out)

    @cached_property
    def held(self) -> tuple[int, ...]:
        """The paragraphs that hold a sentence which may be evidence."""
        return tuple(sorted({sentence.paragraph for sentence in self.sentences}))

    def title(self, paragraph: int) -> str:
        """Return the heading of a paragraph, or its first sentence where it has none."""
        return self._titles.get(paragraph, "")

    def is_heading(self, sentence: Sentence) -> bool:
        """Whether a sentence is the line above the text of its paragraph."""
        paragraph = self.paragraphs[sentence.paragraph]
        return "\n" in self.text[sentence.end : paragraph.end] and "\n" not in self.text[paragraph.start : sentence.end]

    def placed(self, piece: Piece) -> tuple[int, int]:
        """Return where a piece stands in the context; an empty range where none of it does."""
        inside = [
            self._places[index]
            for index, sentence in enumerate(self.sentences)
            if sentence.start < piece.end and piece.start < sentence.end
        ]
        return (inside[0][0], inside[-1][1]) if inside else (0, 0)

    @cached_property
    def _titles(self) -> dict[int, str]:
        first: dict[int, str] = {}
        for sentence in self.whole:
            first.setdefault(sentence.paragraph, self.words(sentence))
        return first

    @cached_property
    def _laid_out(self) -> list[tuple[str, Sentence]]:
        laid_out: list[tuple[str, Sentence]] = []
        for sentence in self.sentences:
            same = bool(laid_out) and laid_out[-1][1].paragraph == sentence.paragraph
            laid_out.append(("" if not laid_out else " " if same else _BREAK, sentence))
        return laid_out

    @cached_property
    def _places(self) -> list[tuple[int, int]]:
        places: list[tuple[int, int]] = []
        end = 0
        for lead, sentence in self._laid_out:
            start = end + len(lead)
            end = start + sentence.end - sentence.start
            places.append((start, end))
        return places


def search(text: str, question: str | None = None, *, language: str = "en") -> Searched:
    """Cut a text, and find the question in it.

    The question is the last line that is named one (``Question: …``), else the last sentence that ends in a question
    mark, else what the text breaks off with. It is no candidate, nor is a cue behind it (``Answer:``).

    Args:
        text: The text, without markup.
        question: The question, where it is known; looked up in the text so that it is not proposed itself.
        language: Language of the text, for the sentence splitter.

    Raises:
        MissingError: The sentence splitter is not installed.
    """
    sentences, paragraphs = cut(text, language)
    asked = _asked(text, sentences) if question is None else _given(text, question)
    if asked is None:
        return Searched(text, sentences, sentences, paragraphs, (question or "").strip())
    start, end = asked
    kept = tuple(
        sentence
        for sentence in sentences
        if not (sentence.start < end and start < sentence.end) and not _is_cue(text, sentence, end)
    )
    return Searched(text, sentences, kept, paragraphs, text[start:end])


def find_question(text: str, *, language: str = "en") -> str:
    """Return the question in a text, as :func:`search` finds it; empty when there is none."""
    asked = _asked(text, cut(text, language)[0])
    return text[slice(*asked)] if asked else ""


def _asked(text: str, sentences: tuple[Sentence, ...]) -> tuple[int, int] | None:
    if named := list(_NAMED.finditer(text)):
        start = named[-1].start("asked")
        return start, start + len(named[-1]["asked"].rstrip())
    if questions := [one for one in sentences if text[one.start : one.end].rstrip("\"'”’)").endswith("?")]:
        return questions[-1].start, questions[-1].end
    if len(sentences) > 1 and text[sentences[-1].end - 1].isalnum():
        return sentences[-1].start, sentences[-1].end
    return None


def _given(text: str, question: str) -> tuple[int, int] | None:
    words = question.strip()
    start = text.rfind(words) if words else -1
    return (start, start + len(words)) if start >= 0 else None


def _is_cue(text: str, sentence: Sentence, behind: int) -> bool:
    """Whether a sentence only asks to go on after the question."""
    is_last = sentence.start >= behind and not text[sentence.end :].strip()
    return is_last and bool(_CUE.fullmatch(text[sentence.start : sentence.end]))
