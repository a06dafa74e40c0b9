"""Text from tokens, piece by piece: the pieces are the text, and no part of a stop text is among them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.engine.batching.pieces import TokenScore
from boldface.engine.batching.words import Bytes, Words

LETTERS = st.text(alphabet="ab é東🙂�\n", max_size=12)


def told(tokenizer, ids, stop=()):
    """Everything that is told of some tokens, piece by piece, and whether a stop text came."""
    words, pieces = Words(tokenizer, stop), []
    for token in ids:
        pieces.append(words.take(token))
        if words.is_stopped:
            return pieces, True
    pieces.append(words.rest())
    return pieces, words.is_stopped


def ids_of(tokenizer, text):
    """Tokens of a text."""
    return tokenizer(text, add_special_tokens=False)["input_ids"]


@given(text=LETTERS)
def test_the_pieces_are_the_text(byte_llama, text):
    """One token a byte: characters come whole, and nothing is lost or said twice."""
    pieces, _ = told(byte_llama[1], ids_of(byte_llama[1], text))
    assert "".join(pieces) == text
    assert text.count("�") or not any("�" in piece for piece in pieces)


@given(ids=st.lists(st.integers(0, 258), max_size=20))
def test_any_tokens_at_all(byte_llama, ids):
    """Control tokens and bytes that are no character: together the pieces are what decoding the whole gives."""
    tokenizer = byte_llama[1]
    assert "".join(told(tokenizer, ids)[0]) == tokenizer.decode(ids, skip_special_tokens=True)


@given(text=LETTERS, stop=st.lists(st.text(alphabet="ab é", min_size=1, max_size=4), min_size=1, max_size=3))
def test_stop_texts(byte_llama, text, stop):
    """The text ends before the stop text that is complete first, and no beginning of one is told too early."""
    pieces, stopped = told(byte_llama[1], ids_of(byte_llama[1], text), stop)
    ends = [place + len(one) for one in stop if (place := text.find(one)) >= 0]
    assert stopped == bool(ends)
    if not ends:
        assert "".join(pieces) == text
        return
    read = text[: min(ends)]
    assert "".join(pieces) == read[: min(read.find(one) for one in stop if one in read)]


@given(text=LETTERS, stop=st.text(alphabet="ab", min_size=1, max_size=3))
def test_nothing_is_held_longer_than_it_must(byte_llama, text, stop):
    """What is held back is the beginning of a stop text, or of a character."""
    words, said, read = Words(byte_llama[1], [stop]), "", b""
    for token in ids_of(byte_llama[1], text):
        read += Bytes(byte_llama[1]).of(token)
        said += words.take(token)
        if words.is_stopped:
            return
        rest = read.decode(errors="ignore")[len(said) :]
        assert stop.startswith(rest) or text.count("�")


def test_before_its_time_a_stop_text_is_a_text(byte_llama):
    """Where the answer may not stop yet, the stop text is told like any other."""
    words = Words(byte_llama[1], ["ab"])
    ids = ids_of(byte_llama[1], "xabyab")
    said = [words.take(token, may_stop=number >= 4) for number, token in enumerate(ids)]
    assert "".join(said) == "xaby"
    assert words.is_stopped


@given(text=LETTERS.filter(lambda text: "�" not in text), stop=st.sampled_from([(), ("b",), ("é ",)]))
def test_scores_come_with_their_text(byte_llama, text, stop):
    """A score is told with the piece in which its token's text begins; those behind a stop text are not told."""
    words, said, scores = Words(byte_llama[1], stop), "", []
    for number, token in enumerate(ids_of(byte_llama[1], text)):
        said += words.take(token, TokenScore(number, b"", 0.0, ()))
        scores += words.scores(last=words.is_stopped)
        if words.is_stopped:
            break
        assert len(scores) >= len(said.encode()) - 3
    else:
        said += words.rest()
        scores += words.scores(last=True)
    assert [score.id for score in scores] == list(range(len(said.encode())))


@pytest.mark.parametrize(
    "name",
    [
        "byte_llama",
        pytest.param("smollm2", marks=pytest.mark.models),
        pytest.param("gemma", marks=[pytest.mark.models, pytest.mark.slow]),
    ],
)
def test_bytes_of_tokens(request, name):
    """The bytes of the tokens of a text are the bytes of the text; control tokens have none."""
    tokenizer = request.getfixturevalue(name)[1]
    text = "Grüße aus 東京 🙂 in   one\nline"
    spell = Bytes(tokenizer)
    assert b"".join(map(spell.of, ids_of(tokenizer, text))).strip() == text.encode()
    assert spell.of(tokenizer.eos_token_id) == b""
