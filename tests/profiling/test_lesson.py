"""Lessons: what an example teaches with either span emphasised, and a digest of all that a reading depends on."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan
from boldface.profiling.lesson import LONGEST, OF_ROW, lesson, lessons
from boldface.tasks.example import Choose, Continue, Example, Generate

TEXT = "Say yes. Ada sings. Then stop:"
WRITE = Generate(8)
ASKED, OTHER = CharSpan(0, 8), CharSpan(9, 19)


@pytest.fixture(scope="module")
def base(tiny):
    """The tiny model as a base model: its tokenizer has no chat template."""
    tokenizer = copy.deepcopy(tiny.tokenizer)
    tokenizer.chat_template = None
    return boldface.Model(tiny.model, tokenizer)


@pytest.fixture(scope="session")
def example():
    """Makes an example with two spans."""

    def make(question=WRITE, target=" yes", rival=None, other=(OTHER,), spans=(ASKED,), text=TEXT, **more):
        prompt = EmphasisedText(text, spans)
        named = {"id": "1", "group": "1"} | more
        return Example(**named, prompt=prompt, question=question, other=other, target=target, rival=rival)

    return make


def said(model, one):
    """The emphasised words and the target of a lesson, as text."""
    words = [model.tokenizer.decode(one.prompt.ids[span.start : span.end]) for span in one.prompt.spans]
    return words, model.tokenizer.decode(one.target)


def test_with_the_asked_span_its_answer_is_wanted(base, example):
    """Emphasised is what the example asks for."""
    one = lesson(base, "json", example(rival=" no"), "raw", "asked")
    assert (one.task, one.setting, one.role, one.kind) == ("json", "raw", "asked", "obey")
    assert said(base, one) == (["Say yes."], " yes")
    assert base.tokenizer.decode(one.prompt.ids) == TEXT
    assert one.tokens == len(TEXT) + len(" yes")


def test_with_the_other_span_the_rival_answer_is_wanted(base, example):
    """The same prompt, its other span emphasised: the other answer."""
    one = lesson(base, "json", example(rival=" no"), "raw", "other")
    assert one.kind == "obey"
    assert said(base, one) == (["Ada sings."], " no")


def test_without_a_rival_the_other_span_should_change_nothing(base, example):
    """The answer is read, and should be as likely as without emphasis."""
    one = lesson(base, "json", example(), "raw", "other")
    assert one.kind == "calm"
    assert said(base, one) == (["Ada sings."], " yes")


@pytest.mark.parametrize("role", ["asked", "other"])
def test_where_nothing_is_asked_nothing_should_change(base, example, role):
    """Whatever is emphasised."""
    assert lesson(base, "neutral", example(Continue(" yes"), rival=" no"), "raw", role).kind == "calm"


def test_chat_models_learn_to_end_their_answers(tiny, base, example):
    """Written ones alone; base models never end theirs."""
    end = tiny.tokenizer.eos_token_id
    assert lesson(tiny, "json", example(), "raw", "asked").target[-1] == end
    assert lesson(base, "json", example(), "raw", "asked").target[-1] != end
    for question in (Choose((" yes", "no")), Continue(" yes")):
        assert end not in lesson(tiny, "json", example(question), "raw", "asked").target


@pytest.mark.parametrize("question", [Generate(8), Choose(("yes", "no")), Continue(" yes")])
def test_so_much_of_an_answer_counts(tiny, example, question):
    """A choice is made by its first token; a long answer is cut, its end included."""
    whole = tiny.tokenizer.encode(" yes" * 99)
    one = lesson(tiny, "json", example(question, target=" yes" * 99), "raw", "asked")
    assert one.target == tuple(whole[: LONGEST[type(question)]])


@pytest.mark.parametrize(
    "lacking",
    [
        {"target": None},
        {"spans": ()},
        {"target": ""},
        {"text": "<|user|> Then stop:", "spans": (CharSpan(0, 8),)},  # a control token is nobody's word
    ],
)
def test_an_example_without_span_or_answer_teaches_nothing(tiny, example, lacking):
    """It is passed over in silence: there are others."""
    assert lesson(tiny, "json", example(**lacking), "raw", "asked") is None


def test_without_another_span_there_is_no_lesson_of_it(tiny, example):
    """The asked one still teaches."""
    assert lesson(tiny, "json", example(other=()), "raw", "other") is None
    assert lesson(tiny, "json", example(other=()), "raw", "asked") is not None


def test_in_a_chat_the_prompt_stands_in_the_template(tiny, example):
    """The same words are emphasised, and the text that is the model's own begins its turn."""
    one = lesson(tiny, "json", example(), "chat", "asked")
    assert tiny.tokenizer.decode(one.prompt.ids) == f"<|user|>{TEXT}\n<|assistant|>"
    assert said(tiny, one)[0] == ["Say yes."]
    begun = lesson(tiny, "json", replace(example(), answer_start=20), "chat", "asked")
    assert tiny.tokenizer.decode(begun.prompt.ids) == "<|user|>Say yes. Ada sings.\n<|assistant|>Then stop:"


