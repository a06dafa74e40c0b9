"""Where one token stands in the text, and how a failed attempt to place it says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlacedToken:
    """A token and the characters ``[start, end)`` it stands for; tokens that share a character all name it.

    Attributes:
        start: First character, white space included.
        end: One past the last; equal to ``start`` for a token that the text does not hold (BOS).
        piece: What it says, for people.
        special: A control token.
    """

    start: int
    end: int
    piece: str
    special: bool


class Mismatch(Exception):
    """Pieces and text part ways at character ``where``."""

    def __init__(self, where: int) -> None:
        super().__init__(where)
        self.where = where
