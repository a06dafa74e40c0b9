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

from boldface.server.metrics import Metrics

DEPLOY = Path(__file__).parents[1] / "deploy"
UNIT = (DEPLOY / "boldface.service").read_text("utf-8")
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
PROMETHEUS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text("utf-8"))
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "alerts.yml").read_text("utf-8"))


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


def test_every_figure_that_an_alert_names_is_given():
    """An alert on a figure that is misspelt would never go off."""
    families = {family.name: family.type for family in Metrics().registry.collect()}
    given = set(families)
    given |= {f"{name}_total" for name, kind in families.items() if kind == "counter"}
    given |= {
        f"{name}_{end}" for name, kind in families.items() if kind == "histogram" for end in ("bucket", "sum", "count")
    }
    rules = [rule for group in ALERTS["groups"] for rule in group["rules"]]
    named = {name for rule in rules for name in re.findall(r"\bboldface_\w+", rule["expr"])}
    assert len(rules) >= 4 and named and named <= given
    assert all(rule["annotations"]["summary"] for rule in rules)
    assert PROMETHEUS["rule_files"] == ["/etc/prometheus/alerts.yml"]
    mounted = [volume.split(":")[1] for volume in COMPOSE["services"]["prometheus"]["volumes"]]
    assert PROMETHEUS["scrape_configs"][0]["authorization"]["credentials_file"] in mounted


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
