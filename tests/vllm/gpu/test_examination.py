"""The trial before serving: honest kernels pass, and whatever would steer wrongly is refused."""

from __future__ import annotations

import pytest
import torch

from boldface.errors import RouteError


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("options", [{}, {"window": 45}, {"softcap": 30.0}, {"sinks": True}], ids=str)
def test_the_kernel_passes(device, dtype, options):
    """In every type, with whatever a layer may have."""
    from boldface.vllm.gpu.examination import examine

    if "sinks" in options:
        options = {"sinks": torch.linspace(-1, 1, 6, device=device)}
    examine(6, 2, 64, dtype, device, **options)


@pytest.mark.parametrize("wrong", ["gains", "lift", "start", "slot"])
def test_wrong_tables_are_noticed(device, wrong, monkeypatch):
    """A kernel that read something else than the tables say is refused."""
    from boldface.vllm.gpu import examination
    from boldface.vllm.gpu.rows import Rows

    class Broken(Rows):
        def show(self, slots):
            super().show([0] if wrong == "slot" else slots)
            if wrong == "gains":
                self.gains[:, 1] = self.gains[:, 1].flip(-1)
            if wrong == "lift":
                self.lift[1] = 0
            if wrong == "start":
                self.facts[1, 1] = 10_000

    monkeypatch.setattr(examination, "Rows", Broken)
    with pytest.raises(RouteError, match="off by"):
        examination.examine(4, 2, 16, torch.float32, device)
