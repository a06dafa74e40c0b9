"""``boldface.detect``: the words of a prompt that nobody marked, and that somebody might have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from boldface.detection.catalogue import find_proposer
from boldface.detection.choosing import LEAST, MOST, choose
from boldface.detection.in_chat import look, with_spans
from boldface.detection.names import DEFAULT
from boldface.detection.proposal import Proposal
from boldface.detection.proposer import Proposer
from boldface.emphasis.judging import Piece, Sourced
from boldface.emphasis.markup import parse
from boldface.emphasis.policy import DEFAULT_POLICY, Policy, Source
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.emphasis.strength import DEFAULT_STRENGTH, MAX_STRENGTH
from boldface.emphasis.trust import Markup, sourced
from boldface.engine.model import Model
from boldface.engine.prompts import Prompt


class Found(NamedTuple):
    """What is emphasised because it was detected.

    Attributes:
        proposal: Where, how sure, why and by whom; its span has the strength that it is emphasised with.
        message: Index of the message that its characters count in; 0 for a text.
        text: The characters themselves.
    """

    proposal: Proposal
    message: int
    text: str


@dataclass(frozen=True)
class Detected:
    """A prompt with what was detected in it.

    Attributes:
        prompt: The prompt, the detected spans added to those that it had: give it to ``generate``.
        found: What was detected, the surest first.
        unread: Source to how many characters of it were not looked at, because the policy lets it not emphasise.
    """

    prompt: EmphasisedText | list[dict[str, Any]]
    found: tuple[Found, ...]
    unread: Mapping[Source, int]

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The prompt where it is a chat."""
        assert not isinstance(self.prompt, EmphasisedText)
        return self.prompt

    def report(self) -> dict[str, Any]:
        """Return what was detected as JSON values; characters count in the text of the message."""
        return {
            "spans": [
                {
                    "message": found.message,
                    "start": found.proposal.span.start,
                    "end": found.proposal.span.end,
                    "text": found.text,
                    "confidence": round(found.proposal.confidence, 4),
                    "reason": found.proposal.reason,
                    "detector": found.proposal.proposer,
                }
                for found in self.found
            ],
            "unread": dict(self.unread),
        }


def detect(
    prompt: Prompt,
    by: str | Proposer = DEFAULT,
    *,
    model: Model | None = None,
    question: str | None = None,
    most: int = MOST,
    least: float = LEAST,
    strength: float | None = None,
    policy: Policy = DEFAULT_POLICY,
    markup: Markup | None = None,
) -> Detected:
    """Detect what of a prompt to emphasise.

    What somebody marked stays as it is marked. Of a chat only text is looked at whose source the policy lets
    emphasise, so that documents and tools neither get emphasis nor have a say in where it goes, and only the user's
    question counts. A text is the user's.

    Args:
        prompt: Marked-up text, an EmphasisedText or messages.
        by: A detector: ``auto`` (evidence where a question is asked of a text, else instructions), ``instructions``,
            ``evidence``, ``evidence-model``, ``bm25``, ``embedding``, ``likelihood``, ``quotes``, ``attention``,
            ``looking``, or one of your own.
        model: The language model, for those that ask it.
        question: What is asked; found in the prompt unless given.
        most: Most spans.
        least: Least confidence, from 0 to 1.
        strength: Of the detected spans, in nats; None is the default, as for marked ones. Text of a source that may
            have less gets what it may have.
        policy: Which sources of text may emphasise.
        markup: Reads markup in the messages of a chat, as in :func:`boldface.emphasis.trust.govern`.

    Raises:
        DetectionError: There is no such detector, or it needs a model.
        EmphasisError: The prompt cannot be read.
        MissingError: A library or the embedding model is not installed.
    """
    proposer = find_proposer(by, model) if isinstance(by, str) else by
    text = parse(prompt) if isinstance(prompt, str) else prompt
    if isinstance(text, EmphasisedText):
        texts, policy = [_users(text)], _USERS
    else:
        texts = sourced(text, policy, markup=markup)
    placed, unread = look(texts, proposer.propose, policy, question)
    chosen = choose(placed, lambda one: one.proposal, lambda one: texts[one.message].text.spans, most=most, least=least)
    found: list[Found] = []
    added: defaultdict[int, list[CharSpan]] = defaultdict(list)
    for one in chosen:
        span, most_nats = one.proposal.span, policy.limit(one.source)
        nats = strength if span.strength is None else span.strength
        if nats is None and most_nats < MAX_STRENGTH:  # what the default will be is not known here
            nats = DEFAULT_STRENGTH
        if nats is not None:
            span = replace(span, strength=max(-most_nats, min(nats, most_nats)))
        added[one.message].append(span)
        words = texts[one.message].text.text[span.start : span.end]
        found.append(Found(replace(one.proposal, span=span), one.message, words))
    if isinstance(text, EmphasisedText):
        return Detected(EmphasisedText(text.text, (*text.spans, *added[0])), tuple(found), unread)
    return Detected(with_spans(text, added), tuple(found), unread)


def _users(text: EmphasisedText) -> Sourced:
    return Sourced(text, (Piece(0, len(text.text), "user"),) if text.text else ())


_USERS = Policy({"user": MAX_STRENGTH})
