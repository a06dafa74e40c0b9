from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from boldface.tasks.counterfact import TASKS, bare_question
from boldface.tasks.data import Data, read_rows
from boldface.tasks.example import Answer, Choose, Example
from boldface.tasks.split import SPLITS, split_of

FULL, SHORT = TASKS
RECORD = {
    "case_id": 3,
    "requested_rewrite": {
        "prompt": "The mother tongue of {} is",
        "relation_id": "P103",
        "target_new": {"str": "English"},
        "target_true": {"str": "French"},
        "subject": "Léon Blum",
    },
    "paraphrase_prompts": ["He ran. Léon Blum spoke the language", "It rains. Léon Blum, a native"],
    "neighborhood_prompts": [f"The mother tongue of N{number} is" for number in range(12)],
}


def examples(path: Path, *records: object) -> list[Example]:
    (path / "counterfact.json").write_text(json.dumps(records), "utf-8")
    return [one for split in SPLITS for one in FULL.examples(Data(path), split, "original")]


def words(one: Example) -> tuple[str, str]:
    [asked], [other] = one.prompt.spans, one.other
    return one.prompt.text[asked.start : asked.end], one.prompt.text[other.start : other.end]


def test_the_prompt_is_the_papers_to_the_letter(tmp_path: Path):
    """Old statement, new one, bare paraphrase; what the new one says is emphasised, what the old one says rivals it."""
    one = examples(tmp_path, RECORD)[0]
    head = "Previously The mother tongue of Léon Blum is French. Currently The mother tongue of Léon Blum is English. "
    assert one.prompt.text == f"{head}Léon Blum spoke the language"
    assert one.answer_start == len(head)
    assert words(one) == ("is English", "is French")
    assert one.question == Choose(("English", "French"))
    assert one.target == " English"


def test_a_record_asks_thirteen_questions_in_one_group(tmp_path: Path):
    """One for ES, both paraphrases as they stand for PS, ten neighbours for NS, whose right answer is the old one."""
    found = examples(tmp_path, RECORD)
    kinds = [one.info["kind"] for one in found]
    assert kinds == ["efficacy"] + ["paraphrase"] * 2 + ["neighbourhood"] * 10
    assert len({one.id for one in found}) == 13 and {one.group for one in found} == {"3"}
    assert found[1].prompt.text.endswith("is English. He ran. Léon Blum spoke the language")
    assert found[3].target == " French"


def test_a_fact_whose_answer_is_its_subject_is_left_out(tmp_path: Path):
    """There is nothing to emphasise behind the subject."""
    rewrite = {"prompt": "{} is a twin city of", "subject": "Prague"}
    rewrite |= {"target_new": {"str": "Prague"}, "target_true": {"str": "Cairo"}}
    assert examples(tmp_path, RECORD | {"requested_rewrite": rewrite}) == []


@pytest.mark.parametrize(
    ("new", "true", "efficacy", "neighbourhood"), [(-1.0, -2.0, 1, 0), (-2.0, -1.0, 0, 1), (-1.0, -1.0, 0, 0)]
)
def test_only_the_metrics_of_the_question_are_scored(
    tmp_path: Path, new: float, true: float, efficacy: float, neighbourhood: float
):
    """The others are None; a tie, as of answers that share a first token, is wrong both ways."""
    found = examples(tmp_path, RECORD)
    answer = Answer(logprobs=(new, true))
    magnitude = math.exp(new) - math.exp(true)
    none = dict.fromkeys(("efficacy", "paraphrase", "neighbourhood", "efficacy_magnitude"))
    assert FULL.score(found[0], answer) == none | {"efficacy": efficacy, "efficacy_magnitude": magnitude}
    assert FULL.score(found[1], answer) == none | {"paraphrase": efficacy}
    assert FULL.score(found[3], answer) == none | {"neighbourhood": neighbourhood}


@pytest.mark.parametrize(
    ("prompt", "subject", "bare"),
    [
        ("He ran! X, a native", "X", "X, a native"),
        ("It rains. The capital of X is", "X", "The capital of X is"),
        ("He ran. What does X play? They play", "X", "What does X play? They play"),
        ("Plaque - at Y's. J. R. R. X belongs to", "J. R. R. X", "J. R. R. X belongs to"),
        ("References\n\nCategory:People of X X was born in", "X", "X was born in"),
        ("Smith (b. X works as", "X", "X works as"),
        ('It was "good." X is from', "X", "X is from"),
        ("X is from", "X", "X is from"),
    ],
)
def test_the_random_sentence_is_cut_off(prompt: str, subject: str, bare: str):
    """Only the sentence with the subject stays, with a question before it; stops in the subject do not cut."""
    assert bare_question(prompt, subject) == bare


def test_real_paraphrases_are_bare_templates(data: Data):
    """What stays of the paraphrases is a template of the data's own list in 98 of 100 records."""
    folder = data.folder / "counterfact" if data.folder else Path()
    rows = read_rows(folder / "relation_templates.jsonl.gz")
    templates = {template for row in rows for template in row["counterfact_templates"]}
    bare = [
        bare_question(row["paraphrase_prompts"][0], subject).replace(subject, "{}") in templates
        for row in read_rows(folder / "counterfact_full.jsonl.gz")
        for subject in [row["requested_rewrite"]["subject"]]
    ]
    assert sum(bare) / len(bare) > 0.98


def test_real_examples_are_well_made(data: Data):
    """In both forms ids are unique, splits hold, the spans end in the two answers, and the question follows them."""
    for task, least in ((FULL, 3000), (SHORT, 3400)):
        found = list(task.examples(data, "test", "original"))
        assert len({one.id for one in found}) == len(found) > least
        for one in found:
            assert isinstance(one.question, Choose)
            new, true = one.question.candidates
            asked, other = words(one)
            assert asked.endswith(new) and other.endswith(true)
            assert one.answer_start is not None and one.prompt.spans[0].end + 2 == one.answer_start
            assert split_of("counterfact", one.group) == "test"


def test_the_short_form_asks_in_other_words(data: Data):
    """No question of the short form repeats the statement itself, and the choice is the same every time."""
    found = list(SHORT.examples(data, "validation", "original"))
    assert found == list(SHORT.examples(data, "validation", "original"))
    for one in found:
        assert isinstance(one.question, Choose) and one.answer_start is not None
        statement = f"{one.prompt.text[one.answer_start :]} {one.question.candidates[0]}. "
        assert f"Currently {statement}" not in one.prompt.text
