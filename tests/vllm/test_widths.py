"""How wide the heads get on CPUs."""

from __future__ import annotations

import pytest
import torch

from boldface.errors import UnsupportedModelError

pytestmark = pytest.mark.vllm


@pytest.mark.parametrize(
    ("size", "dtype", "tiles", "width"),
    [
        (64, torch.float32, False, 80),
        (64, torch.bfloat16, False, 80),
        (64, torch.bfloat16, True, 96),
        (64, torch.float32, True, 80),
        (128, torch.bfloat16, False, 160),
        (256, torch.bfloat16, True, 512),
    ],
)
def test_the_next_size_with_room(monkeypatch, size, dtype, tiles, width):
    """Where the CPU has matrix tiles, the next one that they take; they are for 16 bits."""
    from boldface.vllm.cpu.augment import width_for

    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: tiles)
    assert width_for(size, dtype) == width


@pytest.mark.parametrize("size", [512, 48])
def test_no_size_with_room(size):
    """Nothing is wider, or the kernel does not take the heads as they are."""
    from boldface.vllm.cpu.augment import width_for

    with pytest.raises(UnsupportedModelError):
        width_for(size, torch.float32)
