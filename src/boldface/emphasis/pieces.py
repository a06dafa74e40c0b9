"""Pieces: what one token says, read from the tokenizer's vocabulary as bytes.

Vocabularies spell text in few ways. Which one a tokenizer uses is not asked but tried: a spelling is right when the
pieces, put together, give back the text (see :mod:`boldface.emphasis.offsets`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_BYTE_OF = {chr(byte): byte for byte in _PRINTABLE} | {
    chr(0x100 + rank): byte for rank, byte in enumerate(byte for byte in range(0x100) if byte not in _PRINTABLE)
}
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")

Spelling = Callable[[str], bytes | None]
"""Turns a vocabulary entry into the bytes it stands for; None when it is not spelled this way."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One token's vocabulary entry.

    Attributes:
        entry: The entry; some tokenizers keep bytes.
        added: It stands in the text as it is written, not spelled (special tokens, user-added words).
        special: A control token (BOS, ``<|im_start|>``), never emphasised.
        unknown: It stands for text that the vocabulary lacks.
        lstrip: It swallows the white space before it.
        rstrip: It swallows the white space after it.
    """

    entry: str | bytes
    added: bool = False
    special: bool = False
    unknown: bool = False
    lstrip: bool = False
    rstrip: bool = False


def read_pieces(tokenizer: Any, ids: Sequence[int]) -> list[Piece]:
    """Return the piece of every id."""
    entries = tokenizer.convert_ids_to_tokens(list(ids))
    special_ids, added = set(tokenizer.all_special_ids), getattr(tokenizer, "added_tokens_decoder", {})
    unknown_id = _unknown_id(tokenizer)
    pieces: dict[int, Piece] = {}
    for token, entry in zip(ids, entries, strict=True):
        if token in pieces:
            continue
        how = added.get(token)
        unknown = token == unknown_id
        pieces[token] = Piece(
            entry,
            added=not unknown and (how is not None or token in special_ids),
            special=not unknown and (token in special_ids or bool(how is not None and how.special)),
            unknown=unknown,
            lstrip=bool(how is not None and how.lstrip),
            rstrip=bool(how is not None and how.rstrip),
        )
    return [pieces[token] for token in ids]


def spell_byte_level(entry: str) -> bytes | None:
    """Byte-level BPE (GPT-2, Llama 3, Qwen): one letter for each byte, ``Ġ`` for a space."""
    try:
        return bytes(_BYTE_OF[letter] for letter in entry)
    except KeyError:
        return None


def spell_sentencepiece(entry: str) -> bytes | None:
    """SentencePiece (Llama 2, Gemma, Mistral): ``▁`` for a space, ``<0xE2>`` for a byte."""
    byte = _BYTE_PIECE.fullmatch(entry)
    return bytes([int(byte[1], 16)]) if byte else entry.replace("▁", " ").encode()


def spell_words(entry: str) -> bytes | None:
    """Words and their continuations (WordPiece ``##ing``, CLIP ``ing</w>``), without the spaces between words."""
    return entry.removeprefix("##").removesuffix("</w>").encode()


SPELLINGS: dict[str, Spelling] = {
    "byte-level": spell_byte_level,
    "SentencePiece": spell_sentencepiece,
    "words": spell_words,
}


def decode_pieces(tokenizer: Any, ids: Sequence[int]) -> list[bytes | None]:
    """Spell tokens by decoding ever longer prefixes; None: the token's characters end in a later token.

    Each step decodes from the start of the last complete piece but one, so that the work grows with the number of
    tokens and not with its square.
    """

    def text_of(start: int, end: int) -> str:
        return str(
            tokenizer.decode(list(ids[start:end]), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    spelled: list[bytes | None] = []
    before = done = 0
    for end in range(1, len(ids) + 1):
        shown, known = text_of(before, end), text_of(before, done)
        if shown.endswith("�") and end < len(ids):
            spelled.append(None)
            continue
        spelled.append(shown[len(known) :].encode())
        before, done = done, end
    return spelled


def show(spelled: bytes) -> str:
    r"""Return bytes as text for people; bytes that are part of a character as ``\xf0``."""
    return spelled.decode(errors="backslashreplace")


def _unknown_id(tokenizer: Any) -> int | None:
    """The id that stands for unknown text, unless it is a control token as well (as in GPT-2)."""
    unknown = getattr(tokenizer, "unk_token_id", None)
    controls = ("bos", "eos", "pad", "cls", "sep", "mask")
    return None if unknown in {getattr(tokenizer, f"{name}_token_id", None) for name in controls} else unknown
