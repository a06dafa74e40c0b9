"""Questions on texts, by every way of emphasising the evidence, marked or detected, and of keeping what was read.

    python benchmarks/evidence.py --to docs/results/evidence.md
    python benchmarks/evidence.py --models smollm2 --only squad --parts answers --minutes 10
    python benchmarks/evidence.py --parts nothing --to docs/results/evidence.md

The first asks, times and writes the page; what is in the files of ``--folder`` is not asked again, so a run that was
stopped goes on where it stood. Every way answers the same question of the same prompt; two ways that emphasise the same
words the same way are asked once. Answers are taken behind the document as it was kept, which changes nothing but
rounding; how long a first token takes is measured with nothing kept and with the document kept. What the ways are is
said in ``evidence_page.py``, which writes the page.
"""

from __future__ import annotations

import random
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from evidence_page import CASES, ORACLE, WAYS, Case, Way, file_name, write_page
from transformers import StoppingCriteria, StoppingCriteriaList

import boldface
from boldface.detection.detect import detect
from boldface.detection.fitted import fitted
from boldface.detection.names import DEFAULT
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.documents import Document
from boldface.engine.fingerprint import fingerprint
from boldface.engine.generation import Generation
from boldface.engine.model import Model
from boldface.engine.settings import settings
from boldface.evaluation.complete import complete_at
from boldface.evaluation.record import AnswerRecord, read_example
from boldface.profiles.profile import Profile
from boldface.records.store import Store, key_of, read
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Example, Generate

PROFILES = {"smollm2": "smollm2-evidence", "gemma": "gemma"}
"""Model to the profile that its heads come from."""
SPLIT = "test"
Spans = list[list[int]]


