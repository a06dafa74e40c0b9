"""Head lists as others write them: read as gains, and written again.

===========  ==================================================  ==================
format       looks like                                          gains
===========  ==================================================  ==================
reference    ``{"12": [3, 7]}``, PASTA's own files               1 alone
layers       ``{"12": {"3": 0.5}}``, as in profiles              any (only read)
pairs        ``[[12, 3], [12, 7]]``, JSON                        1 alone (only read)
list         ``L12H3`` or ``L12H3=0.5``, one a line or in a row  any
csv          ``layer,head`` or ``layer,head,gain``               any
===========  ==================================================  ==================

The layer comes first everywhere, and both count from 0.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from boldface.errors import HeadError
from boldface.profiles.heads import Head, HeadGains
from boldface.profiles.reading import parse_json

Format = Literal["reference", "list", "csv"]

_HINT = 'Write {"12": [3, 7]}, [[12, 3], [12, 7]], L12H3 and L12H7, or lines of layer,head,gain.'
_COLUMNS = ["layer", "head", "gain"]


def read_head_file(text: str, origin: str) -> HeadGains:
    """Return the gains in a list of heads, whichever of the formats above it has; ``origin`` names it in errors.

    Raises:
        HeadError: It is no list of heads, names one twice or none at all, or may mean something else.
    """
    try:
        gains = _read(text.removeprefix("\ufeff").strip(), origin)
    except HeadError as error:
        at = "" if error.message.startswith(origin) else f"{origin}: "
        raise HeadError(f"{at}{error.message}", error.hint or _HINT) from error
    if not gains:
        raise HeadError(f"{origin} names no head.", _HINT)
    return gains


def write_head_file(gains: HeadGains, format: Format) -> str:
    """Return the gains as a list of heads; :func:`read_head_file` reads it back.

    Raises:
        HeadError: The format has no place for a gain other than 1, or there is no such format.
    """
    if format == "list":
        return "".join(f"{line}\n" for line in str(gains).split(", "))
    if format == "csv":
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        table.writerow(_COLUMNS)
        table.writerows((head.layer, head.head, repr(gain)) for head, gain in gains.items())
        return out.getvalue()
    if format != "reference":
        raise HeadError(f"There is no format {format!r}.", f"Choose among {', '.join(get_args(Format))}.")
    if other := next(((head, gain) for head, gain in gains.items() if gain != 1), None):
        raise HeadError(
            f"{other[0]} has a gain of {other[1]:g}, and the reference implementation steers fully or not at all.",
            "Make a head set of the large gains first (--least 0.5), or choose the format list or csv.",
        )
    layers = {str(layer): list(heads) for layer, heads in gains.to_layers().items()}
    return json.dumps(layers) + "\n"


def head_set(gains: HeadGains, least: float) -> HeadGains:
    """Return the heads whose gain is at least ``least``, each with gain 1.

    Raises:
        HeadError: There is none, or ``least`` is not above 0.
    """
    if not least > 0:
        raise HeadError(f"A least gain of {least:g} takes in heads that turn away.", "Give one above 0, such as 0.5.")
    chosen = HeadGains(head for head, gain in gains.items() if gain >= least)
    if not chosen:
        raise HeadError(
            f"No head has a gain of {least:g} or more; the largest is {max(gains.values(), default=0.0):g}.",
            "Give a smaller one.",
        )
    return chosen


def check_range(gains: HeadGains, heads: Mapping[int, int], origin: str) -> None:
    """Refuse heads that a model does not have, and say what the file seems to mean instead.

    Args:
        gains: What was read.
        heads: Query heads of every layer of the model that can be steered.
        origin: Names the file.

    Raises:
        HeadError: A head is out of range.
    """
    wrong = next((head for head in gains if head.head >= heads.get(head.layer, 0)), None)
    if wrong is None:
        return
    hint = "Name the model for which it was made."
    if all(head.layer < heads.get(head.head, 0) for head in gains):
        hint = "The file seems to name heads before layers; the layer comes first."
    elif all(head.layer > 0 < head.head <= heads.get(head.layer - 1, 0) for head in gains):
        hint = "The file seems to count from 1; layers and heads count from 0."
    elif wrong.layer in heads:
        hint = f"Layer {wrong.layer} has {heads[wrong.layer]} query heads. {hint}"
    raise HeadError(f"{origin} names {wrong}, which the model does not have.", hint)


def _read(text: str, origin: str) -> HeadGains:
    if text[:1] in ("{", "["):
        return _read_json(parse_json(text, origin), origin)
    if re.match(r"L\d", text):
        return HeadGains.parse(text)
    return _read_csv(text)


def _read_json(content: Any, origin: str) -> HeadGains:
    if isinstance(content, dict):
        if "schema_version" in content:
            raise HeadError(f"{origin} is a profile already.", "Use it as it is: --heads FILE.")
        return HeadGains.from_layers(content)
    if content and all(isinstance(item, int) for item in content):
        raise HeadError(
            f"{origin} is a list of bare numbers: whole layers in the reference implementation.",
            'Name the heads: {"12": [0, 1, 2]}.',
        )
    return HeadGains(tuple(pair) if isinstance(pair, list) else pair for pair in content)


def _read_csv(text: str) -> HeadGains:
    rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)) if any(map(str.strip, row))]
    columns = _COLUMNS
    if rows and re.search("[A-Za-z]", rows[0][0]):
        columns = [name.lower() for name in rows.pop(0)]
        if sorted(columns, key=_order) not in (_COLUMNS, _COLUMNS[:2]):
            raise HeadError(f"Its columns are {', '.join(columns)}.", "Name them layer, head and, where needed, gain.")
    gains: dict[tuple[int, int], float] = {}
    for row in rows:
        named = dict(zip(columns, row, strict=False))
        try:
            if not 2 <= len(row) <= len(columns):
                raise ValueError
            head, gain = Head(int(named["layer"]), int(named["head"])), float(named.get("gain") or 1.0)
        except ValueError:
            raise HeadError(f"{','.join(row)!r} is no line of layer,head or layer,head,gain.", _HINT) from None
        if head in gains:
            raise HeadError(f"{head} is named twice.", "Name each head once.")
        gains[head] = gain
    return HeadGains(gains)


def _order(name: str) -> int:
    return _COLUMNS.index(name) if name in _COLUMNS else len(_COLUMNS)
