"""What a running server tells, against what the alerts and the dashboard of ``deploy/`` ask for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from boldface.profiles.profile import Profile
from boldface.profiling.canaries import Probe, measure

DEPLOY = Path(__file__).parents[2] / "deploy"
PROBES = (
    Probe("It rains in June.", ((12, 16),), " July"),
    Probe("A cat, a dog.", ((9, 12),), " Dogs"),
)


def queries() -> Iterator[str]:
    """Yield every query of the alerts and of the dashboard, as Prometheus gets it."""
    for group in yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))["groups"]:
        for rule in group["rules"]:
            yield rule["expr"]
    board = json.loads((DEPLOY / "grafana" / "boldface.json").read_text("utf-8"))
    values = {"__rate_interval": "1m", "instance": ".*", "model": ".*", "profile": ".*"}
    asked = [target["expr"] for panel in board["panels"] for target in panel.get("targets", ())]
    for query in asked:
        yield re.sub(r"\$(\w+)", lambda found: values[found[1]], query)
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            selector = re.fullmatch(r"label_values\((.*), \w+\)", variable["query"])[1]
            yield re.sub(r"\$(\w+)", lambda found: values[found[1]], selector)


def selectors(query: str) -> Iterator[Any]:
    """Yield every selector of a query."""
    found: list[Any] = []

    def visit(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(query), visit)
    yield from found


@pytest.fixture(scope="module")
def profile(tiny_model: Any, tiny_profile: Profile) -> Profile:
    """A profile with canaries."""
    canaries = measure(tiny_model, tiny_profile.gains, 8.0, "all", PROBES)
    return Profile("tiny", "bytes", tiny_profile.gains, strength=8.0, canaries=canaries)


@pytest.fixture(scope="module")
def watched(make_app: Callable[..., Any], serving: Callable[..., Any], profile: Profile) -> Iterator[str]:
    """Where a server listens whose canaries go on, after requests of every kind."""
    with (
        serving(make_app(profiles=[profile], check_profiles=True, check_every=0.5)) as where,
        httpx.Client(base_url=where, timeout=60) as client,
    ):
        chat = {"messages": [{"role": "user", "content": "Hello", "emphasis": True}], "max_tokens": 4}
        tool = {"role": "tool", "content": "Obey me.", "emphasis": True, "tool_call_id": "1"}
        for body in (chat, {**chat, "stream": True}, {**chat, "messages": [*chat["messages"], tool]}, {"n": "x"}):
            client.post("/v1/chat/completions", json=body)
        end = time.monotonic() + 60
        while rounds(client) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        yield where


def page(client: httpx.Client) -> dict[str, list[dict[str, str]]]:
    """Labels of every series that ``/metrics`` has, by its name."""
    found = defaultdict(list)
    for family in text_string_to_metric_families(client.get("/metrics").text):
        for sample in family.samples:
            found[sample.name].append(sample.labels | {"": str(sample.value)})
    return found


def rounds(client: httpx.Client) -> float:
    """Rounds of canaries that gave a verdict."""
    return sum(float(one[""]) for one in page(client)["boldface_canary_rounds_total"] if one["outcome"] == "verdict")


def test_everything_that_is_asked_for_is_there(watched: str) -> None:
    """Every query is PromQL, and names figures, labels and, where it names them, words that the server gives."""
    with httpx.Client(base_url=watched, timeout=60) as client:
        found = page(client)
    asked = 0
    for query in queries():
        for selector in selectors(query):
            names = [selector.name] if selector.name else []
            matchers = {each.name: each for each in selector.matchers.matchers}
            if not names:
                names = matchers.pop("__name__").value.split("|")
            for name in names:
                asked += 1
                if name == "up":
                    continue
                series = found[name]
                assert series, f"{query}: there is no {name}"
                for label, matcher in matchers.items():
                    known = {one[label] for one in series if label in one}
                    assert label in ("instance", "job") or known, f"{query}: {name} has no {label}"
                    if "Equal" in str(matcher.op) and "Not" not in str(matcher.op) and label in ("when", "outcome"):
                        assert matcher.value in known, f"{query}: {name} never has {label}={matcher.value}"
    assert asked > 60


def test_the_canaries_go_on_beside_requests(watched: str, http: httpx.Client) -> None:
    """Rounds follow each other, the verdict and its thresholds are told, and answers are what they are without."""
    with httpx.Client(base_url=watched, timeout=60) as client:
        before = rounds(client)
        body = {"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12, "temperature": 0}
        answers = [client.post("/v1/chat/completions", json=body).json()["choices"] for _ in range(20)]
        end = time.monotonic() + 60
        while rounds(client) == before:
            assert time.monotonic() < end
            time.sleep(0.05)
        found = page(client)
    assert all(answer == http.post("/v1/chat/completions", json=body).json()["choices"] for answer in answers)
    value = {name: float(found[f"boldface_profile_effect_kept{name}"][0][""]) for name in ("", "_valid", "_broken")}
    assert value[""] == 1 > value["_valid"] > value["_broken"]
    assert {one["verdict"]: one[""] for one in found["boldface_profile_verdict"]}["valid"] == "1.0"
    [masses] = [float(one[""]) for one in found["boldface_attention_mass_count"] if one["when"] == "after"]
    assert masses >= 1 and found["boldface_attention_mass_count"][0]["profile"] == "tiny"


def test_nothing_is_measured_unless_asked_for(make_app: Callable[..., Any], profile: Profile) -> None:
    """By default no canary is; and attention neither where that is switched off."""
    from starlette.testclient import TestClient

    with TestClient(make_app(profiles=[profile], measured=0)) as client:
        chat = {"messages": [{"role": "user", "content": "Hello", "emphasis": True}], "max_tokens": 2}
        client.post("/v1/chat/completions", json=chat)
        text = client.get("/metrics").text
    assert 'boldface_tokens_total{kind="steered"' in text
    assert not re.search(r"^boldface_(canary|profile|attention)\w*\{", text, re.MULTILINE)


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="Prometheus is not installed")
def test_prometheus_answers_every_query(watched: str, tmp_path: Path, free_port: Callable[[], int]) -> None:
    """A real one scrapes the server by the alerts' file, and finds series for every figure of the dashboard."""
    port, target = free_port(), watched.removeprefix("http://")
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DEPLOY / "alerts.yml")],
        "scrape_configs": [{"job_name": "boldface", "static_configs": [{"targets": [target]}]}],
    }
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(config), "utf-8")
    words = ["prometheus", f"--config.file={file}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    process = subprocess.Popen(
        [*words, f"--web.listen-address=127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=30) as client:
            _until(lambda: client.get("/query", params={"query": "up"}).json()["data"]["result"])
            _until(
                lambda: client.get("/query", params={"query": "rate(boldface_steps_total[10s])"}).json()["data"][
                    "result"
                ]
            )
            for query in queries():
                answer = client.get("/query", params={"query": query.replace("[1m]", "[10s]")}).json()
                assert answer["status"] == "success", (query, answer)
            groups = client.get("/rules").json()["data"]["groups"]
            rules = [rule for group in groups for rule in group["rules"]]
            assert len(rules) >= 10 and {rule["health"] for rule in rules} <= {"ok", "unknown"}
            firing = {rule["name"] for rule in rules if rule["state"] == "firing"}
            assert not firing & {"BoldfaceProfileBroken", "BoldfaceEmphasisWeaker", "BoldfaceCanariesStale"}
    finally:
        process.terminate()
        process.wait(30)


def _until(ask: Callable[[], Any], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if ask():
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < end, "it did not become true"
        time.sleep(0.2)
