from __future__ import annotations

from boldface.tasks.data import Data
from boldface.tasks.example import Answer, Continue
from boldface.tasks.neutral import TASKS

[NEUTRAL] = TASKS


def test_a_biography_goes_on_after_whole_words_were_emphasised(data: Data):
    """Prompt and continuation are the biography; one to four whole words are emphasised, as many others rival them."""
    found = list(NEUTRAL.examples(data, "test", "original"))
    assert len(found) > 300
    for one in found:
        text, [asked] = one.prompt.text, one.prompt.spans
        assert isinstance(one.question, Continue) and one.question.text.startswith(" ")
        assert one.target == one.question.text
        count = len(text[asked.start : asked.end].split())
        assert 1 <= count <= 4
        assert text[: asked.start].endswith(" ") or asked.start == 0
        assert text[asked.end :].startswith(" ") or asked.end == len(text)
        for other in one.other:
            assert len(text[other.start : other.end].split()) == count
            assert other.end < asked.start or asked.end < other.start
    assert sum(not one.other for one in found) < 5
    assert {len(one.prompt.text[one.prompt.spans[0].start : one.prompt.spans[0].end].split()) for one in found} == {
        1,
        2,
        3,
        4,
    }


def test_the_words_are_the_same_every_time(data: Data):
    """The choice depends on the row alone."""
    assert list(NEUTRAL.examples(data, "train", "original")) == list(NEUTRAL.examples(data, "train", "original"))


def test_the_score_is_the_divergence(data: Data):
    """What is not known stays None."""
    one = next(NEUTRAL.examples(data, "test", "original"))
    assert NEUTRAL.score(one, Answer(divergence=0.25)) == {"divergence": 0.25}
    assert NEUTRAL.score(one, Answer()) == {"divergence": None}
