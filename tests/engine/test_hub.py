"""The hub, played by a server on this machine: it is asked once, and what it says becomes one clear error."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from boldface.engine.hub import check_there
from boldface.engine.loading import load_pretrained
from boldface.errors import MissingError


class Hub(ThreadingHTTPServer):
    """Answers every request with one status and one error code, and takes down for which files it was asked."""

    status, code = 200, ""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.asked: list[str] = []


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def do_HEAD(self) -> None:
        if "/resolve/" in self.path:  # once a process the client asks for something else
            self.server.asked.append(self.path)
        self.send_response(self.server.status)
        self.send_header("X-Error-Code", self.server.code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A server that the hub's client takes for the hub."""
    with Hub() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        _point_client_to(monkeypatch, server.server_address[1])
        yield server
        server.shutdown()


def _point_client_to(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    here = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(constants, "ENDPOINT", here)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", here + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_hub_that_fails_is_asked_once(hub: Hub, tmp_path: Path) -> None:
    """A hub that is down is an error at once; the client alone would ask again and again."""
    hub.status = 503
    began = time.perf_counter()
    with pytest.raises(MissingError, match=r"'acme/none' is no folder here .* the hub does not answer"):
        load_pretrained("acme/none", offline=False, cache_dir=tmp_path)
    assert hub.asked == ["/acme/none/resolve/main/config.json"]
    assert time.perf_counter() - began < 5


def test_no_network_is_an_error_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where nothing listens, one attempt says so, and what to do."""
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        _point_client_to(monkeypatch, taken.getsockname()[1])
        began = time.perf_counter()
        with pytest.raises(MissingError, match="the hub does not answer") as caught:
            load_pretrained("acme/none", offline=False, cache_dir=tmp_path)
    assert time.perf_counter() - began < 5
    assert "network" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "code"),
    [(401, "RepoNotFound"), (404, "RepoNotFound"), (404, "RevisionNotFound"), (404, "EntryNotFound")],
)
def test_a_mistyped_name_is_asked_for_once(hub: Hub, tmp_path: Path, status: int, code: str) -> None:
    """What the hub does not have is an error that names it, and its revision, after one request."""
    hub.status, hub.code = status, code
    with pytest.raises(MissingError, match="The hub gives no model for 'acme/tniy' at revision 'v2'"):
        load_pretrained("acme/tniy", offline=False, cache_dir=tmp_path, revision="v2")
    assert hub.asked == ["/acme/tniy/resolve/v2/config.json"]


def test_what_is_cached_is_not_asked_for(hub: Hub, tmp_path: Path) -> None:
    """A repository whose config lies in the hub's cache is left to transformers, which falls back to it by itself."""
    hub.status = 503
    snapshot = tmp_path / "models--acme--tiny" / "snapshots" / "0123"
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    (tmp_path / "models--acme--tiny" / "refs").mkdir()
    (tmp_path / "models--acme--tiny" / "refs" / "main").write_text("0123")
    check_there("acme/tiny", {"cache_dir": tmp_path})
    assert hub.asked == []
    with pytest.raises(MissingError):
        check_there("acme/tiny", {"cache_dir": tmp_path, "revision": "v2"})
