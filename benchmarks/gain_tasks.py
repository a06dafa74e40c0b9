"""The tasks that the default head gains are learned and judged on: prompts, targets, splits and metrics.

Biographies (``wikibios/wikibios.jsonl.gz``) give ``json`` (answer as JSON), ``choice`` (two formats are asked for, the
emphasised one counts), ``pronouns`` (rewrite with *they*) and ``occupation``; CounterFact
(``counterfact/counterfact.jsonl.gz``) gives ``fact`` (the emphasised statement against what the model remembers);
``calm`` is a biography that goes on after some words were emphasised for no reason: nothing should change.
Instructions and layout are those of PASTA's evaluation (Zhang et al. 2024) where it has the task.
"""

from __future__ import annotations

import functools
import gzip
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.metrics.fluency import repeats
from boldface.tasks.split import split_of

KEYS = (("name", "occupation"), ("name", "occupation"), ("name", "occupation"), ("person", "job"))
JSON_RAW = (
    "Answer the occupation of {entity} and generate the answer as json format. "
    "Here is an example: \\{{'{name}': , '{job}': ,\\}}. Now generate the answer:",
    "Generate the {name} and {job} of {entity} as json format:",
    "Answer the {name} and {job} of {entity} and generate the answer as json format:",
)
JSON_CHAT = (
    "Answer as JSON with keys {name} and {job}.",
    "Give the {name} and the {job} of {entity} as JSON.",
    "Return only a JSON object with the fields {name} and {job}.",
    "Answer with one JSON object, keys {name} and {job}.",
)
JSON_UNSEEN = ("Reply in JSON format with the keys {name} and {job}.",)
PRONOUNS = (
    "For the aforementioned descriptions, replace 'she' and 'he' with 'they' in the aformentioned text "
    "and generate the new text after replacing the pronouns:",
    "Rewrite the text with 'they' in place of 'she' and 'he'.",
)
FORMATS: dict[str, tuple[str, Callable[[str, str], str]]] = {
    "json": ("Answer as JSON with keys name and occupation.", lambda n, o: _written({"name": n, "occupation": o})),
    "list": ("Answer as a bullet list with name and occupation.", lambda n, o: f"- Name: {n}\n- Occupation: {o}"),
    "word": ("Answer with the occupation alone, in one or two words.", lambda n, o: o),
    "capitals": ("ANSWER IN CAPITAL LETTERS ONLY.", lambda n, o: f"{n} IS A{'N' * (o[0] in 'aeiou')} {o}.".upper()),
}
# Two spaces: how the models themselves like to write JSON.
_written = functools.partial(json.dumps, indent=2, ensure_ascii=False)

THEY = {"he": "they", "she": "they", "him": "them", "his": "their", "hers": "theirs"}
THEY |= {"himself": "themselves", "herself": "themselves", "her": "their"}
PRONOUN = re.compile(r"\b(" + "|".join(THEY) + r")\b", re.IGNORECASE)


@dataclass(frozen=True)
class Example:
    """One prompt with its emphasis and what a steered model should say.

    Attributes:
        task: Name of the task.
        prompt: The finished prompt with the span that is emphasised.
        other: The same prompt with another span emphasised: the placebo.
        target: The wanted answer; without an end token when only its first tokens matter.
        ends: Whether the answer ends after the target.
        chat: Whether the prompt is a rendered chat (then no special token is added).
        info: What the metric needs to know.
    """

    task: str
    prompt: EmphasisedText
    other: EmphasisedText
    target: str
    ends: bool = True
    chat: bool = False
    info: dict[str, Any] = field(default_factory=dict)


Template = Callable[[str], str]
"""Wraps a user's words into a whole chat prompt."""


