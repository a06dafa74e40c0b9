"""The second question about a document that was read before: time to the first token, tokens read, bytes kept.

    python benchmarks/sessions.py --full --resume

``fresh`` reads everything anew, steered, as every question would without a cache. The other arms answer the same
question from what was kept: ``session`` after another question about the document, ``document`` from one that was read
before any question, ``document, plain questions`` likewise with nothing steered but the reading, ``from file`` with the
file read and checked first, ``answer scope`` a session in which another sentence is emphasised than in the question
before, and ``shared prefixes`` a prompt whose beginning another prompt has left in memory. A time holds all that a call
does: encoding, steering, the copy of what was kept, the forward, the first token.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count, pairwise
from typing import Any

from pairs import interleave
from store import Rounds, machine, options
from subject import MODEL, read_text

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.caches.blocks import Prefixes
from boldface.engine.caches.owner import lasting_owner
from boldface.engine.caches.shelf import Shelf
from boldface.engine.documents import Document
from boldface.engine.generation import Generation
from boldface.engine.model import Model

SIZES = {"quick": "1000=3 4000=3", "full": "1000=15 4000=15"}
ANSWER = 16
"""Tokens of the answers that are compared."""
SUBJECTS = ("place", "year", "person", "number", "reason", "title", "river", "war", "song", "game")


class Reader:
    """A document, and every way to ask it.

    Args:
        model: The model.
        tokens: Of the document.
        folder: Where its file lies.
    """

    def __init__(self, model: Model, tokens: int, folder: str) -> None:
        self.model = model
        text = read_text()[1]
        ids = model.tokenizer(text, verbose=False).input_ids
        ids = (ids * -(-tokens // len(ids)))[:tokens]
        self.text = model.tokenizer.decode(ids)
        sentences = [place for place, letter in enumerate(self.text) if letter == "."]
        self.spans = [CharSpan(a + 2, b) for a, b in pairwise(sentences) if b - a > 40]
        marked = EmphasisedText(self.text, (self.spans[1],))
        self.document = model.read(marked)
        self.plain = model.read(marked, questions="plain")
        self.shelf = Shelf(folder)
        self.file = self.document.save(self.shelf, "document")
        self.session, self.answering = model.session(), model.session(scope="answer")
        self.prefixes = Prefixes(2**31)
        self._questions, self._last = self._ask(), 1
        for keep in (self.session, self.answering):
            keep.generate(self.prompt(next(self._questions)), max_new_tokens=1)
        model.generate(self.prompt(next(self._questions)), memory=self.prefixes, max_new_tokens=1)

    def _ask(self) -> Iterator[str]:
        for number in count():
            yield f"Question {number}: which {SUBJECTS[number % len(SUBJECTS)]} does this text name?"

    def prompt(self, question: str, span: int = 1) -> EmphasisedText:
        """The document, a sentence of it emphasised, and a question."""
        return EmphasisedText(f"{self.text}\n\n{question}", (self.spans[span],))

    def ways(self, **how: Any) -> dict[str, Callable[[str], Generation]]:
        """Every way to answer a question, by name."""

        def another(question: str) -> Generation:
            self._last = (self._last + 1) % len(self.spans)
            return self.answering.generate(self.prompt(question, self._last), **how)

        return {
            "fresh": lambda question: self.model.generate(self.prompt(question), **how),
            "session": lambda question: self.session.generate(self.prompt(question), **how),
            "document": lambda question: self.document.ask(question, **how),
            "document, plain questions": lambda question: self.plain.ask(question, **how),
            "shared prefixes": lambda question: self.model.generate(self.prompt(question), memory=self.prefixes, **how),
            "answer scope": another,
            "from file": lambda question: Document.load(self.model, self.shelf, "document").ask(question, **how),
        }

    def arms(self) -> dict[str, Callable[[], float]]:
        """What asks a new question and gives the seconds to the first token of its answer."""
        return {name: self._timed(way) for name, way in self.ways(max_new_tokens=1).items()}

    def _timed(self, way: Callable[[str], Generation]) -> Callable[[], float]:
        def run() -> float:
            question = next(self._questions)
            began = time.perf_counter()
            way(question)
            return time.perf_counter() - began

        return run

    def note(self, store: Rounds, case: str) -> None:
        """Write down what was read and kept, and whether answers are those of reading anew."""
        ways, question = self.ways(max_new_tokens=ANSWER), next(self._questions)
        fresh = ways.pop("fresh")(question)
        answers = {name: way(question) for name, way in ways.items()}
        whole = len(fresh.prompt.ids)
        read = {name: f"{len(one.prompt.ids) - one.cached} of {len(one.prompt.ids)}" for name, one in answers.items()}
        store.note(case, read={"fresh": str(whole), **read})
        again = self.model.read(EmphasisedText(self.text, (self.spans[1],)), questions="plain")
        span = self.spans[self._last]
        anew = {
            "document, plain questions": again.ask(question, max_new_tokens=ANSWER),
            "answer scope": self.model.generate(
                EmphasisedText(f"{self.text}\n\n{question}", (span,)), scope="answer", max_new_tokens=ANSWER
            ),
        }
        same = {name: one.ids == anew.get(name, fresh).ids for name, one in answers.items()}
        store.note(case, same_answers=same)
        store.note(
            case,
            kept={
                "session": f"{self.session.size / 1e6:.0f} MB",
                "document": f"{self.document.snapshot.size / 1e6:.0f} MB",
                "file": f"{self.file.size / 1e6:.0f} MB",
                "a token": f"{self.document.snapshot.size / len(self.document.snapshot.trace):.0f} bytes",
            },
        )


def main() -> None:
    """Run the benchmark."""
    import torch

    chosen = options(__doc__, SIZES)
    torch.set_num_threads(chosen.threads)
    model = boldface.load(MODEL)
    facts = {**machine(), "threads": chosen.threads, "model": lasting_owner(model)[:8], "text": read_text()[0]}
    store = Rounds(chosen.out / "sessions.jsonl", facts, resume=chosen.resume)
    for length, rounds in chosen.rounds.items():
        case = f"second question {length}"
        with tempfile.TemporaryDirectory() as folder:
            reader = Reader(model, length, folder)
            interleave(store, case, reader.arms(), rounds)
            reader.note(store, case)


if __name__ == "__main__":
    main()
