"""The application under pressure: full queues, clients that leave, time that is up, keys, names, and the end."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient

from boldface.errors import BoldfaceError


def body(**more: Any) -> dict[str, Any]:
    """A chat that would go on for long."""
    long = {"max_tokens": 4000, "ignore_eos": True, "temperature": 0}
    return {"messages": [{"role": "user", "content": "Hello"}], **long, **more}


def load(client: httpx.Client | TestClient) -> dict[str, Any]:
    """What the scheduler does now."""
    return client.get("/health").json()["models"]["bytes"]


def wait(until: Callable[[], Any], seconds: float = 30) -> None:
    """Wait for something to become true."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.02)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_frees_its_place(stream: bool, http: httpx.Client, address: str) -> None:
    """Its answer is given up, whole or streamed, and it is counted as left."""
    with suppress(httpx.ReadTimeout), httpx.Client(base_url=address, timeout=httpx.Timeout(10, read=1)) as client:
        if stream:
            with client.stream("POST", "/v1/chat/completions", json=body(stream=True)) as answer:
                next(answer.iter_lines())
                wait(lambda: load(http)["running"] == 1)
        else:
            client.post("/v1/chat/completions", json=body())

    wait(lambda: load(http)["running"] == 0)
    wait(lambda: 'finish_reason="cancelled"' in http.get("/metrics").text)


def test_a_full_queue_is_told_with_a_time_to_wait(make_app: Callable[..., Any], serving: Callable[..., Any]) -> None:
    """What does not fit gets 429 and Retry-After, and health answers meanwhile; who leaves makes room."""
    asked = body(max_tokens=1900)
    with (
        serving(make_app(scheduling={"slots": 1, "queue": 1})) as where,
        httpx.Client(base_url=where, timeout=60) as client,
    ):
        with ExitStack() as streams:
            for _ in range(2):
                streams.enter_context(client.stream("POST", "/v1/chat/completions", json={**asked, "stream": True}))
            refused = [client.post("/v1/chat/completions", json={**asked, **more}) for more in ({}, {"stream": True})]
            now = load(client)
        wait(lambda: load(client)["running"] == 0)
        room = client.post("/v1/chat/completions", json=body(max_tokens=2))

    assert (now["running"], now["queued"]) == (1, 1)
    for answer in refused:
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"]["code"] == "queue_full"
    assert room.status_code == 200


def test_only_so_many_prompts_wait_to_be_read(make_app: Callable[..., Any]) -> None:
    """Whoever comes then is told to come back, and the others are read."""
    from boldface.errors import QueueFullError
    from boldface.server.service import MOST_READS

    service, held = make_app().state.service, threading.Event()

    async def read_all() -> list[Any]:
        waiting = [asyncio.create_task(service.read(held.wait, 60)) for _ in range(MOST_READS + 1)]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        held.set()
        return await asyncio.gather(*waiting, return_exceptions=True)

    *read, refused = asyncio.run(read_all())
    assert isinstance(refused, QueueFullError) and all(one is True for one in read)
    service.close()


@pytest.mark.parametrize(("slots", "queue"), [(1, 0), (2, 1)])
def test_more_answers_than_places_are_given_in_turns(make_app: Callable[..., Any], slots: int, queue: int) -> None:
    """Each is the one that it is where there is room for all, whole and streamed, and nothing runs afterwards."""
    asked = body(max_tokens=6, n=7, temperature=1.5, seed=5)
    with TestClient(make_app()) as client:
        wanted = client.post("/v1/chat/completions", json=asked).json()
    with TestClient(make_app(scheduling={"slots": slots, "queue": queue})) as client:
        whole = client.post("/v1/chat/completions", json=asked)
        text = client.post("/v1/chat/completions", json={**asked, "stream": True}).text
        assert (load(client)["running"], load(client)["queued"]) == (0, 0)

    assert whole.status_code == 200, whole.text
    assert whole.json()["choices"] == wanted["choices"] and whole.json()["usage"] == wanted["usage"]
    said = ["" for _ in range(7)]
    for line in text.splitlines():
        if line.startswith("data: {"):
            for choice in json.loads(line.removeprefix("data: "))["choices"]:
                said[choice["index"]] += choice["delta"].get("content") or ""
    assert said == [choice["message"]["content"] for choice in wanted["choices"]]
    assert len(set(said)) > 1


def test_answers_that_wait_their_turn_end_with_the_request(make_app: Callable[..., Any]) -> None:
    """When its time is up none of them begins, and who is refused a first place is refused all."""
    from boldface.server.limits import RequestLimits

    scheduling = {"slots": 1, "queue": 0}
    with TestClient(make_app(scheduling=scheduling, limits=RequestLimits(seconds=0.5))) as client:
        late = client.post("/v1/chat/completions", json=body(max_tokens=1900, n=9))
        wait(lambda: load(client)["running"] == 0)
        assert (late.status_code, late.json()["error"]["code"]) == (408, "timeout")
        assert client.post("/v1/chat/completions", json=body(max_tokens=1)).status_code == 200


