"""Identity: what model a profile was made for, and how the model at hand relates to it."""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from boldface.errors import HeadError

SKETCHED = 32
"""Values in the sketch of every attention layer."""

ALIKE = 0.8
"""Least cosine similarity of the sketches, of every layer by itself, of variants of one model; see :func:`relation`."""


@dataclass(frozen=True)
class Identity:
    """What tells one model from another.

    Attributes:
        architecture: Name of its class in transformers.
        layers: Decoder layers.
        heads: Query heads of a layer; the largest number where layers differ.
        kv_heads: Key-value heads of a layer; likewise.
        head_dim: Size of a query or key; likewise.
        hidden_size: Size of the residual stream.
        vocabulary: Rows of the input embedding.
        weights: 16 hex digits of values sampled from all weights, rounded to bfloat16, so that float32 and bfloat16
            copies agree; empty when some weight cannot be read.
        sketch: :data:`SKETCHED` values a layer of the attention projections' weights, see :func:`pack_sketch`; empty
            when they cannot be read.
        tokenizer: 16 hex digits of the tokenizer's vocabulary; empty when unknown.
        dtype: Type of the weights, as torch names it.
        origin: Where the weights came from, in words.
        quantization: How they were quantised, in words; empty for not at all, or unknown.

    Raises:
        HeadError: The sketch cannot be read.
    """

    architecture: str
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    hidden_size: int
    vocabulary: int
    weights: str = ""
    sketch: str = ""
    tokenizer: str = ""
    dtype: str = ""
    origin: str = ""
    quantization: str = ""

    def __post_init__(self) -> None:
        unpack_sketch(self.sketch)


class Relation(NamedTuple):
    """How a live model relates to the one that a profile was made for.

    Attributes:
        kind: ``same``: the weights agree. ``close``: a variant of it, or nothing that could be read speaks against
            that. ``foreign``: another model.
        differences: What differs, each a clause that begins in lower case.
    """

    kind: Literal["same", "close", "foreign"]
    differences: tuple[str, ...]


def relation(made_for: Identity, live: Identity) -> Relation:
    """Compare the model at hand with the one that a profile was made for.

    ``same``: equal class, tokenizer and digest of the weights. ``close``: equal class and shape of heads, and in every
    layer the sampled attention weights have a cosine similarity of at least :data:`ALIKE`; where they cannot be read
    (packed or offloaded), equal class, shape and tokenizer. Anything else is ``foreign``.

    Similarity of the layer that differs most, SmolLM2-135M against changed copies of itself: float16 1.000; weights
    rounded to 8 bits 1.000, to 4 bits 0.974, to 3 bits 0.866, to 2 bits 0.000 (every row by itself); an update of rank
    16 of a tenth of the weights' norm 0.984, of three tenths 0.844; noise of a tenth of their deviation 0.988, of three
    tenths 0.899; two heads swapped in every layer 0.368, two layers swapped 0.004, another random start -0.296.
    Swapping two heads in one layer leaves 0.989: a change of order that the model does not notice is never ``same``,
    but a small one is ``close``, and only the profile's canaries tell that it no longer fits.
    """
    differences = tuple(_differences(made_for, live))
    one_shape = _shape(made_for) == _shape(live)
    tokenizers_agree = not made_for.tokenizer or not live.tokenizer or made_for.tokenizer == live.tokenizer
    if one_shape and tokenizers_agree and made_for.weights and made_for.weights == live.weights:
        return Relation("same", differences)
    likeness = _likeness(made_for, live)
    close = one_shape and (tokenizers_agree if likeness is None else min(likeness, default=0.0) >= ALIKE)
    return Relation("close" if close else "foreign", differences)


def pack_sketch(values: Iterable[float]) -> str:
    """Return numbers as base64 of little-endian float16."""
    numbers = list(values)
    return base64.b64encode(struct.pack(f"<{len(numbers)}e", *numbers)).decode("ascii")


def unpack_sketch(text: str) -> tuple[float, ...]:
    """Return the numbers of a sketch.

    Raises:
        HeadError: The text is no sketch of whole layers.
    """
    try:
        packed = base64.b64decode(text.encode("ascii"), validate=True)
        numbers = struct.unpack(f"<{len(packed) // 2}e", packed)
    except (ValueError, binascii.Error, struct.error) as error:
        raise HeadError(f"The sketch of the weights cannot be read: {error}.", "Make the profile again.") from None
    if len(numbers) % SKETCHED:
        raise HeadError(
            f"The sketch has {len(numbers)} values, which are not {SKETCHED} a layer.", "Make the profile again."
        )
    return numbers


def similarities(one: str, other: str) -> tuple[float, ...] | None:
    """Return the cosine similarity of two sketches, layer by layer; None when they cannot be compared."""
    a, b = unpack_sketch(one), unpack_sketch(other)
    if not a or len(a) != len(b):
        return None
    places = range(0, len(a), SKETCHED)
    return tuple(_cosine(a[place : place + SKETCHED], b[place : place + SKETCHED]) for place in places)


def _likeness(made_for: Identity, live: Identity) -> tuple[float, ...] | None:
    """The similarities; None when either model's weights cannot be read, empty when their layers differ in number."""
    if not made_for.sketch or not live.sketch:
        return None
    return similarities(made_for.sketch, live.sketch) or ()


def _shape(model: Identity) -> tuple[object, ...]:
    return (model.architecture, model.layers, model.heads, model.kv_heads, model.head_dim, model.hidden_size)


def _differences(made_for: Identity, live: Identity) -> Iterator[str]:
    for name, words in (
        ("architecture", "the architecture is {now}, not {then}"),
        ("layers", "it has {now} layers, not {then}"),
        ("heads", "a layer has {now} heads, not {then}"),
        ("kv_heads", "a layer has {now} key-value heads, not {then}"),
        ("head_dim", "a head has {now} dimensions, not {then}"),
        ("hidden_size", "the hidden size is {now}, not {then}"),
        ("vocabulary", "the vocabulary has {now} words, not {then}"),
        ("dtype", "the weights are {now}, not {then}"),
    ):
        then, now = getattr(made_for, name), getattr(live, name)
        if then != now:
            yield words.format(then=then, now=now)
    if made_for.tokenizer and live.tokenizer and made_for.tokenizer != live.tokenizer:
        yield "the tokenizer's vocabulary differs"
    if made_for.quantization != live.quantization:
        yield f"the quantisation is {live.quantization or 'none or unknown'}, not {made_for.quantization or 'none'}"
    if not made_for.weights or not live.weights:
        yield "its weights are packed or offloaded and cannot be compared"
    elif made_for.weights != live.weights:
        yield "".join(("its weights differ", *_how_far(made_for, live)))


def _how_far(made_for: Identity, live: Identity) -> Iterator[str]:
    likeness = _likeness(made_for, live)
    if likeness:
        yield f" (in the layer that differs most, attention weights agree to {min(likeness):.3f})"


def _cosine(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    if a == b:
        return 1.0
    sizes = math.sqrt(math.fsum(x * x for x in a) * math.fsum(y * y for y in b))
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / sizes if sizes else 0.0
