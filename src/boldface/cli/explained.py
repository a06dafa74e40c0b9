"""An explanation in the terminal: a verdict, the answer, the prompt as a heat map, and the heads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from boldface.cli import terminal
from boldface.insight.explaining.wording import degree, moved, nats, percent, seen, strongest, verdict

if TYPE_CHECKING:
    from rich.console import RenderableType

    from boldface.insight.explaining.explanation import AnswerToken, Explanation
    from boldface.profiles.heads import Head

CHANGED = 6
"""Places of the answer that are named."""
_SHADES = ("", "on grey15", "on grey23", "yellow on grey23", "bold yellow on grey30")
_BAR = 14


def drawn(told: Explanation, width: int) -> Iterator[RenderableType]:
    """Yield the parts of an explanation, from what everybody wants to know to what few do.

    Args:
        told: The explanation.
        width: Columns of the terminal.
    """
    yield _heading("Why this answer?")
    for sentence in verdict(told):
        yield Text(f"• {terminal.harmless(sentence)}")
    yield _heading("The answer", "in ⟦brackets⟧ where the plain model would have chosen another token")
    yield _answer(told.answer)
    if told.plain_text is not None:
        yield _heading("Without the emphasis")
        yield Text(terminal.harmless(told.plain_text.strip("\n")) or "(no words)")
    yield _heading("Where the emphasis changed most", "KL of the steered model from the plain one")
    yield _changes(told.answer)
    yield _heading("Where it looked", f"attention of the {len(told.ranked)} steered heads, mean over the answer")
    yield _looks(told)
    helpers, others = strongest(told)
    yield _heading("Which heads did it", "nats by which its steering made the answer likelier")
    yield _heads(told, helpers, others[::-1])
    if told.agreement is not None:
        yield Text(
            f"Left out one by one and by their slopes, the heads rank alike with Spearman's ρ = {told.agreement:.2f}.",
            style=terminal.QUIET,
        )


def _heading(words: str, about: str = "") -> Text:
    return Text.assemble("\n", (words, "bold"), (f"  {about}" if about else "", terminal.QUIET))


def _answer(tokens: Iterable[AnswerToken]) -> Text:
    """The answer, shaded by how far the emphasis changed what might have come."""
    text = Text()
    for token in tokens:
        words = terminal.harmless(token.text)
        shade = _SHADES[degree(token.divergence)]
        text.append(f"⟦{words}⟧" if token.differs else words, style=shade)
    return text


def _changes(tokens: tuple[AnswerToken, ...]) -> Table:
    table = _table("token", "KL, nats", "", "plain model's choice", "on the emphasis")
    most = sorted(range(len(tokens)), key=lambda place: -tokens[place].divergence)[:CHANGED]
    largest = max(token.divergence for token in tokens) or 1.0
    for place in sorted(most):
        token = tokens[place]
        choice = Text(repr(token.plain_choice)) if token.differs else Text("the same", style=terminal.QUIET)
        table.add_row(
            Text(f"{place + 1:>3} {terminal.harmless(seen(token.text))!r}"),
            f"{token.divergence:.2f}",
            _bar(token.divergence / largest, "yellow"),
            choice,
            f"{percent(token.before)} → {percent(token.after)}",
        )
    return table


def _looks(told: Explanation) -> Table:
    table = _table("tokens of the prompt", "without", "with", "")
    rows = [(f"emphasised: {_short(span.text)}", span.start, span.end) for span in told.spans]
    for words, start, end in rows:
        before, after = (sum(getattr(token, side) for token in told.tokens[start:end]) for side in ("before", "after"))
        table.add_row(Text(words, style="bold"), percent(before), percent(after), _bar(after, "yellow"))
    rest = [token for token in told.tokens if not token.strength]
    before, after = sum(token.before for token in rest), sum(token.after for token in rest)
    table.add_row("the rest of the prompt", percent(before), percent(after), _bar(after, "cyan"))
    own = [1 - sum(getattr(token, side) for token in told.tokens) for side in ("before", "after")]
    table.add_row("the answer itself", percent(max(0.0, own[0])), percent(max(0.0, own[1])), _bar(own[1], "cyan"))
    return table


def _heads(told: Explanation, helpers: list[Head], others: list[Head]) -> Table:
    table = _table("head", "gain", "effect", "", "by slope", "on the emphasis")
    largest = max((abs(told.heads[head].weight) for head in (*helpers, *others)), default=0.0) or 1.0
    for group in (helpers, others):
        for head in group:
            one = told.heads[head]
            table.add_row(
                str(head),
                nats(one.gain),
                nats(one.weight),
                _bar(abs(one.weight) / largest, "yellow" if one.weight > 0 else "blue", one.weight < 0),
                "" if one.expected is None else nats(one.expected),
                moved(one.emphasis),
            )
        table.add_section()
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style=terminal.QUIET, padding=(0, 2, 0, 0))
    for place, title in enumerate(titles):
        table.add_column(title, justify="left" if place == 0 or not title or "choice" in title else "right")
    return table


def _bar(share: float, colour: str, against: bool = False) -> Text:
    length = round(_BAR * min(1.0, max(0.0, share)))
    return Text(("▒" if against else "█") * length or "·", style=colour)


def _short(words: str) -> str:
    plain = terminal.harmless(seen(words.strip()))
    return plain if len(plain) <= 44 else f"{plain[:43]}…"
