"""What the endpoints share: how often attention is measured."""

from __future__ import annotations

from types import SimpleNamespace

from boldface.emphasis.trust import DEFAULT_POLICY
from boldface.server.hosting import Hosts
from boldface.server.metrics import Metrics
from boldface.server.service import MEASURED, Service


def test_the_first_steered_answer_is_measured_and_then_few() -> None:
    """Figures are there after one answer, and cost next to nothing after many."""
    service = Service(Hosts([SimpleNamespace(id="m")]), policy=DEFAULT_POLICY, metrics=Metrics())
    asked = [service.measures() for _ in range(2 * MEASURED)]
    assert [place for place, measured in enumerate(asked) if measured] == [0, MEASURED]
