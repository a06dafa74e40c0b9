"""The site is built without a warning, without a network, and says what the pages say."""

from __future__ import annotations

import json
import logging
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    from mkdocs.commands.build import build
    from mkdocs.config import load_config

    place = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        config = load_config(str(ROOT / "mkdocs.yml"), site_dir=str(place))
        warned: list[str] = []
        handler = logging.Handler(logging.WARNING)
        handler.emit = lambda record: warned.append(record.getMessage())  # type: ignore[method-assign]
        logging.getLogger("mkdocs").addHandler(handler)
        try:
            config.plugins.on_startup(command="build", dirty=False)
            build(config)
        finally:
            logging.getLogger("mkdocs").removeHandler(handler)
    assert warned == []
    return place


class Tags(HTMLParser):
    """Counts the elements of a page's content, and gathers what the browser is asked to fetch."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.counts: dict[str, int] = {}
        self.fetched: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take note of one element."""
        known = dict(attrs)
        if tag == "article":
            self._inside = True
        if self._inside:
            self.counts[tag] = self.counts.get(tag, 0) + 1
        if tag in ("script", "img", "iframe", "source", "video"):
            self.fetched.append(known.get("src") or "")
        if tag == "link" and known.get("rel") not in ("canonical", "prev", "next", "alternate"):
            self.fetched.append(known.get("href") or "")

    def handle_endtag(self, tag: str) -> None:
        """Leave the content."""
        if tag == "article":
            self._inside = False


def pages(site: Path) -> dict[str, str]:
    """Every page of the site by its place, without the reports, which are pages of their own."""
    return {
        path.parent.relative_to(site).as_posix(): path.read_text("utf-8") for path in sorted(site.rglob("index.html"))
    }


def test_pages_ask_for_nothing_from_anywhere(site: Path):
    """No script, picture, font or style comes from another place than the site itself."""
    for name, html in pages(site).items():
        assert [link for link in Tags(html).fetched if re.match(r"(https?:)?//", link)] == [], name
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)'\"]+", style.read_text("utf-8")) == [], style


@pytest.mark.parametrize("name", [page.relative_to(DOCS).as_posix() for page in sorted(DOCS.rglob("*.md"))])
def test_the_site_reads_a_page_as_other_readers_do(name: str, site: Path):
    """Lists, tables and code are the same as by CommonMark, which the repository's pages are read by."""
    from markdown_it import MarkdownIt

    markdown = (DOCS / name).read_text("utf-8")
    has_more = re.search(r"<!-- (api: [\w.]+|errors) -->", markdown) is not None  # made from the source
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    kinds = {"li": ["list_item_open"], "table": ["table_open"], "tr": ["tr_open"], "pre": ["fence", "code_block"]}
    place = name.removesuffix(".md").removesuffix("README").removesuffix("index").strip("/") or "."
    counts = Tags(pages(site)[place]).counts
    for tag, types in kinds.items():
        expected = sum(token.type in types for token in tokens)
        found = counts.get(tag, 0)
        assert found == expected or (has_more and found > expected), (tag, found, expected)


def test_everything_can_be_searched(site: Path):
    """Every page is in the index, the list of errors and the reference too; source code is not."""
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {"tutorial/", "errors/", "api/", "comparison/", "repository/DESIGN/", "results/"} <= found
    assert not [place for place in found if place.endswith(".py/")]
    words = " ".join(entry["text"] for entry in index["docs"] if entry["location"].startswith("errors/"))
    assert "does not occur in the text" in words


def test_what_lies_outside_is_on_the_site(site: Path):
    """A link to a file of the repository leads to a page that shows it."""
    html = pages(site)["profiling-workers"]
    (link,) = re.findall(r'href="([^"]*laboratory\.py/)"', html)
    shown = (site / "profiling-workers" / link).resolve() / "index.html"
    assert "class" in shown.read_text("utf-8") and "Budget" in shown.read_text("utf-8")
