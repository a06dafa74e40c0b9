"""The examples in deploy/ name commands, options and figures that exist, and parse where their tools are installed."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).parents[1] / "deploy"
UNIT = (DEPLOY / "boldface.service").read_text("utf-8")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
PROMETHEUS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "boldface.json").read_text("utf-8"))


def listed(instruction: str) -> list[str]:
    """Return the words of an instruction of the Dockerfile that is written as a list."""
    return json.loads(re.search(rf"^{instruction} (\[.*\])$", DOCKERFILE, re.MULTILINE)[1])


def commands() -> Iterator[list[str]]:
    """Yield every way in which the examples start the server."""
    yield shlex.split(re.search(r"^ExecStart=(.+)$", UNIT, re.MULTILINE)[1])[1:]
    yield (listed("ENTRYPOINT") + listed("CMD"))[1:]
    yield (listed("ENTRYPOINT") + COMPOSE["services"]["boldface"]["command"])[1:]


@pytest.mark.parametrize("words", list(commands()), ids=" ".join)
def test_the_server_is_started_as_it_can_be(words: list[str]):
    """The command line parses: with --help behind it, it would only be refused for an option that there is not."""
    from typer.main import get_command

    from boldface.cli.app import app

    group = get_command(app)
    verb = group.get_command(None, words[0])
    options = {name for parameter in verb.params for name in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options
    with verb.make_context("serve", words[1:]):
        pass


def test_the_health_check_asks_a_page_that_there_is():
    """The port of the check is the one that the server listens on, and health needs no key."""
    from boldface.server.guards import OPEN

    port = listed("ENTRYPOINT")[listed("ENTRYPOINT").index("--port") + 1]
    assert f"http://127.0.0.1:{port}/health" in DOCKERFILE and "/health" in OPEN
    assert f"EXPOSE {port}" in DOCKERFILE
    assert PROMETHEUS["scrape_configs"][0]["static_configs"][0]["targets"] == [f"boldface:{port}"]


def test_the_image_is_made_of_what_is_there():
    """What is copied into the image is not left out of its context, and the server is an ordinary user."""
    patterns = (DEPLOY / "Dockerfile.dockerignore").read_text("utf-8").split()
    assert patterns[0] == "*"
    kept = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
    project = (DEPLOY.parent / "pyproject.toml").read_text("utf-8")
    assert all((DEPLOY.parent / name).exists() for name in kept)
    assert {"src", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"} <= set(kept)
    assert 'readme = "README.md"' in project
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["10001"] and DOCKERFILE.index("USER 10001") < DOCKERFILE.index("ENTRYPOINT")


def test_nothing_listens_beyond_this_machine():
    """Compose publishes on loopback alone, and so does the unit."""
    for service in COMPOSE["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert "--host 127.0.0.1" in UNIT


def test_compose_is_hardened_and_its_files_are_there():
    """Read-only, without capabilities, and what it mounts from here is here or made by the README's commands."""
    server = COMPOSE["services"]["boldface"]
    assert server["read_only"] is True and server["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in server["security_opt"]
    readme = (DEPLOY / "README.md").read_text("utf-8")
    for service in COMPOSE["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            made = source.startswith("./keys") and f"deploy/{source[2:]}" in readme
            assert made or source in COMPOSE["volumes"] or (DEPLOY / source).exists(), source
    dockerfile = DEPLOY / server["build"]["context"] / server["build"]["dockerfile"]
    assert dockerfile.resolve() == DEPLOY / "Dockerfile"


def test_prometheus_is_told_where_everything_is():
    """Its rules and its key are mounted where its configuration looks for them, and every alert says what is wrong."""
    assert PROMETHEUS["rule_files"] == ["/etc/prometheus/alerts.yml"]
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["prometheus"]["volumes"]]
    assert PROMETHEUS["scrape_configs"][0]["authorization"]["credentials_file"] in mounted
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    assert len(rules) == len({rule["alert"] for rule in rules}) >= 10
    for rule in rules:
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in ("info", "warning", "critical")
    # What live requests may ask for is nobody's fault, and says so.
    lenient = {
        rule["alert"]: rule["annotations"]["description"] for rule in rules if rule["labels"]["severity"] == "info"
    }
    assert list(lenient) == ["BoldfaceEmphasisUnheard"]
    assert all(word in lenient["BoldfaceEmphasisUnheard"] for word in ("suppress", "target", "release", "careful"))


def test_every_alert_about_profiles_is_tested():
    """For each there are series for which it goes off, and most are seen silent as well."""
    told = [
        each
        for test in yaml.safe_load((DEPLOY / "alerts_test.yml").read_text("utf-8"))["tests"]
        for each in test["alert_rule_test"]
    ]
    loud = {each["alertname"] for each in told if each.get("exp_alerts")}
    profiles = {rule["alert"] for rule in ALERTS["groups"][1]["rules"]}
    silent = {each["alertname"] for each in told if not each.get("exp_alerts")}
    assert loud == profiles
    assert silent >= profiles - {"BoldfaceEmphasisUnheard"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(
    "words",
    [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
        ["check", "config", "--syntax-only", "prometheus.yml"],
    ],
    ids=" ".join,
)
def test_promtool_takes_the_files(words: list[str]):
    """The alerts are rules, they go off when they should, and the configuration is one."""
    done = subprocess.run(["promtool", *words], capture_output=True, text=True, timeout=60, cwd=DEPLOY)
    assert done.returncode == 0, done.stdout + done.stderr


def panels() -> list[dict[str, Any]]:
    """Every panel of the dashboard."""
    return DASHBOARD["panels"]


def test_the_dashboard_hangs_together():
    """Panels have places of their own, queries ids of their own, and everything asks the chosen data source."""
    assert len({panel["id"] for panel in panels()}) == len(panels()) > 15
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        ids = [target["refId"] for target in panel.get("targets", ())]
        assert len(ids) == len(set(ids))
    variables = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    asked = json.dumps([panel.get("targets") for panel in panels()])
    used = set(re.findall(r"\$(\w+)", asked)) - {"__rate_interval", "__range"}
    assert used <= set(variables) and variables["datasource"]["query"] == "prometheus"


def test_grafana_finds_the_dashboard():
    """What is provisioned lies where Grafana is told to look, under the name of the data source."""
    provider, source = (
        yaml.safe_load((DEPLOY / "grafana" / name).read_text("utf-8")) for name in ("dashboards.yml", "datasource.yml")
    )
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["grafana"]["volumes"]]
    assert f"{provider['providers'][0]['options']['path']}/boldface.json" in mounted
    chosen = next(one for one in DASHBOARD["templating"]["list"] if one["name"] == "datasource")
    assert source["datasources"][0]["uid"] == chosen["current"]["value"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("verb", ["verify", "security"])
def test_the_unit_is_one(tmp_path: Path, verb: str):
    """systemd takes the unit, and finds little of the machine exposed to it."""
    unit = tmp_path / "boldface.service"
    command = Path(sys.executable).with_name("boldface")
    unit.write_text(UNIT.replace("/opt/boldface/bin/boldface", str(command)), "utf-8")
    words = {"verify": ["verify"], "security": ["security", "--offline=true", "--threshold=30", "--no-pager"]}[verb]
    done = subprocess.run(["systemd-analyze", *words, str(unit)], capture_output=True, text=True, timeout=60)
    complaints = [line for line in done.stderr.splitlines() if "boldface.service" in line and "man " not in line]
    assert (done.returncode, complaints) == (0, []), done.stdout + done.stderr


def _compose() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "compose", "version"], capture_output=True).returncode == 0


@pytest.mark.skipif(not _compose(), reason="docker compose is not installed")
def test_compose_takes_the_file():
    """`docker compose config` reads the file, both profiles."""
    command = ["docker", "compose", "--file", str(DEPLOY / "compose.yaml"), "--profile", "watch", "config", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ}, timeout=60)
    assert done.returncode == 0, done.stderr
