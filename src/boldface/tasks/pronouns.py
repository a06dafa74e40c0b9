"""Changing pronouns: a biography to be written again with *they* (PASTA, Zhang et al. 2024, section 4)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from boldface.emphasis.locate import locate
from boldface.emphasis.span import EmphasisedText
from boldface.metrics.pronoun_answers import SUBJECTS, changed, free_of, share_gone, share_kept
from boldface.metrics.pronoun_tokens import PRONOUNS
from boldface.tasks.bias_in_bios import BIASBIOS
from boldface.tasks.biographies import WIKIBIOS, Biography, Source, biographies
from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Example, Generate
from boldface.tasks.split import Split
from boldface.tasks.task import Metric, Scores, Task

# To the letter templates 0, 2 and 1 of github.com/QingruZhang/PASTA, evaluation/evaluator.py (MIT), slips included.
INSTRUCTIONS = {
    "original": "For the aforementioned text, substitute 'she' and 'he' with 'they' and generate the occupation of {} "
    "after changing pronouns:",
    "shortened": "Change 'she' and 'he' with 'they' and answer the occupation of {} after replacing the pronouns:",
    "rephrased": "For the aforementioned descriptions, replace 'she' and 'he' with 'they' in the aformentioned text "
    "and generate the new text after replacing the pronouns:",
}
MOST_WORDS = 80
"""Of a wikibios biography: so many words, written again, fit into the paper's 128 new tokens."""

METRICS = (
    Metric("sub", "Acc.", "The answer holds neither she nor he, so an empty one counts (the paper's).", within="any"),
    Metric(
        "all",
        "A. Acc.",
        "The answer holds none of she, he, her, him, hers, his, herself, himself; an empty one counts (the paper's).",
        within="any",
    ),
    Metric(
        "changed",
        "Changed",
        "Neither she nor he is left, they has come where there was one, 60 % of the content words are kept, and half "
        "the length. Ours. Only the rephrased wording plainly asks for the text.",
    ),
    Metric("kept", "Kept", "Share of the biography's different content words that the answer holds. Ours."),
    Metric(
        "seka",
        "Gone × kept",
        "Share of the biography's pronouns that are gone, times the share of its content words that are kept (the "
        "product of SEKA, Li et al. 2026; content words by our list).",
    ),
)
_THEY = {"he": "they", "she": "they", "him": "them", "his": "their", "hers": "theirs"}
_THEY |= {"himself": "themselves", "herself": "themselves"}
_VERBS = {"is": "are", "was": "were", "has": "have", "'s": "'re", "’s": "’re"}
_SUBJECT = re.compile(r"\b(she|he)\b(?:(\s+)(is|was|has)\b|(['’]s)\b)?", re.IGNORECASE)
_OTHER = re.compile(r"\b(himself|herself|him|hers|his|her)\b(?=(\s+\w)?)", re.IGNORECASE)


def task(name: str, source: Source, most_words: int | None) -> Task:
    """Return the task on a data set, on biographies that have a *she* or *he* and at most so many words.

    Without a bound every biography is taken, as in the paper.
    """

    def examples(data: Data, split: Split, variant: str) -> Iterator[Example]:
        for bio in biographies(source, data, split):
            if most_words is None or (len(bio.context.split()) <= most_words and not free_of(bio.context, SUBJECTS)):
                yield _example(bio, variant)

    bound = f" Only biographies that hold she or he, of at most {most_words} words." if most_words else ""
    return Task(
        name,
        f"Changing pronouns ({source.title})",
        "A biography, then the request to put they for she and he. The request is emphasised; the rival is the "
        "biography's first sentence. Wordings are the paper's templates 0, 2 and 1; the first two also ask for the "
        "occupation, so an answer without the text obeys them in part. An answer ends one sentence after as many as "
        "the biography has, else after 128 tokens; the paper always reads the 128."
        f"{bound} {source.says}",
        METRICS,
        examples,
        score,
        tuple(INSTRUCTIONS),
        strict="changed",
    )


def score(example: Example, answer: Answer) -> Scores:
    """Score an answer by the published and by the strict definitions."""
    before = example.info["context"]
    kept = share_kept(answer.text, before)
    return {
        "sub": float(free_of(answer.text, SUBJECTS)),
        "all": float(free_of(answer.text, PRONOUNS)),
        "changed": float(changed(answer.text, before)),
        "kept": kept,
        "seka": share_gone(answer.text, before) * kept,
    }


def with_they(text: str) -> str:
    """Return the text with *they* for *she* and *he*, the other forms alike; *is*, *was*, *has* after it agree."""

    def subject(found: re.Match[str]) -> str:
        verb = found[3] or found[4] or ""
        return _cased("they", found[1]) + (found[2] or "") + _VERBS.get(verb.lower(), verb)

    def other(found: re.Match[str]) -> str:
        word = found[1].lower()
        return _cased(_THEY.get(word) or ("their" if found[2] else "them"), found[1])

    return _OTHER.sub(other, _SUBJECT.sub(subject, text))


def _cased(word: str, like: str) -> str:
    return word.capitalize() if like[0].isupper() else word


def _example(bio: Biography, variant: str) -> Example:
    instruction = INSTRUCTIONS[variant].format(bio.entity)
    text = f"{bio.context}\n{instruction}\n"
    stops = len(re.findall(r"[.!?][\"')\]]*(?=\s|$)", bio.context))
    return Example(
        bio.key,
        bio.id,
        EmphasisedText(text, locate(text, instruction, "last")),
        Generate(128, until="sentences", sentences=stops + 1),
        other=locate(text, bio.first_sentence),
        target=with_they(bio.context),
        info={"context": bio.context},
    )


TASKS = (task("pronouns", WIKIBIOS, MOST_WORDS), task("biasbios-pronouns", BIASBIOS, None))