def test_a_crowd_with_several_answers_each_shares_the_places(
    make_app: Callable[..., Any], serving: Callable[..., Any]
) -> None:
    """Whoever got a first place gets all answers, though others take what becomes free; the rest are turned away."""

    async def together(where: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=where, timeout=60) as client:
            asked = [client.post("/v1/chat/completions", json=body(max_tokens=5, n=5)) for _ in range(6)]
            return await asyncio.gather(*asked)

    with serving(make_app(scheduling={"slots": 2, "queue": 1})) as where:
        answers = asyncio.run(together(where))

    codes = [answer.status_code for answer in answers]
    assert set(codes) <= {200, 429} and codes.count(200) >= 1
    for answer in answers:
        if answer.status_code == 200:
            assert [choice["index"] for choice in answer.json()["choices"]] == list(range(5))


def test_time_that_is_up_is_told(make_app: Callable[..., Any]) -> None:
    """A whole answer becomes an error; in a stream, what was written stays and the error follows."""
    from boldface.server.limits import RequestLimits

    with TestClient(make_app(limits=RequestLimits(seconds=0.5))) as client:
        whole = client.post("/v1/chat/completions", json=body())
        streamed = client.post("/v1/chat/completions", json=body(stream=True))
        short = client.post("/v1/chat/completions", json=body(max_tokens=1))

    assert (whole.status_code, whole.json()["error"]["code"]) == (408, "timeout")
    assert whole.headers["x-should-retry"] == "false"
    events = [line for line in streamed.text.splitlines() if line]
    assert len(events) > 2
    assert json.loads(events[-1].removeprefix("data: "))["error"]["code"] == "timeout"
    assert short.status_code == 200


