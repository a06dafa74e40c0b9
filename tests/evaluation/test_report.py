from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

pytest.importorskip("scipy", reason="scipy is of the evaluate extra")
pytest.importorskip("nltk", reason="nltk is of the evaluate extra")

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.evaluation.report import page_of, render_html
from boldface.evaluation.side_by_side import answer_pieces, prompt_pieces
from boldface.tasks.example import Answer, Choose, Example

ARMS = {"plain": 10, "marked=*": 10, "steered": 38, "other-span": 9, "random-heads": 11}
VOID = {"meta", "line", "rect", "circle", "br"}


class Page(HTMLParser):
    """Reads a page: its tags in order, which must close as they open, their attributes, and its visible text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.style = "", ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):  # noqa: D102
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):  # noqa: D102
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):  # noqa: D102
        assert self.open.pop() == tag

    def handle_data(self, data):  # noqa: D102
        if self.open and self.open[-1] == "style":
            self.style += data
        else:
            self.text += " " + data

    @property
    def words(self) -> str:
        """The text with single spaces."""
        return " ".join(self.text.split())


def test_every_tag_closes(measured):
    """The page is well-formed: tags close in the order in which they were opened, and ids are unique."""
    page = Page(render_html(measured(ARMS)))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert page.open == []
    assert len(ids) == len(set(ids))
    links = {attributes["href"] for tag, attributes in page.tags if tag == "a"}
    assert links == {f"#{id}" for id in ids}


def test_nothing_is_asked_from_anywhere(measured):
    """The page loads nothing: no script, no image, no link out, and its policy forbids them."""
    html = render_html(measured(ARMS))
    page = Page(html)
    assert {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "embed", "base"} == set()
    assert not any(
        name.startswith("on") or (name in ("src", "href", "xlink:href") and not (value or "").startswith("#"))
        for _, attributes in page.tags
        for name, value in attributes.items()
    )
    assert not re.search(r"@import|url\(|https?:", page.style)
    policies = [attributes["content"] for tag, attributes in page.tags if "http-equiv" in attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_answers_are_no_markup(measured):
    """A model's answer and a prompt are text, whatever tags they hold."""
    evil = '<script>alert(1)</script></p><img src=x onerror=alert(1)> & "quotes" {{ 7 * 7 }}'
    page = Page(render_html(measured(ARMS, answers=("yes " + evil, evil))))
    assert not {tag for tag, _ in page.tags} & {"script", "img"}
    assert evil in page.text
    assert "Say  <b>yes</b>  now." in page.text


def test_what_is_emphasised_is_bold(measured):
    """The emphasised words of a prompt stand in one bold piece."""
    html = render_html(measured(ARMS))
    assert '<p class="prompt">Say <b>&lt;b&gt;yes&lt;/b&gt;</b> now.</p>' in html


def test_the_paper_s_table_says_the_shares(measured):
    """The summary shows each arm's share with its error, and marks what differs from plain with certainty."""
    table = page_of(measured(ARMS)).views[0].tables[0]
    cells = {row.arm.name: row.cells for row in table.rows}
    assert [heading.text for heading in table.headings] == [
        "F.",
        "P.",
        "Acc.",
        "A. Acc.",
        "Acc.",
        "ES",
        "PS",
        "Average",
    ]
    assert [(name, span) for name, span in table.groups] == [
        ("JSON", 2), ("Pronouns", 2), ("wikibios", 1), ("CounterFact", 2), ("", 1)
    ]  # fmt: skip
    assert cells["plain"][0].text == "25.0 ± 6.9"
    assert [cell.text.split(" ")[0] for cell in cells["steered"]] == ["95.0"] * 8
    assert {cell.mark for cell in cells["steered"][:-1]} == {"better"}
    assert {cell.mark for name in ("marked=*", "other-span") for cell in cells[name]} == {""}
    assert [cell.best for cell in cells["steered"][:-1]] == [True] * 7


def test_a_placebo_is_never_best(measured):
    """The best of a column is bold; a placebo is not, even where its mean is the highest."""
    table = page_of(measured({"plain": 10, "steered": 20, "random-heads": 40})).views[0].tables[0]
    best = {row.arm.name for row in table.rows for cell in row.cells if cell.best}
    assert best == {"steered"}


def test_a_missing_task_is_told(measured):
    """Without one of the four tasks its columns and the average are n/a, with the reason below."""
    page = page_of(measured(ARMS, tasks=("json", "pronouns", "wikibios")))
    table = page.views[0].tables[0]
    assert [cell.text for cell in table.rows[0].cells][-3:] == ["n/a"] * 3
    assert table.notes == ("n/a: not run: The counterfact task.",)


def test_a_skipped_arm_is_told(measured):
    """An arm that was not asked stands in the table as n/a, with its reason and how many examples it is about."""
    page = page_of(measured(ARMS, skipped={"few-shot": "0 of 3 answered examples"}))
    table = page.views[0].tables[0]
    assert table.rows[-1].arm.name == "few-shot"
    assert {cell.text for cell in table.rows[-1].cells} == {"n/a"}
    tasks = "The json task, The pronouns task, The wikibios task, The counterfact task"
    assert table.notes == (f"n/a: few-shot (3), 0 of 3 answered examples: {tasks}.",)
    assert page.tasks[0].cases[0].costs.notes == ("few-shot (3): 40 examples not asked: 0 of 3 answered examples.",)


