"""Where the constraints of an IFEval prompt stand. The data do not say, so a rule finds them.

A prompt is cut into sentences: at line ends, and at ``.``, ``!`` or ``?`` before a space and a capital or figure,
outside quotation marks. A sentence states a constraint when the pattern of its kind matches (``constraint_signs``).
Emphasised is the stretch from its first to its last match or mention (of a keyword, the phrase, …), widened:

- In a sentence about the answer (``Your response should …``, ``Make sure …``) to the whole sentence, or to an *and*,
  *but* or comma before another verb of that sort.
- In one that asks for something else (``Write a poem with 300 words about the sea``) only from the connecting word
  before it (*with*, *in*, *that*, …) to the one after it (*about*, *for*, …).

Lines of an example (bullets, ``***``) count as sentences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from boldface.tasks.constraint_signs import hide_quotations, statement

Range = tuple[int, int]

_SENTENCE_END = re.compile(
    r"(?<!i\.e\.)(?<!e\.g\.)(?<!P\.S\.)(?<!Mr\.)(?<!Mrs\.)(?<=[.!?])[\"”')]*\s+(?=[\"“(\[]?[A-Z\d])|\n+"
)
_ABOUT_THE_ANSWER = re.compile(
    r"\b(?:responses?|answers?|reply|respond|output|sure|wrap|put|must|should|not|use|include|add|end|finish|repeat|"
    r"mark|separate|highlight|italicize|refrain|avoid|limit|words|the word|letters|the letter|keywords?|paragraphs?|"
    r"bullets?)\b|n['’]t\b",
    re.IGNORECASE,
)
_VERB = (
    r"(?=(?:please |also |only |at least )*(?:should|must|have|has|mak(?:e|ing)|do|don['’]t|be|end|finish|wrap|put|use|"
    r"highlight|refrain|avoid|include|contain|provide|repeat|add|mark|separate|without|with|no|not)\b)"
)
_TURN = re.compile(rf"(?:[,;]? (?:and|but|then)|[,;]) {_VERB}", re.IGNORECASE)
_LINK = re.compile(
    r"(?<!not)(?<!n't)(?<!without)(?<!by)(?<!to)(?<!must)(?<!should) "
    r"(?=(?:without|only|using|contain\w*|includ\w*|with|that|which|in)\b)"
)
_COMMA = re.compile(r"[,;:] (?=\w)")
_TOPIC = re.compile(r" (?=(?:for|about|of|on|who|that|which|to|from|explaining)\b)")
_JOINT = re.compile(r"[\s,;]*(?:and|but|then)?[\s,;]*")


def locate(prompt: str, instructions: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Range]:
    """Return where a prompt states its instructions, sorted and disjoint; empty when the rule finds nothing.

    Args:
        prompt: The prompt as it stands.
        instructions: Kind (IFEval's name) and settings of each.
    """
    masked = hide_quotations(prompt)
    found = [
        _clause(masked, (start, end), (start + hull[0], start + hull[1]))
        for start, end in sentences(prompt)
        for kind, settings in instructions
        if (hull := statement(prompt[start:end], kind.split(":")[-1], settings)) is not None
    ]
    return _merged(prompt, found)


def rest(prompt: str, taken: Sequence[Range]) -> Range | None:
    """Return a stretch that states no instruction: the sentence free of them whose length is nearest to what is taken.

    When every sentence holds some, the longest free part of one. None when that has fewer than three words.
    """
    size = sum(end - start for start, end in taken)
    free = [
        (start, end) for start, end in sentences(prompt) if not any(_overlap((start, end), other) for other in taken)
    ]
    free = [stretch for stretch in free if len(prompt[slice(*stretch)].split()) >= 3]
    if free:
        return min(free, key=lambda stretch: abs(stretch[1] - stretch[0] - size))
    edges = [0, *(edge for stretch in taken for edge in stretch), len(prompt)]
    gaps = (
        _trimmed(prompt, (max(start, left), min(end, right)), " \n,;:")
        for start, end in sentences(prompt)
        for left, right in zip(edges[::2], edges[1::2], strict=True)
        if _overlap((start, end), (left, right))
    )
    longest = max(gaps, key=lambda gap: gap[1] - gap[0], default=(0, 0))
    return longest if len(prompt[slice(*longest)].split()) >= 3 else None


def sentences(prompt: str) -> Iterator[Range]:
    """Yield the sentences and lines of a prompt, each without the space around it."""
    masked = hide_quotations(prompt)
    start = 0
    for cut in [*(match.span() for match in _SENTENCE_END.finditer(masked)), (len(prompt), len(prompt))]:
        # What is between a full stop and the space after it (a closing quotation mark) belongs to the sentence.
        stretch = _trimmed(prompt, (start, cut[1]))
        if stretch[0] < stretch[1]:
            yield stretch
        start = cut[1]


def _clause(masked: str, sentence: Range, hull: Range) -> Range:
    start, end = sentence
    turns = _ends(_TURN, masked, sentence, hull)
    links = _ends(_LINK, masked, sentence, hull)
    # ``Write a poem with 300 words about the sea``: only a part of a sentence that asks for something else.
    lead = masked[start : min([hull[0], *links])]
    within = not turns and len(masked[start : hull[0]].split()) > 1 and not _ABOUT_THE_ANSWER.search(lead)
    before = turns + (links + _ends(_COMMA, masked, sentence, hull) if within else [])
    closers = (_TURN, _COMMA, _TOPIC) if within else (_TURN,)
    after = [cut.start() for closer in closers if (cut := closer.search(masked, hull[1], end))]
    return max([start, *before]), min([end, *after])


def _ends(pattern: re.Pattern[str], masked: str, sentence: Range, hull: Range) -> list[int]:
    """Where the matches before the stretch end; they may look ahead into it."""
    return [cut.end() for cut in pattern.finditer(masked, *sentence) if cut.end() <= hull[0]]


def _merged(prompt: str, ranges: Sequence[Range]) -> list[Range]:
    merged: list[Range] = []
    for start, end in sorted(ranges):
        if merged and _JOINT.fullmatch(prompt[min(merged[-1][1], start) : start]):
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _trimmed(text: str, stretch: Range, marks: str | None = None) -> Range:
    start, end = stretch
    inside = text[start:end]
    return start + len(inside) - len(inside.lstrip(marks)), start + len(inside.rstrip(marks))


def _overlap(one: Range, other: Range) -> bool:
    return one[0] < other[1] and other[0] < one[1]