def rows(data: Path, kind: str, split: str) -> list[dict[str, Any]]:
    """Read the rows of one split, in a fixed random order; biographies of at most 45 words that state the name."""
    key = {"wikibios": "id", "counterfact": "case_id"}[kind]
    with gzip.open(data / kind / f"{kind}.jsonl.gz", "rt", encoding="utf-8") as lines:
        found = [row for row in map(json.loads, lines) if split_of(kind, row[key]) == split]
    if kind == "wikibios":
        found = [row for row in found if row["n_words"] <= 45 and row["entity"] in row["context"]]
    random.Random(f"{kind}:{split}").shuffle(found)
    return found


def examples(task: str, data: Path, split: str, template: Template | None, unseen: bool = False) -> Iterator[Example]:
    """Yield the examples of a task in a fixed order; with a chat template, chat and raw prompts in turn.

    ``occupation`` is a sentence to go on with, so it is always raw.

    Args:
        task: A key of ``TASKS``.
        data: Folder of the data sets.
        split: ``train``, ``validation`` or ``test``.
        template: The model's chat template; None for a base model.
        unseen: Ask for JSON in words that no training prompt holds.
    """
    make, kind = TASKS[task]
    for index, row in enumerate(rows(data, kind, split)):
        wrap = template if index % 2 == 0 else None
        dice = random.Random(f"{task}:{split}:{index}")
        made = make(row, dice, wrap, unseen) if task == "json" else make(row, dice, wrap)
        if made is not None:
            yield made


def _mark(text: str, words: str, wrap: Template | None, last: bool = False) -> EmphasisedText:
    """Emphasise ``words`` (their first or last occurrence) in ``text``, then wrap it into the chat, if any."""
    start = text.rindex(words) if last else text.index(words)
    whole = wrap(text) if wrap else text
    start += whole.index(text)
    return EmphasisedText(whole, (CharSpan(start, start + len(words)),))


def _asked(row: dict[str, Any], asks: list[str], dice: random.Random, wrap: Template | None) -> str:
    """Put the requests around the biography: all after it, all before it, or one on each side."""
    gap = dice.choice((" ", "\n", "\n\n")) if wrap else "\n"
    before = dice.choice((0, 0, len(asks), 1)) if wrap or dice.random() < 0.3 else 0
    parts = [" ".join(asks[:before]), row["context"], " ".join(asks[before:])]
    return gap.join(part for part in parts if part) + ("" if wrap else "\n")


def _json(row: dict[str, Any], dice: random.Random, wrap: Template | None, unseen: bool = False) -> Example:
    name, job = KEYS[0] if unseen else dice.choice(KEYS)
    wordings = JSON_UNSEEN if unseen else JSON_CHAT if wrap or dice.random() < 0.5 else JSON_RAW
    ask = dice.choice(wordings).format(entity=row["entity"], name=name, job=job)
    text = _asked(row, [ask], dice, wrap)
    target = _written({name: row["entity"], job: row["target"]})
    info = {"keys": {name, job}, "occupations": row["all_occupations"], "entity": row["entity"]}
    made, other = _mark(text, ask, wrap, True), _mark(text, row["first_sentence"], wrap)
    return Example("json", made, other, target, True, bool(wrap), info)


def _choice(row: dict[str, Any], dice: random.Random, wrap: Template | None) -> Example:
    wanted, rival = dice.sample(sorted(FORMATS), 2)
    asks = [FORMATS[wanted][0], FORMATS[rival][0]]
    text = _asked(row, asks if dice.random() < 0.5 else asks[::-1], dice, wrap)
    target = FORMATS[wanted][1](row["entity"], row["target"])
    info = {"wanted": wanted, "rival": rival}
    made, other = (_mark(text, ask, wrap, True) for ask in asks)
    return Example("choice", made, other, target, True, bool(wrap), info)


def _pronouns(row: dict[str, Any], dice: random.Random, wrap: Template | None) -> Example:
    ask = dice.choice(PRONOUNS)
    text = _asked(row, [ask], dice, wrap)
    target = PRONOUN.sub(lambda word: _as_cased(THEY[word[0].lower()], word[0]), row["context"])
    made, other = _mark(text, ask, wrap, True), _mark(text, row["first_sentence"], wrap)
    return Example("pronouns", made, other, target, True, bool(wrap), {"context": row["context"]})


