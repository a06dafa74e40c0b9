"""Room for the fold in FlashAttention's heads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.vllm.gpu.flash_room import COLUMNS, Room, room

HOPPER, AMPERE, BLACKWELL = (9, 0), (8, 0), (10, 0)


@pytest.mark.parametrize(
    ("head_dim", "version", "capability", "widened"),
    [
        (128, 3, HOPPER, (136, 128)),  # its kernel for DeepSeek's heads
        (64, 3, HOPPER, (72, 72)),
        (96, 3, HOPPER, (104, 104)),
        (56, 3, HOPPER, (64, 56)),
        (192, 3, HOPPER, (200, 200)),
        (120, 3, HOPPER, (128, 128)),
        (128, 2, AMPERE, (136, 136)),
        (64, 2, AMPERE, (72, 72)),
        (80, 2, AMPERE, (88, 88)),
        (64, 4, BLACKWELL, (72, 64)),
        (128, 4, BLACKWELL, (192, 128)),
        (128, 4, HOPPER, (136, 128)),
    ],
)
def test_known_cases(head_dim, version, capability, widened):
    """Sizes of real models, each by the kernel's own checks."""
    found = room(head_dim, version, capability)
    assert isinstance(found, Room)
    assert (found.key, found.value) == widened


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("capability", [AMPERE, HOPPER, BLACKWELL])
def test_heads_of_256_have_no_room(version, capability):
    """Gemma's heads fill the largest kernel."""
    assert "no room" in str(room(256, version, capability))


def test_sinks_need_equal_sizes():
    """The kernels with sinks want values as wide as keys, and version 2 has none."""
    found = room(128, 3, HOPPER, sinks=True)
    assert isinstance(found, Room)
    assert (found.key, found.value) == (136, 136)
    assert "sinks" in str(room(128, 2, AMPERE, sinks=True))
    assert "8 bits" in str(room(128, 3, HOPPER, quantised=True))


def test_prices():
    """The cache grows by 3 % on Hopper at 128, by an eighth at 64; the kernel works with the next compiled size."""
    wide, narrow = room(128, 3, HOPPER), room(64, 3, HOPPER)
    assert isinstance(wide, Room) and isinstance(narrow, Room)
    assert wide.cache == pytest.approx(264 / 256) and wide.compute == pytest.approx(320 / 256)
    assert narrow.cache == pytest.approx(72 / 64) and narrow.compute == pytest.approx(96 / 64)


@given(st.integers(1, 256), st.sampled_from([2, 3, 4]), st.sampled_from([AMPERE, HOPPER, BLACKWELL]), st.booleans())
def test_any_room_holds_the_columns(head_dim, version, capability, sinks):
    """Keys have room for the columns, values lose nothing, sizes are multiples of eight, and nothing comes for less."""
    found = room(head_dim, version, capability, sinks=sinks)
    if isinstance(found, str):
        assert sinks or head_dim + COLUMNS > 128
        return
    assert found.key >= head_dim + COLUMNS and found.value >= head_dim
    assert found.key % 8 == found.value % 8 == 0
    assert found.cache >= 1 and found.compute >= 1
