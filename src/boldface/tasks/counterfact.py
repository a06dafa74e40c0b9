"""CounterFact (Meng et al. 2022) as PASTA asks it: an old and a new statement in the prompt, the new one emphasised."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.tasks.data import Data, read_rows, shuffled
from boldface.tasks.example import Answer, Choose, Example
from boldface.tasks.fields import with_fields
from boldface.tasks.split import Split, split_of
from boldface.tasks.task import Metric, Scores, Task

_PUBLISHED = "rome.baulab.info/data/dsets/counterfact.json"
_ARTIFACTS = (" (b. ", "(tr. ", "(min. ")
_NEIGHBOURS = 10
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*\s+")

_EFFICACY = (
    Metric(
        "efficacy",
        "ES",
        "The first token of the new answer is more probable than that of the old one (the paper's). Answers that share "
        "a first token are a tie, and a tie is wrong.",
    ),
    Metric(
        "efficacy_magnitude",
        "EM",
        "Probability of the new answer's first token minus that of the old one's (the paper's magnitude).",
    ),
)
_FULL = (
    _EFFICACY[0],
    Metric("paraphrase", "PS", "As ES, asked by the two paraphrases of the row as they stand, averaged (the paper's)."),
    Metric(
        "neighbourhood",
        "NS",
        "Asked about up to ten neighbours of the subject, behind the same statements, the old answer is more probable: "
        "the emphasised fact does not leak (ROME's measure, with PASTA's prompt).",
    ),
    _EFFICACY[1],
)


@dataclass(frozen=True)
class Fact:
    """A row.

    Attributes:
        key: Its case id.
        subject: What the fact is about.
        prompt: The statement up to its answer, subject filled in.
        new: The false answer that is stated as current.
        true: The true answer, stated as previous.
        question: The paraphrase from which the answer is asked, without the random sentence before it.
        paraphrases: Paraphrases as the row has them.
        neighbours: The same question about other subjects that share the true answer.
    """

    key: str
    subject: str
    prompt: str
    new: str
    true: str
    question: str
    paraphrases: tuple[str, ...] = ()
    neighbours: tuple[str, ...] = ()


def bare_question(prompt: str, subject: str) -> str:
    """Return a paraphrase without the unrelated text that CounterFact puts before most of them.

    PASTA's code finds the sentence that holds the subject by a parser; here it begins after the last sentence end
    before the subject, since no template has a full stop of its own.
    """
    prompt = prompt.split("\n")[-1].strip()
    if prompt.startswith("Category:"):
        prompt = subject + prompt.split(subject)[-1]
    for artifact in _ARTIFACTS:
        prompt = prompt.split(artifact)[-1]
    ends = [end.end() for end in _SENTENCE_END.finditer(prompt, 0, max(0, prompt.rfind(subject)))]
    return prompt[ends[-1] :] if ends else prompt


def _complete(data: Data) -> list[Fact]:
    names = ("counterfact/counterfact.json", "counterfact.json", "counterfact/counterfact_full.jsonl.gz")
    path = data.find(names, what="CounterFact", published=_PUBLISHED)
    fields = ("case_id", "requested_rewrite", "paraphrase_prompts", "neighborhood_prompts")
    return [_of_record(row) for row in with_fields(path, read_rows(path), *fields)]


def _of_record(row: Mapping[str, Any]) -> Fact:
    rewrite = row["requested_rewrite"]
    subject, paraphrases = rewrite["subject"], row["paraphrase_prompts"]
    return Fact(
        str(row["case_id"]),
        subject,
        rewrite["prompt"].replace("{}", subject),
        rewrite["target_new"]["str"],
        rewrite["target_true"]["str"],
        bare_question(paraphrases[0], subject),
        tuple(paraphrases),
        tuple(row["neighborhood_prompts"][:_NEIGHBOURS]),
    )


def _short(data: Data) -> list[Fact]:
    names = ("counterfact/counterfact.jsonl.gz", "counterfact.jsonl.gz")
    path = data.find(names, what="CounterFact in its short form", published=_PUBLISHED)
    fields = ("case_id", "subject", "prompt", "target_new", "target_true", "rephrase_prompt", "relation_id")
    templates = _templates(data)
    return [
        Fact(
            str(row["case_id"]),
            row["subject"],
            row["prompt"],
            row["target_new"],
            row["target_true"],
            _paraphrase(row, templates[row["relation_id"]]),
        )
        for row in with_fields(path, read_rows(path), *fields)
        if row["relation_id"] is not None
    ]


def _templates(data: Data) -> dict[str, list[str]]:
    names = ("counterfact/relation_templates.jsonl.gz", "relation_templates.jsonl.gz")
    path = data.find(names, what="the templates of CounterFact's relations", published=_PUBLISHED)
    rows = with_fields(path, read_rows(path), "relation_id", "counterfact_templates")
    return {row["relation_id"]: row["counterfact_templates"] for row in rows}


def _paraphrase(row: Mapping[str, Any], templates: list[str]) -> str:
    """Return the row's rephrasing where it asks for the fact, else the fact in another template of its relation.

    Most rows of the short form have a prompt for free text there (*People in Seoul's twin city speak the language
    of*), which no target answers.
    """
    known = [template.replace("{}", row["subject"]) for template in templates]
    given = bare_question(row["rephrase_prompt"], row["subject"])
    others = [question for question in known if question != row["prompt"]]
    return given if given in others else random.Random(f"counterfact:{row['case_id']}").choice(others)


def task(name: str, title: str, says: str, read: Callable[[Data], list[Fact]], metrics: tuple[Metric, ...]) -> Task:
    """Return the task on one form of the data."""

    def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
        facts = [fact for fact in read(data) if split_of("counterfact", fact.key) == split]
        for fact in shuffled(facts, f"counterfact:{split}"):
            yield from _examples(fact)

    def score(example: Example, answer: Answer) -> Scores:
        found = scores(example, answer)
        return {metric.name: found[metric.name] for metric in metrics}

    return Task(
        name,
        title,
        "“Previously” the true fact, “Currently” a false one, then a question about the subject. What the false one "
        f"says of the subject is emphasised; the rival is what the true one says. {says}",
        metrics,
        examples,
        score,
    )


def scores(example: Example, answer: Answer) -> dict[str, float | None]:
    """Return every score of a choice between new and true answer; None for those of another kind of question."""
    new, true = answer.logprobs
    kind = example.info["kind"]
    return {
        "efficacy": float(new > true) if kind == "efficacy" else None,
        "efficacy_magnitude": math.exp(new) - math.exp(true) if kind == "efficacy" else None,
        "paraphrase": float(new > true) if kind == "paraphrase" else None,
        "neighbourhood": float(true > new) if kind == "neighbourhood" else None,
    }


def _examples(fact: Fact) -> Iterator[Example]:
    now = f"{fact.prompt} {fact.new}"
    attribute = now.split(fact.subject)[-1].strip(",-;: ")
    if not attribute:  # the answer is the subject itself ("Prague is a twin city of Prague"): nothing to emphasise
        return
    before = now.replace(fact.new, fact.true)
    start = f"Previously {before}. Currently "
    head = f"{start}{now}. "
    asked = _last(f"{start}{now}", attribute)
    other = _last(f"Previously {before}", attribute.replace(fact.new, fact.true))
    kinds = {"efficacy": (fact.question,), "paraphrase": fact.paraphrases, "neighbourhood": fact.neighbours}
    for kind, questions in kinds.items():
        for number, question in enumerate(questions):
            yield Example(
                f"{fact.key}:{kind}:{number}",
                fact.key,
                EmphasisedText(head + question, (asked,)),
                Choose((fact.new, fact.true)),
                other=(other,),
                answer_start=len(head),
                target=f" {fact.true if kind == 'neighbourhood' else fact.new}",
                rival=f" {fact.true}",
                info={"kind": kind},
            )


def _last(text: str, words: str) -> CharSpan:
    start = text.rindex(words)
    return CharSpan(start, start + len(words))


TASKS = (
    task(
        "counterfact",
        "CounterFact",
        "Complete records only; a row is one question for ES, two for PS and ten for NS.",
        _complete,
        _FULL,
    ),
    task(
        "counterfact-efficacy",
        "CounterFact, efficacy",
        "The short form of the data: one question a row, no paraphrases, no neighbours. Where a row has no paraphrase "
        "of its own, another template of its relation asks; rows whose relation is unknown (1.4 %) are left out.",
        _short,
        _EFFICACY,
    ),
)
