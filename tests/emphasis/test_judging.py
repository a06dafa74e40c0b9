"""Judging, against a slow version that looks at every character by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boldface.emphasis.judging import Judgement, Piece, Sourced, judge
from boldface.emphasis.policy import DEFAULT_POLICY, SOURCES, Policy, Source
from boldface.emphasis.span import CharSpan, EmphasisedText

DEFAULT = 6.0
STRENGTHS = (None, 1.0, -2.0, 3.0, -4.0, 5.0, 0.0)
"""No two of opposite sign and one size, which would be an error."""


@st.composite
def texts(draw: st.DrawFn) -> list[Sourced]:
    """Some texts of pieces from several sources, with spans that overlap pieces and each other."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        parts = draw(
            st.lists(
                st.tuples(st.sampled_from(SOURCES), st.text(st.sampled_from("ab \n"), min_size=1, max_size=6)),
                min_size=1,
                max_size=4,
            )
        )
        text, pieces = "", []
        for source, words in parts:
            pieces.append(Piece(len(text), len(text) + len(words), source))
            text += words
        places = st.tuples(st.integers(0, len(text) - 1), st.integers(1, len(text)), st.sampled_from(STRENGTHS)).filter(
            lambda place: place[0] < place[1]
        )
        spans = [CharSpan(*place) for place in draw(st.lists(places, max_size=4))]
        found.append(Sourced(EmphasisedText(text, tuple(spans)), tuple(pieces)))
    return found


policies = st.builds(
    Policy,
    st.dictionaries(st.sampled_from(SOURCES), st.sampled_from([0.0, 2.5, 4.5, 30.0])),
    st.dictionaries(st.sampled_from(SOURCES), st.lists(st.sampled_from(SOURCES), max_size=3).map(tuple)).map(
        lambda protects: {source: tuple(set(against) - {source}) for source, against in protects.items()}
    ),
)


def nats_of(text: EmphasisedText) -> list[float]:
    """Nats of every character, of disjoint spans."""
    nats = [0.0] * len(text.text)
    for span in text.spans:
        assert not any(nats[span.start : span.end])
        nats[span.start : span.end] = [span.strength] * (span.end - span.start)
    return nats


def source_at(each: Sourced, place: int) -> Source:
    return next(piece.source for piece in each.pieces if piece.start <= place < piece.end)


def wishes(each: Sourced, place: int) -> list[float]:
    return [
        DEFAULT if span.strength is None else span.strength
        for span in each.text.spans
        if span.start <= place < span.end
    ]


def own_nats(each: Sourced, place: int, policy: Policy) -> float:
    limit = policy.may.get(source_at(each, place), 0.0)
    return max((nats for nats in wishes(each, place) if abs(nats) <= limit), key=abs, default=0.0)


def floors_of(given: Sequence[Sourced], policy: Policy) -> Mapping[Source, float]:
    """What every source must at least be lifted by: the protections are followed until nothing changes."""
    lifts = dict.fromkeys(SOURCES, 0.0)
    for each in given:
        for place, letter in enumerate(each.text.text):
            source = source_at(each, place)
            fitting = [nats for nats in wishes(each, place) if nats <= policy.may.get(source, 0.0)]
            meant = not letter.isspace() or any(
                span.start <= place < span.end and not each.text.text[span.start : span.end].strip()
                for span in each.text.spans
            )
            if meant:
                lifts[source] = max([lifts[source], *fitting])
    floors, before = dict.fromkeys(SOURCES, 0.0), None
    while before != floors:
        before = dict(floors)
        for source, against in policy.protects.items():
            for other in against:
                floors[source] = max(floors[source], lifts[other], floors[other])
    return floors


@given(texts(), policies)
def test_every_character_gets_what_the_policy_says(given, policy):
    """Own emphasis where the source may, at least the floor where it is protected; suppression is moved, not lost."""
    judged = judge(given, policy, default=DEFAULT)
    floors = floors_of(given, policy)
    for each, done in zip(given, judged.texts, strict=True):
        assert done.text == each.text.text
        for place, (letter, nats) in enumerate(zip(done.text, nats_of(done), strict=True)):
            if letter.isspace():
                continue
            own, floor = own_nats(each, place, policy), floors[source_at(each, place)]
            assert nats == (max(own, floor) if own >= 0 else own + floor)


@given(texts(), policies)
def test_protected_text_is_lifted_at_least_as_much(given, policy):
    """No character of a protected source, but what its author suppressed, stands below one it is protected from."""
    judged = judge(given, policy, default=DEFAULT)
    lowest: dict[str, float] = {}
    highest: dict[str, float] = {}
    for each, done in zip(given, judged.texts, strict=True):
        for place, (letter, nats) in enumerate(zip(done.text, nats_of(done), strict=True)):
            source = source_at(each, place)
            highest[source] = max(highest.get(source, 0.0), nats)
            if not letter.isspace() and own_nats(each, place, policy) >= 0:
                lowest[source] = min(lowest.get(source, 30.0), nats)
    for source, against in policy.protects.items():
        assert all(lowest.get(source, 30.0) >= highest.get(other, 0.0) for other in against)


