"""Whether FlashAttention has room for the columns of the fold, and what the room costs.

The fold (:mod:`boldface.steering.fold`) carries the bias in columns behind the head dimension. A FlashAttention kernel
takes widened heads only where its checks let them pass, and runs the next larger of the sizes it was compiled for. The
rules stand in the kernels' sources: ``csrc/flash_attn/flash_api.cpp`` (2), ``hopper/flash_api.cpp`` and the list of
compiled sizes in ``CMakeLists.txt`` (3), ``flash_attn/cute/interface.py`` and vLLM's ``fa_utils.py`` (4), of
vllm-project/flash-attention at 617264c.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

COLUMNS = 8
"""What the fold needs in 16 bits, rounded up: nats and gain in two parts each, and two columns for generated tokens."""

MULTIPLE = 8
LARGEST = 256
COMPILED: dict[int, tuple[int, ...]] = {2: (32, 64, 96, 128, 192, 256), 3: (64, 96, 128, 192, 256)}
"""Head sizes that a kernel exists for; others run the next larger one, with the rest of it empty."""


@dataclass(frozen=True)
class Room:
    """How a head is widened.

    Attributes:
        key: Size of queries and keys.
        value: Size of values.
        cache: Size of the cache over what it was.
        compute: Multiplications of a call over what they were, by the sizes that the kernel runs.
    """

    key: int
    value: int
    cache: float
    compute: float


def room(
    head_dim: int,
    version: Literal[2, 3, 4],
    capability: tuple[int, int],
    *,
    sinks: bool = False,
    quantised: bool = False,
    columns: int = COLUMNS,
) -> Room | str:
    """Return the cheapest widening that the kernel takes, or why there is none.

    Args:
        head_dim: Size of the model's heads.
        version: Of FlashAttention.
        capability: Of the GPU: (9, 0) is Hopper.
        sinks: Whether the layer has attention sinks.
        quantised: Whether the cache holds 8-bit numbers.
        columns: That the fold needs.
    """
    if quantised:
        return "8 bits do not hold the parts of a bias."
    if sinks and version == 2:
        return "FlashAttention 2 has no sinks."
    least = _up(head_dim + columns)
    fitting = [
        widened
        for key in range(least, LARGEST + 1, MULTIPLE)
        for value in {_up(head_dim), key}
        if _takes(version, capability, key, value, sinks)
        for widened in [_priced(head_dim, version, key, value)]
    ]
    if not fitting:
        return f"FlashAttention {version} has no room for {columns} columns beside heads of {head_dim}."
    return min(fitting, key=lambda widened: (widened.cache, widened.compute))


def _takes(version: int, capability: tuple[int, int], key: int, value: int, sinks: bool) -> bool:
    if version == 2:
        return key == value
    if version == 3:
        return key == value or (
            capability[0] == 9
            and not sinks
            and ((128 < key <= 192 and 96 < value <= 128) or (key <= 64 and value <= 512))
        )
    if capability[0] == 9:
        return True
    return max(key, value) <= 128 or (key, value) in {(192, 128), (256, 256)}


def _priced(head_dim: int, version: int, key: int, value: int) -> Room:
    before, after = 2 * _run(head_dim, version), _run(key, version) + _run(value, version)
    return Room(key, value, (key + value) / (2 * head_dim), after / before)


def _run(size: int, version: int) -> int:
    """Return the size that the kernel works with."""
    return _next(size, COMPILED[version]) if version in COMPILED else -(-size // 16) * 16


def _next(size: int, sizes: Iterable[int]) -> int:
    return min(larger for larger in sizes if larger >= size)


def _up(size: int) -> int:
    return -(-size // MULTIPLE) * MULTIPLE
