from __future__ import annotations

from collections import Counter

import pytest

from boldface.metrics.formats import FORMATS
from boldface.tasks.biographies import Biography
from boldface.tasks.data import Data
from boldface.tasks.example import Answer
from boldface.tasks.which_wins import PAIRS, TASK, WORDINGS, examples_of, score

BIO = Biography("7", "7", "Jane Poe", "Jane Poe is a poet.", "Jane Poe is a poet.", "a poet", ("poet",))


def test_either_instruction_is_emphasised():
    """One prompt, two examples of one group: the emphasis changes sides and the rival is the other instruction."""
    one, two = examples_of(BIO, "original")
    assert one.prompt.text == two.prompt.text
    assert one.group == two.group == "7" and one.id != two.id
    assert (one.other, two.other) == (two.prompt.spans, one.prompt.spans)
    for asked in (one, two):
        (span,) = asked.prompt.spans
        assert asked.prompt.text[span.start : span.end] == WORDINGS[asked.info["wanted"]]["original"]
    assert (one.info["wanted"], one.info["rival"]) == (two.info["rival"], two.info["wanted"])


def test_every_wording_is_its_own():
    """Every format has a wording in every variant, and no two are alike."""
    assert WORDINGS.keys() == FORMATS.keys()
    wordings = [wording for variants in WORDINGS.values() for wording in variants.values()]
    assert len(set(wordings)) == len(wordings) == 3 * len(FORMATS)
    assert len(PAIRS) == 15


@pytest.mark.parametrize(
    ("text", "obeys", "rival", "right", "strict"),
    [
        ("target", 1, 0, 1, 1),
        ("target\n\nShe was born in Ohio.", 1, 0, 1, 0),
        ("rival", 0, 1, 0, 0),
        ("Well, I would rather not say.", 0, 0, 0, 0),
        ("", 0, 0, 0, 0),
    ],
)
def test_scores(text: str, obeys: float, rival: float, right: float, strict: float):
    """The first block counts for obedience, the whole output for the strict score; an empty answer obeys neither."""
    for one, two in (tuple(examples_of(BIO, "original")), tuple(examples_of(BIO, "original"))[::-1]):
        answer = Answer(text.replace("target", one.target or "").replace("rival", two.target or ""))
        neither = float(not obeys and not rival)
        assert score(one, answer) == {
            "both": obeys,
            "obeys": obeys,
            "rival": rival,
            "neither": neither,
            "right": right,
            "strict": strict,
        }


def test_a_format_without_the_occupation_is_not_right():
    """Words that have the format and tell nothing of the biography obey and are not right."""
    asked = next(iter(examples_of(BIO, "original")))
    empty = {"json": "{}", "bullets": "- x", "numbered": "1. x", "xml": "<a>x</a>", "words": "x", "capitals": "A B C D"}
    scores = score(asked, Answer(empty[asked.info["wanted"]]))
    assert (scores["obeys"], scores["right"]) == (1, 0)


def test_only_both_times_counts():
    """The headline joins the two examples of a biography by the least."""
    assert TASK.metrics[0].name == "both" and TASK.metrics[0].within == "all"


def test_real_rows(data: Data):
    """Every target has its format and is right; all pairs and orders occur; no biography has over 60 words."""
    found = list(TASK.examples(data, "test", "rephrased"))
    assert len({asked.id for asked in found}) == len(found) > 200
    orders = Counter(tuple(asked.info["order"]) for asked in found)
    assert len(orders) == 30
    for asked in found:
        assert len(asked.prompt.text.split("\n")[0].split()) <= 62
        assert FORMATS[asked.info["wanted"]](asked.target or "")
        assert score(asked, Answer(asked.target or ""))["right"] == 1