def _as_cased(word: str, like: str) -> str:
    return word.capitalize() if like[0].isupper() else word


def _occupation(row: dict[str, Any], dice: random.Random, wrap: Template | None) -> Example:
    context = row["context"].rstrip(". ")
    text = f"{context}.\n\n{row['entity']} has the occupation of"
    made = _mark(text, row["attribute"], None)
    other = _mark(text, row["context"][len(row["first_sentence"]) :].strip(". "), None)
    info = {"occupations": row["all_occupations"]}
    return Example("occupation", made, other, " " + row["target"], False, False, info)


def _fact(row: dict[str, Any], dice: random.Random, wrap: Template | None) -> Example | None:
    new, old = (f"{row['prompt']} {row[name]}" for name in ("target_new", "target_true"))
    question = row["rephrase_prompt"].rsplit(". ", 1)[-1]
    marked, rival = (text.split(row["subject"], 1)[-1].lstrip(" ,-;:") for text in (new, old))
    if marked == new or row["subject"] not in question or row["target_new"] in row["prompt"]:
        return None
    lead = dice.choice(("Complete the sentence: ", "Complete: ", "")) if wrap else ""
    text = f"Previously {old}. Currently {new}. {lead}{question}"
    space = "" if wrap else " "
    info = {"old": space + row["target_true"]}
    made, other = _mark(text, marked, wrap), _mark(text, rival, wrap)
    return Example("fact", made, other, space + row["target_new"], False, bool(wrap), info)


def _calm(row: dict[str, Any], dice: random.Random, wrap: Template | None) -> Example:
    words, text = row["first_sentence"].split(), row["first_sentence"]
    start = dice.randrange(max(1, len(words) - 3))
    marked = " ".join(words[start : start + dice.randint(1, 4)])
    target = row["context"][len(text) :]
    if wrap:
        text, target = f"Write about {row['entity']}. {text}", target.strip()
    made = _mark(text, marked, wrap, True)
    return Example("calm", made, made, target, True, bool(wrap))


TASKS: dict[str, tuple[Callable[..., Example | None], str]] = {
    "json": (_json, "wikibios"),
    "choice": (_choice, "wikibios"),
    "pronouns": (_pronouns, "wikibios"),
    "occupation": (_occupation, "wikibios"),
    "fact": (_fact, "counterfact"),
    "calm": (_calm, "wikibios"),
}


def followed(example: Example, answer: str) -> dict[str, bool]:
    """Judge a generated answer: what holds of it, by name of the metric."""
    answer = answer.strip()
    judged = {"repeats": repeats(answer.split())}
    if example.task == "json":
        value = _parsed(answer)
        found = _parsed(match[0]) if (match := re.search(r"\{.*?\}", answer, re.DOTALL)) else None
        judged["strict"] = value is not None and value.keys() == example.info["keys"]
        judged["valid"] = found is not None
        text = " ".join(map(str, (value or found or {}).values())).lower()
        judged["right"] = any(word in text for word in example.info["occupations"])
        judged["name"] = example.info["entity"].lower() in text
    elif example.task == "choice":
        judged["wanted"] = _looks(answer) == example.info["wanted"]
        judged["rival"] = _looks(answer) == example.info["rival"]
    elif example.task == "pronouns":
        had = set(re.findall(r"\w{5,}", example.info["context"].lower()))
        kept = len(had & set(re.findall(r"\w{5,}", answer.lower()))) / max(1, len(had))
        gone = not re.search(r"\b(he|she)\b", answer, re.IGNORECASE)
        judged |= {"changed": gone and kept >= 0.6, "kept": kept >= 0.6, "gone": gone}
    return judged


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _looks(answer: str) -> str:
    if _parsed(answer) is not None:
        return "json"
    if answer.startswith(("- ", "* ", "• ")):
        return "list"
    if answer.isupper():
        return "capitals"
    return "word" if 0 < len(answer.split()) <= 4 else "other"