def test_strengths_are_multiples_of_the_trials(tiny, example):
    """A span that names none is as strong as the trial."""
    spans = (ASKED, CharSpan(9, 12, -0.5))
    one = lesson(tiny, "json", example(spans=spans), "raw", "asked")
    assert [span.strength for span in one.spans(3.0)] == [3.0, -1.5]
    assert [(span.start, span.end) for span in one.spans(3.0)] == [(0, 8), (9, 12)]


CHANGES = {
    "task": lambda one: replace(one, task="pronouns"),
    "kind": lambda one: replace(one, kind="calm"),
    "role": lambda one: replace(one, role="other"),
    "target": lambda one: replace(one, target=(*one.target, 9)),
    "ids": lambda one: replace(one, prompt=replace(one.prompt, ids=(9, *one.prompt.ids[1:]))),
    "spans": lambda one: replace(one, prompt=replace(one.prompt, spans=(TokenSpan(0, 1, 1.0),))),
    "strength": lambda one: replace(one, prompt=replace(one.prompt, spans=(TokenSpan(1, 2, 0.5),))),
    "question": lambda one: replace(one, example=replace(one.example, question=Generate(7))),
    "length": lambda one: replace(one, example=replace(one.example, question=Generate(8))),
    "continuation": lambda one: replace(one, example=replace(one.example, question=Continue("f"))),
    "candidates": lambda one: replace(one, example=replace(one.example, question=Choose(("d", "f")))),
    "scoring": lambda one: replace(one, example=replace(one.example, info={"keys": ["name"]})),
    "example": lambda one: replace(one, example=replace(one.example, id="2")),
}


@given(st.sets(st.sampled_from(sorted(CHANGES))), st.sets(st.sampled_from(sorted(CHANGES))))
def test_the_digest_tells_apart_what_matters(bare_lesson, these, those):
    """Two lessons have one digest just when every part of them is alike."""

    def changed(names):
        one = bare_lesson
        for name in sorted(names):
            one = CHANGES[name](one)
        return one

    first, second = changed(these), changed(those)
    assert (first.digest == second.digest) == (first == second)


def test_what_does_not_matter_is_not_in_the_digest(bare_lesson):
    """The row that an example belongs to, and what its tokens say to people."""
    same = replace(
        bare_lesson,
        prompt=replace(bare_lesson.prompt, pieces=("a", "b", "c"), text="xyz"),
        example=replace(bare_lesson.example, group="another"),
    )
    assert same.digest == bare_lesson.digest


@given(
    groups=st.lists(st.integers(0, 6), max_size=24).map(sorted),
    rows=st.integers(1, 8),
    longest=st.integers(30, 45),
    lengths=st.randoms(use_true_random=False),
)
def test_lessons_are_of_the_first_rows_at_most_two_each(tiny, example, groups, rows, longest, lengths):
    """Those that are short enough, in their order; a row counts once it has given one."""
    some = [
        example(target=" y" + "e" * lengths.randrange(12), id=str(place), group=str(group))
        for place, group in enumerate(groups)
    ]
    found = lessons(tiny, "json", some, "raw", "asked", rows=rows, longest=longest)
    fits = [one for one in some if lesson(tiny, "json", one, "raw", "asked").tokens <= longest]
    wanted = list(dict.fromkeys(one.group for one in fits))[:rows]
    expected = [one.id for group in wanted for one in [one for one in fits if one.group == group][:OF_ROW]]
    assert [one.example.id for one in found] == expected


def test_no_more_examples_are_read_than_are_needed(tiny, example):
    """A data set may be large."""

    def endless():
        for row in range(4):
            yield example(id=str(row), group=str(row))
        pytest.fail("read on")

    assert len(lessons(tiny, "json", endless(), "raw", "asked", rows=3)) == 3
