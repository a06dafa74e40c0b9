"""What MkDocs asks for while it builds the site: the parts that are made from the source, and files from outside docs/.

A page says where such a part stands in a comment, which other readers of the page do not see:
``<!-- api: boldface.load -->`` is the reference of one name or of a whole module,
``<!-- errors -->`` the list of errors.
"""

from __future__ import annotations

import re
import string
from pathlib import Path

import api_reference
import error_list
import outside
from markdown import Extension, Markdown
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_API = re.compile(r"<!-- api: ([\w.]+) -->")
_ERRORS = "<!-- errors -->"
_ICON = Path(__file__).parents[1] / "playground" / "src" / "icon.svg"


class CommonMark(Extension):
    """Has a backslash before any punctuation vanish, as it does for other readers of the same pages."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Tell the parser of one page."""
        md.ESCAPED_CHARS = list(string.punctuation)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Read pages as CommonMark where that costs a line, and list the records of all runs without naming each."""
    config.markdown_extensions.append(CommonMark())
    results = next(part["Results"] for part in config.nav if "Results" in part)
    named = {
        place
        for part in results
        for place in (part.values() if isinstance(part, dict) else [part])
        if isinstance(place, str)
    }
    runs = next(part for part in results if "More runs" in part)
    pages = sorted(f"results/{page.name}" for page in (Path(config.docs_dir) / "results").glob("*.md"))
    runs["More runs"] = [page for page in pages if page not in named]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what pages link to outside the folder of the documentation, and the playground's icon."""
    for uri, content in outside.pages(Path(config.docs_dir)).items():
        files.append(File.generated(config, uri, content=content))
    files.append(File.generated(config, "assets/icon.svg", abs_src_path=str(_ICON)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in what is made from the source, and lead links where their targets are on the site."""
    markdown = _API.sub(lambda found: api_reference.describe(found[1]), markdown)
    if _ERRORS in markdown:
        markdown = markdown.replace(_ERRORS, error_list.page())
    return outside.relink(markdown, page.file.src_uri, Path(config.docs_dir))
