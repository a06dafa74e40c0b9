"""Instructions: what a prompt asks for and how, told from its form and its place."""

from __future__ import annotations

import math
import re

from boldface.detection.fitted import Fit
from boldface.detection.proposal import Proposal
from boldface.detection.searched import Searched
from boldface.emphasis.span import CharSpan

_VERBS = (
    "add|adopt|analy[sz]e|answer|apply|arrange|ask|assume|avoid|be|begin|brainstorm|calculate|capitali[sz]e|change|check"
    "|choose|cite|classify|combine|compare|complete|compose|compute|consider|continue|convert|copy|correct|count|create"
    "|define|describe|design|detect|discuss|do|don['’]t|draft|draw|edit|elaborate|end|ensure|evaluate|exclude|explain"
    "|express|extract|fill|find|finish|focus|follow|format|generate|give|guess|help|highlight|identify|ignore|imagine"
    "|include|infer|italici[sz]e|keep|let|limit|list|make|mark|match|mention|never|name|note|only|organi[sz]e|output"
    "|paraphrase|pick|point|predict|pretend|print|produce|proofread|propose|provide|put|quote|rank|read|recommend|refer"
    "|refrain|remember|remove|repeat|rephrase|replace|reply|report|respond|restate|return|rewrite|say|select|separate"
    "|show|sort|solve|speak|specify|split|start|state|stick|structure|substitute|suggest|summari[sz]e|take|tell"
    "|transform|translate|treat|turn|use|using|work|wrap|write"
)
_LEAD = (
    r"^[\s\d.)#*>\-–•\"“(\[]*(?:(?:please|also|then|now|first|second|third|next|finally|and|but|in addition|instead"
    r"|at the end|for the \w+ text)\b,?\s*)*"
)
_SIGNS = {
    "imperative": re.compile(rf"{_LEAD}(?:{_VERBS})\b", re.IGNORECASE),
    "later imperative": re.compile(rf"[,;:]\s*(?:(?:and|then|but|please)\s+)?(?:{_VERBS})\b", re.IGNORECASE),
    "please": re.compile(r"\bplease\b", re.IGNORECASE),
    "obligation": re.compile(
        r"\b(?:must|should|shall|need(?:s)? to|ha(?:ve|s) to|required|make sure|ensure|do not|don['’]t|never|cannot"
        r"|not allowed|forbidden|at least|at most|no more than|less than|more than|exactly|only)\b",
        re.IGNORECASE,
    ),
    "about the answer": re.compile(
        r"\b(?:answer|response|reply|output|summary|essay|poem|letter|paragraphs?|sentences?|words?|keywords?|bullets?"
        r"|sections?|titles?|format|json|xml|html|markdown|table|lowercase|uppercase|capital|language|english|tone"
        r"|style)\b",
        re.IGNORECASE,
    ),
    "to the reader": re.compile(r"\b(?:your?|yourself|me)\b", re.IGNORECASE),
    "question": re.compile(r"\?[\"'”’)]*$"),
    "wish": re.compile(r"\b(?:i (?:want|need|would like)|can you|could you|would you|will you)\b", re.IGNORECASE),
}
FEATURES = (*_SIGNS, "last", "length", "alone")


class Instructions:
    """Proposes the sentences that say what to do or how.

    Args:
        fit: How form and place become a confidence.
    """

    name = "instructions"

    def __init__(self, fit: Fit) -> None:
        self.fit = fit

    def propose(self, searched: Searched) -> list[Proposal]:
        """Return every sentence with its confidence, the surest first."""
        proposals = []
        for index, sentence in enumerate(searched.whole):
            row = features(searched, index)
            reason = self._reason(row)
            proposals.append(
                Proposal(CharSpan(sentence.start, sentence.end), self.fit.confidence(row), reason, self.name)
            )
        return sorted(proposals, key=lambda proposal: (-proposal.confidence, proposal.span.start))

    def _reason(self, row: list[float]) -> str:
        """Return what speaks most for the sentence."""
        said = [weight * value for weight, value in zip(self.fit.weights, row, strict=True)]
        return _REASONS[FEATURES[said.index(max(said))]]


def features(searched: Searched, index: int) -> list[float]:
    """Return the form and place of a sentence, in the order of ``FEATURES``."""
    words = searched.words(searched.whole[index])
    signs = [float(bool(sign.search(words))) for sign in _SIGNS.values()]
    last = len(searched.whole) - 1
    return [*signs, float(index == last), math.log(len(words.split())), float(last == 0)]


_REASONS = {
    "imperative": "begins with an order",
    "later imperative": "holds an order",
    "please": "says please",
    "obligation": "says what must be",
    "about the answer": "speaks of the answer",
    "to the reader": "speaks to the reader",
    "question": "is a question",
    "wish": "says what is wished for",
    "last": "closes the prompt",
    "length": "is of the length of an order",
    "alone": "is all there is",
}