def test_what_cannot_be_computed_is_told(measured):
    """A metric without any score is n/a and says so."""
    page = page_of(measured(ARMS, tasks=("json",), answers=("what?", "what?")))
    assert {cell.text for row in page.views[0].tables[0].rows for cell in row.cells} == {"n/a"}
    assert "n/a: steered, Format cannot be computed: The json task." in page.views[0].tables[0].notes
    assert page.tasks[0].cases[0].whiskers is None
    render_html(measured(ARMS, tasks=("json",), answers=("what?", "what?")))


def test_paired_differences_are_those_of_the_results(measured):
    """The comparison table holds every arm minus plain and the steered arm minus every placebo."""
    table = page_of(measured(ARMS)).tasks[0].cases[0].pairs
    rows = {(row.arm.name, row.cells[0].text): row.cells for row in table.rows}
    assert list(rows) == [
        ("marked=*", "− plain"), ("steered", "− plain"), ("other-span", "− plain"), ("random-heads", "− plain"),
        ("steered", "− other span"), ("steered", "− random heads"),
    ]  # fmt: skip
    assert rows["steered", "− plain"][1].text == "+70.0"
    assert rows["steered", "− other span"][1].text == "+72.5"
    assert rows["other-span", "− plain"][1].text == "−2.5"
    assert rows["steered", "− plain"][5].text == "40"


def test_cost_is_compared_with_plain(measured):
    """Each arm's time is shown as a multiple of the plain arm's."""
    table = page_of(measured(ARMS)).tasks[0].cases[0].costs
    at = [heading.text for heading in table.headings].index("× plain")
    assert [row.cells[at].text for row in table.rows] == ["1.00", "1.50", "1.50", "1.50", "1.50"]


def test_answers_stand_side_by_side(measured):
    """A sample has every arm's answer, with right and wrong."""
    page = page_of(measured(ARMS))
    sample = page.tasks[0].cases[0].samples[0]
    assert [told.arm.name for told in sample.answers] == list(ARMS)
    assert [told.answer[0].text for told in sample.answers] == ["yes, it is so"] * 5
    assert {chip.kind for told in sample.answers for chip in told.chips} == {"right"}


def test_how_it_was_made_is_told(measured):
    """The command, the facts of the file, the seed and every arm's definition are on the page."""
    words = Page(render_html(measured(ARMS), title="A <title>")).words
    for said in ("boldface evaluate --arms 'marked=*'", "tiny & small", "profile, heads 3", "seed 7", "A <title>",
                 "The same gains with another span emphasised", "What format says.", "2026-02-03"):  # fmt: skip
        assert said in words


def test_tuning_stands_apart(measured):
    """A split without the plain arm is no summary: it stands under Tuning."""
    page = page_of(measured({"instaboost=3": 10, "instaboost=5": 12}, split="validation"))
    assert page.views == [] and page.tasks == []
    assert [row.arm.name for row in page.tuning[0].rows] == ["instaboost=3", "instaboost=5"]


def test_a_report_is_the_same_every_time(measured):
    """The same results give the same page, to the letter."""
    results = measured(ARMS)
    assert render_html(results) == render_html(results)


def test_marks_are_adjusted_over_the_table(measured):
    """A difference that is certain alone (p = 0.008) is not so among seven of its kind."""
    right = {"plain": 10, "repeated": 18}
    alone = page_of(measured(right, tasks=("wikibios",))).views[0].tables[0]
    among = page_of(measured(right)).views[0].tables[0]
    assert [cell.mark for cell in alone.rows[1].cells].count("better") == 1
    assert {cell.mark for cell in among.rows[1].cells} == {""}


def test_the_shape_of_a_placebo_is_its_own(measured):
    """Placebos are rings on dashed lines: the page tells them apart without colour."""
    page = Page(render_html(measured(ARMS)))
    rows = [attributes["class"] for tag, attributes in page.tags if tag == "tr" and "class" in attributes]
    assert rows[:5] == ["plain", "written", "steered", "placebo", "placebo"]
    assert ".placebo .interval { stroke-dasharray" in page.style
    assert ".placebo svg circle" in page.style


def test_long_prompts_are_shortened_and_say_so():
    """Of a long stretch both ends are shown with how much is left out; what is emphasised stays whole in its place."""
    prompt = EmphasisedText("a" * 5000 + "KEY" + "b" * 10, (CharSpan(5000, 5003),))
    pieces = prompt_pieces(prompt)
    assert [(piece.kind, len(piece.text)) for piece in pieces if piece.kind != "aside"] == [
        ("", 600), ("", 600), ("emphasised", 3), ("", 10)
    ]  # fmt: skip
    assert pieces[1].text == " … 3 800 characters … "
    assert pieces[3].text == "KEY"


def test_choices_are_shown_likeliest_first():
    """The answer to a choice is its likeliest words with their log-probabilities."""
    example = Example("1", "1", EmphasisedText("He is a"), Choose(("cook", "poet", "nun", "spy")))
    pieces = answer_pieces(example, Answer(logprobs=(-3.0, -1.0, -9.0, -2.0)))
    assert [piece.text for piece in pieces if not piece.kind] == ["poet", "spy", "cook"]