def main() -> None:
    """Read the command line, ask, time, and write the page."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--only", nargs="+", default=[""], help="cases whose name begins so")
    parser.add_argument("--parts", nargs="+", default=["answers", "times"], choices=["answers", "times", "nothing"])
    parser.add_argument("--minutes", type=float, default=1e9, help="of computing; stop after the question at work")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--known", type=Path, nargs="+", default=[], help="records of `boldface evaluate` to take over")
    parser.add_argument("--folder", type=Path, default=Path("build/evidence"), help="where records are kept")
    parser.add_argument("--to", type=Path, help="where the page is written")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    stop = time.process_time() + 60 * asked.minutes
    for name in asked.models if asked.parts != ["nothing"] else ():
        subject = Subject.load(name)
        for part, do in (("answers", answers), ("times", times)):
            if part in asked.parts:
                _go_through(subject, do, asked, stop)
    if asked.to:
        write_page(asked.folder, asked.to)


@dataclass(frozen=True)
class Subject:
    """A model, the profile whose heads are steered, and what all that is found depends on."""

    name: str
    model: Model
    heads: Profile
    facts: Mapping[str, Any]

    @classmethod
    def load(cls, name: str) -> Subject:
        """Load a model and its profile."""
        model, heads = boldface.load(name, dtype="bfloat16"), Profile.load(PROFILES[name])
        gains = {str(head): gain for head, gain in heads.gains.items()}
        facts = {
            "model": name,
            "fingerprint": fingerprint(model.model, model.tokenizer),
            "profile": PROFILES[name],
            "gains": key_of(gains=gains, strength=heads.strength, rule=heads.rule, scope=heads.scope),
            "split": SPLIT,
            "dtype": "bfloat16",
        }
        return cls(name, model, heads, facts)


class Reading:
    """One question on one document, asked of one model.

    Args:
        subject: The model.
        case: What the question is a case of.
        example: The question.
    """

    def __init__(self, subject: Subject, case: Case, example: Example) -> None:
        assert isinstance(example.question, Generate)
        self.subject, self.case, self.example, self.asked = subject, case, example, example.question
        self.text = example.prompt.text
        self.cut = self.text.rindex("Question:")
        self.place = {"case": case.name, "example": example.id}

    @cached_property
    def plain(self) -> Document:
        """The document, read plain and kept: what it begins with serves every emphasis."""
        return self.subject.model.read(EmphasisedText(self.text[: self.cut]), raw=True, between="")

    def read_once(self, spans: Spans) -> Document:
        """Read the document under its emphasis, for questions that are asked plain."""
        return self.subject.model.read(
            self._marked(spans, self.cut), heads=self.subject.heads, questions="plain", between="", raw=True
        )

    def find(self, way: Way) -> Spans:
        """Return what is emphasised: marked by the data, or found now in what the way may look at."""
        if not way.spans:
            return []
        if way.spans == ORACLE:
            found = self.example.prompt.spans
        else:
            text, question = (self.text[: self.cut], "") if way.once else (self.text, None)
            prompt = detect(EmphasisedText(text), way.spans, model=self.subject.model, question=question).prompt
            assert isinstance(prompt, EmphasisedText)
            found = prompt.spans
        return sorted([span.start, span.end] for span in found)

    def ask(self, way: Way, spans: Spans, document: Document | None, **how: Any) -> Generation:
        """Answer the question, reading no more than has to be read behind a document; None is all of it."""
        if way.once:
            assert document is not None
            return document.ask(EmphasisedText(self.text[self.cut :]), **how)
        if way.answer_alone:
            how["scope"] = "answer"
        found: Generation = self.subject.model.generate(
            self._marked(spans), heads=self.subject.heads, raw=True, memory=document, **how
        )
        return found

    def key(self, way: Way, spans: Spans) -> str:
        """Return the key of an answer: of all that it depends on."""
        return key_of(kind="answer", once=way.once, answer_alone=way.answer_alone, spans=spans, **self.place)

    def answer(self, way: Way, spans: Spans) -> dict[str, Any]:
        """Return a record: what was answered, how right it is, what was read for it and what was kept."""
        document = self.read_once(spans) if way.once else self.plain
        line = _Line(self.subject.model.tokenizer, self.asked)
        said = self.ask(
            way,
            spans,
            document,
            max_new_tokens=self.asked.max_new_tokens,
            stopping_criteria=StoppingCriteriaList([line]),
        )
        text = said.text[: complete_at(said.text, self.asked)]
        whole = len(said.prompt.ids)
        return {
            "text": text,
            "scores": find_task(self.case.task).score(self.example, Answer(text)),
            "read": whole - said.cached,
            "of": whole,
            "kept": document.snapshot.size,
        }

    def first_token(self, way: Way) -> dict[str, float]:
        """Return the seconds to a first token, detection included: with nothing kept, and with the document kept."""
        found, finding = _timed(lambda: self.find(way))
        if way.once:
            document, reading = _timed(lambda: self.read_once(found))
            _, kept = _timed(lambda: self.ask(way, found, document, max_new_tokens=1))
            return {"afresh": finding + reading + kept, "kept": kept}
        _, afresh = _timed(lambda: self.ask(way, found, None, max_new_tokens=1))
        _, kept = _timed(lambda: self.ask(way, found, self.plain, max_new_tokens=1))
        return {"afresh": finding + afresh, "kept": finding + kept}

    def _marked(self, spans: Spans, end: int | None = None) -> EmphasisedText:
        return EmphasisedText(self.text[:end], tuple(CharSpan(*span) for span in spans))


class _Line(StoppingCriteria):
    """Ends an answer where it is complete."""

    def __init__(self, tokenizer: Any, question: Generate) -> None:
        self.tokenizer, self.question, self.start = tokenizer, question, -1

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        if self.start < 0:
            self.start = input_ids.shape[1] - 1
        text = self.tokenizer.decode(input_ids[0, self.start :], skip_special_tokens=True)
        return torch.tensor([complete_at(text, self.question) is not None], device=input_ids.device)


def answers(reading: Reading, ways: Sequence[Way], store: Store) -> None:
    """Answer one question in every way that has not answered it yet."""
    for way in ways:
        fits = [asdict(fitted()[name]) for name in _asked_names(way.spans) if name in fitted()]
        key = key_of(kind="spans", source=way.spans, once=way.once, fits=fits, **reading.place)
        if key not in store.records:
            found = {"spans": reading.find(way), "source": way.spans, "once": way.once}
            store.append([{"key": key, "kind": "spans", **reading.place, **found}])
        spans = store.records[key]["spans"]
        if (key := reading.key(way, spans)) not in store.records:
            how = {"once": way.once, "answer_alone": way.answer_alone, "spans": spans}
            store.append([{"key": key, "kind": "answer", **reading.place, **how, **reading.answer(way, spans)}])


_LOADED: set[str] = set()
"""Detectors that have found something before."""


def _asked_names(source: str) -> tuple[str, ...]:
    return ("evidence", "instructions") if source == DEFAULT else (source,)


def times(reading: Reading, ways: Sequence[Way], store: Store) -> None:
    """Time the first token of one question in every way, in random order, those in the store left out."""
    keys = {way: key_of(kind="time", way=way.name, **reading.place) for way in ways}
    left = [way for way in ways if keys[way] not in store.records]
    random.Random(reading.example.id).shuffle(left)
    if left:  # what is loaded once is no part of it
        for way in {way.spans: way for way in left if way.spans not in _LOADED}.values():
            reading.find(way)
            _LOADED.add(way.spans)
        reading.ask(ways[0], [], reading.plain, max_new_tokens=1)
    for way in left:
        store.append([{"key": keys[way], "kind": "time", **reading.place, "way": way.name, **reading.first_token(way)}])


def taken_over(path: Path, subject: Subject, case: Case) -> list[dict[str, Any]]:
    """Return the answers of an evaluation to the questions of a case: plain, steered, and with detected evidence.

    Raises:
        SystemExit: They are of other weights or heads.
    """
    facts, lines = read(path)
    if facts["model"] != subject.name:
        return []
    ours = {name: subject.facts[name] for name in ("fingerprint", "dtype")}
    steered = {"heads": len(subject.heads.gains), "strength": subject.heads.strength, "rule": subject.heads.rule}
    if {name: facts[name] for name in ours} != ours or {name: facts["profile"][name] for name in steered} != steered:
        raise SystemExit(f"{path} is of another model or profile than {PROFILES[subject.name]} on {subject.name}.")
    detected = {line["example"]: line["spans"] for line in lines if (line["kind"], line.get("detector")) == _DETECTED}
    examples = {line["example"]["id"]: read_example(line) for line in lines if line["kind"] == "example"}
    found = []
    for line in lines:
        if line["kind"] != "answer" or line["case"] != _case(case) or line["arm"] not in ("plain", "steered", _BY):
            continue
        told = AnswerRecord.from_line(line)
        reading = Reading(subject, case, examples[told.example])
        spans = reading.find(WAYS[1]) if told.arm == "steered" else []
        if told.arm == _BY:
            spans = sorted([span["start"], span["end"]] for span in detected[told.example])
        how = {"once": False, "answer_alone": False, "spans": spans}
        scores = find_task(case.task).score(reading.example, told.answer)
        said = {"text": told.answer.text, "scores": scores, "of": told.cost.prompt_tokens}
        found.append({"key": reading.key(WAYS[0], spans), "kind": "answer", **reading.place, **how, **said})
    return found


_BY, _DETECTED = "auto=evidence", ("detected", "evidence")


def _case(case: Case) -> dict[str, str]:
    return {"task": case.task, "setting": "raw", "variant": case.variant, "split": SPLIT}


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    return call(), time.perf_counter() - began


def _go_through(
    subject: Subject, do: Callable[[Reading, Sequence[Way], Store], None], asked: Namespace, stop: float
) -> None:
    """Do something with every question of the plan, case by case."""
    data = Data(settings().data)
    for case in CASES[subject.name]:
        if not any(case.name.startswith(name) for name in asked.only):
            continue
        with Store(asked.folder / f"{file_name(subject.name, case)}.jsonl", subject.facts) as store:
            for path in asked.known:
                store.append(taken_over(path, subject, case))
            for example, ways in _questions(case, data, timed=do is times):
                if time.process_time() > stop:
                    return
                do(Reading(subject, case, example), ways, store)
                print(f"{time.strftime('%H:%M:%S')} {subject.name}, {case.name}: {example.id}", flush=True)


def _questions(case: Case, data: Data, *, timed: bool) -> Iterator[tuple[Example, list[Way]]]:
    """Yield the questions of a case, with the ways that each of them is asked in."""
    found = find_task(case.task).examples(data, SPLIT, case.variant)
    for number, example in enumerate(islice(found, case.timed if timed else case.rows)):
        yield example, case.timed_ways(number) if timed else case.ways(number)


if __name__ == "__main__":
    main()
