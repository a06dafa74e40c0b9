"""A real server over a tiny model of bytes, on a port of this machine."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn

HEADS = {(0, 1): 1.0, (1, 0): 0.5, (1, 3): -0.5}


@contextmanager
def _serving(app: Any, **options: Any) -> Iterator[str]:
    """Serve an application on a free port; yields its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_config=None, access_log=False, timeout_graceful_shutdown=60, **options)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        host, port = server.servers[0].sockets[0].getsockname()[:2]
        yield f"http://{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(90)
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def serving() -> Callable[..., Any]:
    """What serves an application for the length of a ``with`` block, which gets its address."""
    return _serving


@pytest.fixture(scope="session")
def tiny_profile() -> Any:
    """Three heads of the byte model, one of them turned away."""
    from boldface.profiles.heads import HeadGains
    from boldface.profiles.profile import Profile

    return Profile("tiny", "bytes", HeadGains(HEADS), strength=3.0)


@pytest.fixture(scope="session")
def tiny_model(byte_llama: tuple[Any, Any]) -> Any:
    """A byte model of the server's own: nobody else may run it meanwhile."""
    import boldface

    model, tokenizer = byte_llama
    return boldface.load(copy.deepcopy(model), tokenizer)


@pytest.fixture(scope="session")
def make_app(byte_llama: tuple[Any, Any], tiny_profile: Any) -> Callable[..., Any]:
    """Make an application over a byte model of its own."""
    import boldface
    from boldface.server.app import create_app

    def make(**options: Any) -> Any:
        model, tokenizer = byte_llama
        own = boldface.load(copy.deepcopy(model), tokenizer)
        return create_app({"bytes": own}, **{"profiles": [tiny_profile], **options})

    return make


@pytest.fixture(scope="session")
def app(make_app: Callable[..., Any]) -> Any:
    """The application that most tests ask."""
    return make_app()


@pytest.fixture(scope="session")
def address(app: Any) -> Iterator[str]:
    """Where it is served."""
    with _serving(app) as where:
        yield where


@pytest.fixture(scope="session")
def http(address: str) -> Iterator[httpx.Client]:
    """A client without any knowledge of the API."""
    with httpx.Client(base_url=address, timeout=60) as client:
        yield client


@pytest.fixture
def chat(http: httpx.Client) -> Callable[..., Any]:
    """Ask a chat: ``chat("Hello", max_tokens=4)`` gives the answer's JSON."""

    def ask(content: Any = "Hello", **body: Any) -> Any:
        messages = [{"role": "user", "content": content}]
        body = {"messages": messages, "max_tokens": 8, "temperature": 0, **body}
        answer = http.post("/v1/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask
