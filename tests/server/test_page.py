"""The page and its files: what is there is sent with its fence, what is not is said."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from boldface.server import page


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the page is looked for."""
    monkeypatch.setattr(page.resources, "files", lambda _: tmp_path)
    return tmp_path / "playground"


def served() -> TestClient:
    """A client of an application that has nothing but the page."""
    app = FastAPI()
    page.install(app)
    return TestClient(app)


def test_a_page_that_is_not_installed_is_said(folder: Path) -> None:
    """A sentence, and nothing at its files' place."""
    client = served()

    assert "/v1" in client.get("/").text
    assert client.get("/assets/x.js").status_code == 404


def test_a_page_and_its_files_are_sent_with_their_fence(folder: Path) -> None:
    """Every answer of it, also the one that a file is missing."""
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<p>Hello</p>", encoding="utf-8")
    (folder / "assets" / "x.js").write_text("1", encoding="utf-8")
    (folder / "secret.txt").write_text("secret", encoding="utf-8")
    client = served()

    for path, kind in (("/", "text/html"), ("/assets/x.js", "text/javascript")):
        answer = client.get(path)
        assert answer.headers["content-type"].startswith(kind)
        assert page.HEADERS.items() <= answer.headers.items()
    assert client.get("/").headers["cache-control"] == "no-cache"
    for path in ("/assets/../secret.txt", "/assets/%2e%2e/secret.txt", "/secret.txt"):
        assert client.get(path).status_code == 404
