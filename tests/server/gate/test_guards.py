"""The guards: keys before bodies, bodies of bounded length and time, places that are always given back."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.server.keys import KeyRing
from boldface.server.limits import RequestLimits


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    """Where keys may be added."""
    return KeyRing(tmp_path / "keys.json")


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_who_has_no_key_stays_outside(serve, ring):
    """Every page but the open ones wants a key, and an unknown page tells a stranger nothing."""
    served, secret = serve(ring=ring), ring.add("anna", {"spans": 7})

    async def run() -> None:
        for headers in ({}, bearer("bf-wrong"), {"Authorization": secret}, {"Authorization": f"Basic {secret}"}):
            for path in ("/v1/echo", "/v1/nothing", "/metrics", "/healthy", "/v1/../health"):
                answer = await served.ask(path, headers=headers)
                assert (answer.code, answer.error["code"]) == (401, "invalid_api_key")
                assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/health", "/", "/assets/app.js"):
            assert (await served.ask(path, method="GET")).code == 200
        for scheme in ("Bearer", "bearer", "BEARER"):
            answer = await served.ask("/v1/echo", headers={"Authorization": f"{scheme} {secret}"})
            assert (answer.code, answer.body) == (
                200,
                b'{"length":0,"key":"anna","limits":{"spans":7,"at_once":null}}',
            )
        ring.remove("anna")
        assert (await served.ask("/v1/echo", headers=bearer(secret))).code == 401

    asyncio.run(run())


def test_a_stranger_is_not_read(serve, ring):
    """Of a body without a key nothing is read."""
    ring.add("anna")

    for path in ("/v1/echo", "/health", "/", "/assets/app.js"):
        answer = asyncio.run(serve(ring=ring).ask(path, body=_unread()))
        assert answer.code == 401


def test_what_is_only_looked_at_has_no_body(serve):
    """A body behind a GET is nobody's, and takes no memory."""
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    served = serve()
    served.app.router.routes.insert(0, Route("/look", lambda request: PlainTextResponse("seen")))
    assert asyncio.run(served.ask("/look", method="GET", body=_unread())).body == b"seen"


def _unread():
    yield b""
    raise AssertionError("the body was read")


def test_a_ring_that_cannot_be_read_lets_nobody_in(serve, ring, caplog):
    """A damaged file is the server's fault: nobody gets in by it, and the log says which file, the answer does not."""
    secret = ring.add("anna")
    served = serve(ring=ring)
    ring.path.write_text("{", "utf-8")
    with caplog.at_level("ERROR", logger="boldface.server"):
        answer = asyncio.run(served.ask("/v1/echo", headers=bearer(secret)))
    assert answer.code >= 500
    assert str(ring.path) not in answer.body.decode()
    assert str(ring.path) in str([vars(record).get("facts") for record in caplog.records])


def test_places_are_counted_by_key_and_given_back(serve, ring):
    """A key's third request at once is refused with Retry-After; others are not touched; an ended one makes room."""
    served = serve(ring=ring, limits=RequestLimits(at_once=2))
    anna, ben = ring.add("anna"), ring.add("ben", {"at_once": 1})

    async def run() -> None:
        running = [asyncio.create_task(served.ask("/v1/slow", headers=bearer(key))) for key in (anna, anna, ben)]
        while served.entered < 3:
            await asyncio.sleep(0)
        for key in (anna, ben):
            answer = await served.ask("/v1/slow", headers=bearer(key))
            assert (answer.code, answer.headers["retry-after"]) == (429, "1")
            assert (await served.ask("/v1/echo", method="GET", headers=bearer(key))).code == 200
        running[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await running[0]
        assert (await served.ask("/v1/echo", headers=bearer(anna))).code == 200
        served.release.set()
        assert [answer.code for answer in await asyncio.gather(*running[1:])] == [200, 200]

    asyncio.run(run())


@pytest.mark.parametrize("path", ["/v1/broken", "/v1/cut", "/v1/stream", "/v1/echo"])
def test_a_place_is_given_back_however_a_request_ends(serve, path):
    """After an error before the answer, or in it, the place is free."""
    served = serve(limits=RequestLimits(at_once=1))

    async def run() -> None:
        for _ in range(3):
            try:
                assert (await served.ask(path)).code != 429
            except RuntimeError:
                assert path == "/v1/cut"

    asyncio.run(run())


@given(pieces=st.lists(st.binary(max_size=40), max_size=8), most=st.integers(0, 100), declare=st.booleans())
def test_a_body_passes_whole_or_not_at_all(serve, pieces: list[bytes], most: int, declare: bool):
    """However it is cut, and whether or not its length is declared, a body passes exactly when it is short enough."""
    pieces = [piece for piece in pieces if piece]
    length = sum(map(len, pieces))
    headers = {"Content-Length": str(length)} if declare else {}
    answer = asyncio.run(serve(body_bytes=most).ask("/v1/echo", headers=headers, body=pieces or b""))
    if length <= most:
        assert (answer.code, answer.body.startswith(b'{"length":%d,' % length)) == (200, True)
    else:
        assert (answer.code, answer.error["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("declared", ["9" * 5000, "1e9", "-1", ""])
def test_a_declared_length_that_is_none_is_no_error(serve, declared):
    """Whatever is declared, what counts is what arrives."""
    answer = asyncio.run(serve().ask("/v1/echo", headers={"Content-Length": declared}, body=b"ab"))
    assert answer.code == (413 if declared.startswith("99") else 200)


def test_a_slow_body_is_given_up(serve):
    """A body that trickles in is answered with 408 once its time is over."""
    answer = asyncio.run(serve(body_seconds=0.05).ask("/v1/echo", body=[b"a", 0.02, b"b", 0.02, b"c", 5.0, b"d"]))
    assert (answer.code, answer.error["code"]) == (408, "body_too_slow")


def test_who_leaves_in_the_middle_gets_nothing(serve):
    """A body whose sender has left is not answered, and not passed on."""
    served = serve()
    assert asyncio.run(served.ask("/v1/slow", body=[b"a", None])).code is None
    assert served.entered == 0


def test_other_origins_are_let_in_only_by_name(serve):
    """Without origins no page of another origin may read an answer; with one, that one alone may."""
    asking = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}

    async def run() -> None:
        closed, open_ = serve(), serve(origins=["https://a.example"])
        for headers in (asking, {"Origin": "https://a.example"}):
            method = "OPTIONS" if "Access-Control-Request-Method" in headers else "POST"
            assert (
                "access-control-allow-origin"
                not in (await closed.ask("/v1/echo", method=method, headers=headers)).headers
            )
            answer = await open_.ask("/v1/echo", method=method, headers=headers)
            assert answer.headers["access-control-allow-origin"] == "https://a.example"
            stranger = headers | {"Origin": "https://b.example"}
            assert (
                "access-control-allow-origin"
                not in (await open_.ask("/v1/echo", method=method, headers=stranger)).headers
            )

    asyncio.run(run())
