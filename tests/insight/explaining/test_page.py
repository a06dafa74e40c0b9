"""The picture: one file, nothing from elsewhere, and nobody's words are markup."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

import boldface
from boldface.insight.explaining.explain import explain
from boldface.insight.explaining.page import render_html
from boldface.insight.explaining.wording import percent, seen, strongest, verdict

EVIL = "Say </script><script>alert(1)</script> & **<b>yes</b>** now."
HOW = {"heads": {(0, 1): 1.0, (0, 2): -0.7, (1, 0): 0.5, (1, 3): -0.5}, "strength": 2.5}


@pytest.fixture(scope="module")
def told(byte_llama):
    """An explanation of an answer with markup in prompt and answer."""
    model = boldface.Model(*copy.deepcopy(byte_llama), chat=False)
    return explain(model, EVIL, " <i>no</i>", **HOW)


class Reader(HTMLParser):
    """Collects elements with their attributes and texts."""

    def __init__(self):
        super().__init__()
        self.found, self.texts = [], {}

    def handle_starttag(self, tag, attributes):
        """Keep an element."""
        self.found.append((tag, dict(attributes)))

    def handle_data(self, data):
        """Keep the text of the element that was opened last."""
        tag, attributes = self.found[-1] if self.found else ("", {})
        self.texts.setdefault(attributes.get("id", tag), []).append(data)


@pytest.fixture(scope="module")
def page(told):
    """The page as elements."""
    reader = Reader()
    reader.feed(render_html(told))
    return reader


def test_the_page_asks_for_nothing(told, page):
    """No address anywhere, a policy that allows one script, and that script is the one there is."""
    assert render_html(told).startswith("<!DOCTYPE html>")
    assert not [one for _, attributes in page.found for one in attributes if one in ("src", "href", "action")]
    (policy,) = (a["content"] for _, a in page.found if a.get("http-equiv") == "Content-Security-Policy")
    script = re.findall(r"<script>(.*?)</script>", render_html(told), re.DOTALL)
    assert len(script) == 1
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    assert not [name for _, attributes in page.found for name in attributes if name.startswith("on")]


def test_words_are_no_markup(told, page):
    """What prompt and answer say is text, token by token."""
    tags = [tag for tag, _ in page.found]
    assert "i" in tags  # of the legend, whose swatches they are
    assert not any(tag == "i" and not attributes for tag, attributes in page.found)
    assert tags.count("script") == 2
    assert "".join(token.text for token in told.answer) == " <i>no</i>"


def test_the_heat_is_that_of_the_explanation(told, page):
    """The page carries, for every token of the answer, where it looked in the prompt."""
    heat = json.loads("".join(page.texts["heat"]))
    assert len(heat["before"]) == len(heat["after"]) == len(told.answer)
    for row, shares in zip(heat["after"], told.heat.after, strict=True):
        assert row == [round(heat["unit"] * share) for share in shares[: len(told.tokens)]]


def test_every_head_is_on_every_map(told, page):
    """What each head did and where it looked, unsteered ones too."""
    said = [words for words in page.texts["title"] if words.startswith("L")]
    maps = 1 + 2 * len(told.spans)
    assert len(said) == maps * len(told.heads)
    assert {words.split(":")[0] for words in said} == set(map(str, told.heads))


def test_the_verdict_says_what_is_so(told):
    """How attention moved, where the answers part, and how much likelier the answer is."""
    moved, parting, likely = verdict(told)
    assert f"from {percent(told.emphasis.before)} to {percent(told.emphasis.after)}" in moved
    token = told.answer[told.first]
    assert f"“{seen(token.plain_choice)}” and not “{seen(token.text)}”" in parting
    assert ("less likely" in likely) == (told.steered < told.plain)
    helpers, others = strongest(told)
    assert {*helpers, *others} == {head for head in told.ranked if told.heads[head].weight}
    assert all(told.heads[head].weight > 0 for head in helpers)
