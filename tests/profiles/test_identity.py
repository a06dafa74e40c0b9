"""Identities: the same, a variant, or a foreign model."""

from __future__ import annotations

import math
import struct
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.errors import HeadError
from boldface.profiles.identity import ALIKE, SKETCHED, Identity, pack_sketch, relation, similarities, unpack_sketch

LAYERS = 3
HALVES = st.floats(-4, 4, width=16)
LAYER = st.lists(HALVES, min_size=SKETCHED, max_size=SKETCHED).filter(any)
SKETCHES = st.lists(LAYER, min_size=LAYERS, max_size=LAYERS).map(
    lambda layers: [value for layer in layers for value in layer]
)


def model(sketch: list[float], **other: object) -> Identity:
    """A model of three layers with that sketch."""
    known = Identity("LlamaForCausalLM", LAYERS, 9, 3, 64, 576, 100, "0" * 16, pack_sketch(sketch), "a" * 16, "float32")
    return replace(known, **other)


WAVES = [math.sin(index) for index in range(LAYERS * SKETCHED)]
ONE = model(WAVES)


@given(SKETCHES)
def test_a_sketch_reads_back(sketch: list[float]) -> None:
    """Halves come out of the text as they went in."""
    assert list(unpack_sketch(pack_sketch(sketch))) == sketch


@pytest.mark.parametrize("text", ["?", "é", "AAA", pack_sketch([1.0] * 31), "AA=="])
def test_what_is_no_sketch_is_refused(text: str) -> None:
    """Text that is no base64, half a number, or a layer cut short."""
    with pytest.raises(HeadError, match="sketch"):
        replace(ONE, sketch=text)


@given(SKETCHES, SKETCHES)
def test_similarity_is_symmetric_and_1_with_itself(a: list[float], b: list[float]) -> None:
    """A value a layer, from -1 to 1."""
    assert similarities(pack_sketch(a), pack_sketch(a)) == (1.0,) * LAYERS
    one, other = similarities(pack_sketch(a), pack_sketch(b)), similarities(pack_sketch(b), pack_sketch(a))
    assert one is not None
    assert one == other
    assert all(-1.0001 <= value <= 1.0001 for value in one)


@given(SKETCHES, st.sampled_from(["weights", "tokenizer", "dtype", "origin", "quantization", "vocabulary"]))
def test_every_model_is_itself(sketch: list[float], unknown: str) -> None:
    """Equal identities are the same, wherever the weights came from."""
    one = model(sketch)
    assert relation(one, one) == ("same", ())
    assert relation(one, replace(one, origin="elsewhere", dtype="bfloat16")).kind == "same"


@given(st.integers(0, LAYERS - 1), st.floats(0, 1))
def test_one_other_layer_makes_a_model_foreign(layer: int, blend: float) -> None:
    """The relation follows the layer that differs most, not the mean of all."""
    ours = list(WAVES)
    place = slice(layer * SKETCHED, (layer + 1) * SKETCHED)
    noise = [math.cos(7.3 * index * index) for index in range(SKETCHED)]
    ours[place] = [(1 - blend) * a + blend * b for a, b in zip(WAVES[place], noise, strict=True)]
    changed = model(ours, weights="1" * 16)
    found = similarities(ONE.sketch, changed.sketch)
    assert found is not None
    assert relation(ONE, changed).kind == ("close" if min(found) >= ALIKE else "foreign")
    assert relation(ONE, changed).kind == ("close" if found[layer] >= ALIKE else "foreign")


@pytest.mark.parametrize(
    ("changes", "kind", "says"),
    [
        ({"dtype": "bfloat16"}, "same", "the weights are bfloat16, not float32"),
        ({"tokenizer": ""}, "same", None),
        ({"weights": "1" * 16}, "close", "agree to 1.000"),
        ({"tokenizer": "b" * 16}, "close", "tokenizer's vocabulary differs"),
        ({"weights": "1" * 16, "vocabulary": 110}, "close", "the vocabulary has 110 words, not 100"),
        ({"weights": "", "sketch": ""}, "close", "packed or offloaded"),
        (
            {"weights": "", "sketch": "", "quantization": "gptq 4 bit"},
            "close",
            "the quantisation is gptq 4 bit, not none",
        ),
        ({"weights": "", "sketch": "", "tokenizer": "b" * 16}, "foreign", "tokenizer's vocabulary differs"),
        ({"architecture": "MistralForCausalLM"}, "foreign", "MistralForCausalLM, not LlamaForCausalLM"),
        ({"layers": 4}, "foreign", "4 layers, not 3"),
        ({"heads": 8}, "foreign", "8 heads, not 9"),
        ({"kv_heads": 9}, "foreign", "9 key-value heads, not 3"),
        ({"head_dim": 32}, "foreign", "32 dimensions, not 64"),
        ({"hidden_size": 512}, "foreign", "hidden size is 512, not 576"),
        ({"weights": "1" * 16, "sketch": pack_sketch(WAVES[::-1])}, "foreign", "its weights differ"),
        ({"weights": "1" * 16, "sketch": pack_sketch(WAVES[:SKETCHED])}, "foreign", "its weights differ"),
    ],
)
def test_relations(changes: dict[str, object], kind: str, says: str | None) -> None:
    """What makes a model the same, close or foreign, and the words for it."""
    found = relation(ONE, replace(ONE, **changes))
    assert found.kind == kind
    assert says is None or any(says in difference for difference in found.differences)
    assert says is not None or not found.differences


def test_weights_that_nobody_could_read_are_never_the_same() -> None:
    """Two models of unread weights agree in the empty digest, which says nothing."""
    packed = replace(ONE, weights="", sketch="")
    assert relation(packed, packed).kind == "close"


def test_a_sketch_of_nan_is_foreign() -> None:
    """A model whose weights are broken is not close to anything, itself included once its digest differs."""
    broken = replace(ONE, weights="1" * 16, sketch=pack_sketch(struct.unpack("<1e", b"\xff\x7f") * LAYERS * SKETCHED))
    assert relation(ONE, broken).kind == "foreign"
