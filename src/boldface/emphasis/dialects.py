"""Dialects: how other systems spell emphasis, each read only on request."""

from __future__ import annotations

from collections.abc import Callable

from boldface.emphasis.markup import parse
from boldface.emphasis.span import EmphasisedText
from boldface.emphasis.tags import parse_guide, parse_mark, parse_spa
from boldface.emphasis.weights import parse_a1111, parse_compel
from boldface.errors import MarkupError

_PARSERS: dict[str, Callable[[str], EmphasisedText]] = {
    "markdown": parse,
    "a1111": parse_a1111,
    "compel": parse_compel,
    "spa": parse_spa,
    "guide": parse_guide,
    "mark": parse_mark,
}

DIALECTS: tuple[str, ...] = tuple(_PARSERS)
"""Names that :func:`parse_dialect` takes."""


def parse_dialect(text: str, dialect: str) -> EmphasisedText:
    """Read ``text`` in one of :data:`DIALECTS`; ``docs/markup.md`` tells how each maps to nats.

    Raises:
        MarkupError: When the dialect is unknown, or the text is not well-formed in it.
        StrengthError: When nested weights add up to more than the cap.
    """
    parser = _PARSERS.get(dialect)
    if parser is None:
        raise MarkupError(f"There is no dialect {dialect!r}.", f"Use one of {', '.join(DIALECTS)}.")
    return parser(text)