def test_a_quiet_stream_says_that_it_lives(make_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments come while no part does; they are no events."""
    monkeypatch.setattr("boldface.server.answering.SILENCE", 0.001)
    with TestClient(make_app()) as client:
        text = client.post("/v1/chat/completions", json=body(stream=True, max_tokens=100, stop=["never"])).text

    assert ": alive" in text.split("\n\n")
    assert text.endswith("data: [DONE]\n\n")


def test_what_runs_is_finished_before_the_server_ends(
    make_app: Callable[..., Any], serving: Callable[..., Any]
) -> None:
    """A request that has begun gets its whole answer although the server is told to stop."""
    found: list[httpx.Response] = []
    with serving(make_app()) as where, httpx.Client(base_url=where) as client:
        asked = body(max_tokens=200)
        thread = threading.Thread(
            target=lambda: found.append(httpx.post(f"{where}/v1/chat/completions", json=asked, timeout=60))
        )
        thread.start()
        wait(lambda: load(client)["running"] == 1)
    thread.join()

    assert found[0].status_code == 200
    assert found[0].json()["usage"]["completion_tokens"] == 200


def test_an_application_that_has_ended_has_given_its_model_back(byte_llama: Any) -> None:
    """The model can be used as before, and a second application may take it."""
    import copy

    import boldface
    from boldface.server.app import create_app

    own = boldface.load(copy.deepcopy(byte_llama[0]), byte_llama[1])
    before = own.generate("Hello", max_new_tokens=4, raw=True).text
    for _ in range(2):
        with TestClient(create_app(own)) as client:
            assert client.get("/health").json()["status"] == "ok"
            assert [one["id"] for one in client.get("/v1/models").json()["data"]] == ["LlamaForCausalLM"]
        assert own.generate("Hello", max_new_tokens=4, raw=True).text == before


def test_an_application_whose_scheduler_has_died_says_so(make_app: Callable[..., Any]) -> None:
    """Health is 503 once no requests are taken, and requests are told to come again."""
    app = make_app()
    with TestClient(app) as client:
        next(iter(app.state.service.hosts.by_id.values())).scheduler.stop(drain=False)

        assert (client.get("/health").status_code, client.get("/health").json()["status"]) == (503, "failed")
        answer = client.post("/v1/chat/completions", json=body())
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "shutting_down")


def test_keys_guard_everything_but_the_page_and_health(make_app: Callable[..., Any], tmp_path: Any) -> None:
    """Without a key nothing is told; with one, its own limits count."""
    from boldface.server.keys import KeyRing

    ring = KeyRing(tmp_path / "keys.json")
    secret = ring.add("friend", {"spans": 1, "may_emphasise": True, "strength": 1.0})
    with TestClient(make_app(ring=ring)) as client:
        for path in ("/v1/models", "/metrics", "/openapi.json", "/v1/boldface/profiles"):
            assert client.get(path).status_code == 401
        told = client.post("/v1/chat/completions", json=body())
        assert (told.status_code, told.json()["error"]["code"]) == (401, "invalid_api_key")
        assert client.get("/health").status_code == client.get("/").status_code == 200
        client.headers["authorization"] = f"Bearer {secret}"
        assert client.get("/v1/models").status_code == 200
        spans = [{"start": 0, "end": 1, "x": 2}, {"start": 2, "end": 3, "x": 2}]
        for said in ({"spans": spans}, {"spans": spans[:1], "x": 2}, {"spans": [{"start": 0, "end": 2}]}):
            answer = client.post("/v1/chat/completions", json=body(max_tokens=1, boldface=said))
            allowed = len(said["spans"]) == 1 and "x" in said["spans"][0]
            assert answer.status_code == (200 if allowed else 400), answer.text
            assert allowed or answer.json()["error"]["code"] == "limit_exceeded"


def test_markup_counts_against_the_limit_of_spans(make_app: Callable[..., Any]) -> None:
    """Spans that only the markup names are spans too, what protects is none, and who may not emphasise may not so."""
    from boldface.server.limits import RequestLimits

    text = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "**a** b **c**"}]
    asked = {"messages": text, "max_tokens": 1, "boldface": {"markup": True}}
    for limits, status in (
        (RequestLimits(spans=1), 400),
        (RequestLimits(spans=2), 200),
        (RequestLimits(may_emphasise=False), 400),
    ):
        with TestClient(make_app(limits=limits)) as client:
            assert client.post("/v1/chat/completions", json=asked).status_code == status


def test_only_names_of_its_own_are_answered_to(make_app: Callable[..., Any]) -> None:
    """A page that has its own name point here is turned away."""
    with TestClient(make_app(names=["localhost", "[::1]"])) as client:
        for host, status in (("localhost", 200), ("localhost:8000", 200), ("[::1]:80", 200), ("evil.example", 400)):
            assert client.get("/health", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("host", "allowed", "names"),
    [
        ("127.0.0.1", (), {"localhost", "127.0.0.1", "[::1]"}),
        ("127.0.0.9", (), {"localhost", "127.0.0.1", "[::1]", "127.0.0.9"}),
        ("::1", ("mine.example",), {"localhost", "127.0.0.1", "[::1]", "mine.example"}),
        ("0.0.0.0", (), None),
        ("10.0.0.5", ("mine.example",), {"localhost", "127.0.0.1", "[::1]", "10.0.0.5", "mine.example"}),
    ],
)
def test_the_names_of_an_address(host: str, allowed: tuple[str, ...], names: set[str] | None) -> None:
    """A name that is allowed stands beside the server's own, wherever it listens."""
    from boldface.server.hosts import names_of

    found = names_of(host, allowed)
    assert (None if found is None else set(found)) == names


def test_other_origins_may_ask_once_they_are_named(make_app: Callable[..., Any]) -> None:
    """The preflight of a named origin is answered."""
    with TestClient(make_app(origins=["https://mine.example"])) as client:
        for origin, allowed in (("https://mine.example", True), ("https://other.example", False)):
            headers = {"origin": origin, "access-control-request-method": "POST"}
            answer = client.options("/v1/chat/completions", headers=headers)
            assert (answer.headers.get("access-control-allow-origin") == origin) is allowed


def test_two_models_are_served_side_by_side(byte_llama: Any, yes_no_llama: Any) -> None:
    """Each by its name; the first where none is named."""
    import copy

    import boldface
    from boldface.server.app import create_app

    models = {
        name: boldface.load(copy.deepcopy(model), tokenizer)
        for name, (model, tokenizer) in {"one": byte_llama, "two": yes_no_llama}.items()
    }
    with TestClient(create_app(models)) as client:
        named = [
            client.post("/v1/chat/completions", json=body(max_tokens=1, **({"model": name} if name else {}))).json()
            for name in (None, "one", "two")
        ]

    assert [answer["model"] for answer in named] == ["one", "one", "two"]


def test_no_models_and_doubled_profiles_are_refused(make_app: Callable[..., Any], tiny_profile: Any) -> None:
    """Before anything is started."""
    from boldface.server.app import create_app

    with pytest.raises(BoldfaceError, match="name of its own"):
        create_app([])
    with pytest.raises(BoldfaceError, match="Two profiles"):
        make_app(profiles=[tiny_profile, tiny_profile])


def test_many_at_once_get_their_own_answers(http: httpx.Client, address: str) -> None:
    """Streams, whole answers, emphasis and none, all together: each is the one that it gets alone."""
    bodies = [
        body(
            messages=[{"role": "user", "content": f"Text number {index}", **({"emphasis": True} if index % 3 else {})}],
            max_tokens=6 + index % 5,
        )
        for index in range(24)
    ]
    alone = [http.post("/v1/chat/completions", json=one).json()["choices"] for one in bodies]

    async def together() -> list[Any]:
        async with httpx.AsyncClient(base_url=address, timeout=60) as client:
            answers = await asyncio.gather(*(client.post("/v1/chat/completions", json=one) for one in bodies))
            return [answer.json()["choices"] for answer in answers]

    assert asyncio.run(together()) == alone