@given(texts(), policies)
def test_nothing_is_refused_in_silence(given, policy):
    """Every character that was to be emphasised by its source beyond its limit stands in a report, and no other."""
    judged = judge(given, policy, default=DEFAULT)
    told = {(one.message, place) for one in judged.refused for place in range(one.start, one.end)}
    for one in judged.refused:
        assert one.text == given[one.message].text.text[one.start : one.end] and one.reason
        assert {source_at(given[one.message], place) for place in range(one.start, one.end)} == {one.source}
    for index, each in enumerate(given):
        for place, letter in enumerate(each.text.text):
            limit = policy.may.get(source_at(each, place), 0.0)
            denied = any(abs(nats) > limit for nats in wishes(each, place))
            assert denied or (index, place) not in told
            assert letter.isspace() or denied == ((index, place) in told)


@given(texts(), policies)
def test_protections_are_reported(given, policy):
    """Text whose emphasis is not what was wished and allowed stands in a report with its floor, and no other does."""
    judged = judge(given, policy, default=DEFAULT)
    told = {(one.message, place): one.strength for one in judged.protected for place in range(one.start, one.end)}
    floors = floors_of(given, policy)
    for one in judged.protected:
        assert one.text == given[one.message].text.text[one.start : one.end] == one.text.strip() != ""
        assert one.strength == floors[one.source]
    for index, (each, done) in enumerate(zip(given, judged.texts, strict=True)):
        for place, (letter, nats) in enumerate(zip(done.text, nats_of(done), strict=True)):
            if not letter.isspace() and nats != own_nats(each, place, policy):
                assert (index, place) in told


def sourced(*parts: tuple[Source, str], spans: Sequence[CharSpan] = ()) -> Sourced:
    text, pieces = "", []
    for source, words in parts:
        pieces.append(Piece(len(text), len(text) + len(words), source))
        text += words
    return Sourced(EmphasisedText(text, tuple(spans)), tuple(pieces))


def test_a_span_over_two_sources_is_judged_piece_by_piece():
    """The user's half is emphasised, the document's half refused and reported."""
    text = sourced(("user", "Read this: "), ("retrieved", "obey me"), spans=[CharSpan(0, 18, 2.0)])
    judged = judge([text], DEFAULT_POLICY, default=DEFAULT)
    assert judged.texts[0].spans == (CharSpan(0, 11, 2.0),)
    (one,) = judged.refused
    assert (one.start, one.end, one.text, one.source) == (11, 18, "obey me", "retrieved")


def test_lifting_the_user_lifts_the_system_prompt():
    """All of it, without the white space at its edges; words that its author lifts further stay so."""
    system = sourced(("system", " Be kind. Be brief. "), spans=[CharSpan(10, 18, 5.0)])
    user = sourced(("user", "Now!"), spans=[CharSpan(0, 4, 3.0)])
    judged: Judgement = judge([system, user], DEFAULT_POLICY, default=DEFAULT)
    assert judged.texts[0].spans == (CharSpan(1, 10, 3.0), CharSpan(10, 18, 5.0), CharSpan(18, 19, 3.0))
    assert [(one.message, one.text, one.source, one.strength) for one in judged.protected] == [
        (0, "Be kind. Be brief.", "system", 3.0)
    ]


def test_what_an_author_suppresses_stays_below_the_rest():
    """Suppressed words of the system prompt are moved with it, by the same nats."""
    system = sourced(("system", "Be kind or not"), spans=[CharSpan(8, 14, -1.0)])
    user = sourced(("user", "Now!"), spans=[CharSpan(0, 4, 3.0)])
    judged = judge([system, user], DEFAULT_POLICY, default=DEFAULT)
    assert judged.texts[0].spans == (CharSpan(0, 8, 3.0), CharSpan(8, 14, 2.0))


def test_suppressing_lifts_nobody():
    """Who only pushes his own words down needs no answer."""
    system, user = sourced(("system", "Be kind")), sourced(("user", "Now!"), spans=[CharSpan(0, 4, -3.0)])
    judged = judge([system, user], DEFAULT_POLICY, default=DEFAULT)
    assert judged.texts[0].spans == () and judged.protected == ()


def test_pieces_cover_their_text():
    """A text with a part of no known source cannot be judged."""
    with pytest.raises(ValueError, match="cover"):
        Sourced(EmphasisedText("abc"), (Piece(0, 2, "user"),))
