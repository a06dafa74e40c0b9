"""Query-independent steering: a document is read once, steered by its own spans, and answers any number of questions.

The questions are not known when it is read (LLMSteer, arXiv 2411.13009, does likewise), so its keys and values serve
them all, from memory or from a file. Two ways to ask, exact each by itself:

``steered``  the emphasis stays in force for the question and the answer: what is kept is a prefix of that prompt, so
             the answers are those of steering the whole prompt (prefix law).
``plain``    only the document is read under its emphasis. Question and answer are the plain model's, on what it kept:
             nothing has to be steered when somebody asks, by no engine that can load keys and values.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import torch
from transformers.cache_utils import Cache, DynamicCache

from boldface.attention.geometry import transformer
from boldface.emphasis.markup import parse
from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan
from boldface.emphasis.strength import resolve_strength
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.caches.latest import Snapshot
from boldface.engine.caches.memory import check_reusable
from boldface.engine.caches.owner import lasting_owner, owner
from boldface.engine.caches.shelf import Entry, Shelf
from boldface.engine.generation import Generation
from boldface.engine.heads import Heads, select_heads
from boldface.engine.prompts import Overlap
from boldface.engine.steer import lay_out, prepare
from boldface.errors import BoldfaceError, CacheError, SpanError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Scope, Steering
from boldface.steering.prefix_law import Trace, trace
from boldface.steering.rules import Rule

if TYPE_CHECKING:
    from boldface.engine.model import Model

Questions = Literal["steered", "plain"]
_PROBES = ("a", "What?")
"""Two questions; tokens that the document has before both of them do not depend on the question."""


@dataclass(frozen=True)
class Recipe:
    """Everything about how a document is read and asked but the model.

    Attributes:
        text: The document without markup.
        spans: What is emphasised in it.
        gains: Which heads are steered; None where nothing is emphasised and no heads were named: then the question
            decides, for before the first emphasised token nothing depends on it.
        strength: Default strength in nats; None where it is still to be decided, or under rule ``share``.
        scope: As in :func:`boldface.steer`; None where it is still to be decided.
        rule: Likewise.
        share: Likewise.
        target: Likewise.
        overlap: Likewise.
        questions: Whether the emphasis is in force for questions too, see the module.
        between: Stands between the document and a question.
        raw: The prompt is not wrapped into a chat template.
    """

    text: str
    spans: tuple[CharSpan, ...] = ()
    gains: HeadGains | None = None
    strength: float | None = None
    scope: Scope | None = None
    rule: Rule | None = None
    share: float | None = None
    target: float | None = None
    overlap: Overlap = "any"
    questions: Questions = "steered"
    between: str = "\n\n"
    raw: bool = False

    def __post_init__(self) -> None:
        if self.questions not in ("steered", "plain"):
            raise SpanError(f"Questions are asked {self.questions!r}.", "Choose steered or plain.")
        if self.questions == "plain" and self.scope == "answer":
            raise SpanError(
                "Scope 'answer' steers nothing but answers, and with plain questions these are not steered.",
                "Choose scope 'all', or steered questions.",
            )

    def prompt(self, question: EmphasisedText, *, steered: bool) -> EmphasisedText:
        """Return document and question as one text, with their emphasis where ``steered``."""
        before = len(self.text) + len(self.between)
        spans = [dataclasses.replace(one, start=one.start + before, end=one.end + before) for one in question.spans]
        text = self.text + self.between + question.text
        return EmphasisedText(text, (*self.spans, *spans) if steered else ())

    def how(self) -> dict[str, Any]:
        """Return the arguments of :func:`boldface.engine.steer.prepare` that steer as the recipe says."""
        return {
            "heads": self.gains,
            "strength": self.strength,
            "scope": self.scope,
            "rule": self.rule,
            "share": self.share,
            "target": self.target,
            "overlap": self.overlap,
        }

    def to_json(self) -> dict[str, Any]:
        """Return the recipe as JSON can say it; :meth:`from_json` reads it back."""
        said = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        spans = [[span.start, span.end, span.strength] for span in self.spans]
        gains = None if self.gains is None else [[head.layer, head.head, gain] for head, gain in self.gains.items()]
        return {**said, "spans": spans, "gains": gains}

    @classmethod
    def from_json(cls, said: Any) -> Recipe:
        """Read a recipe.

        Raises:
            CacheError: It is none.
        """
        try:
            spans = tuple(CharSpan(*span) for span in said["spans"])
            gains = said["gains"] and HeadGains({(layer, head): gain for layer, head, gain in said["gains"]})
            return cls(**{**said, "spans": spans, "gains": gains})
        except (BoldfaceError, KeyError, TypeError, ValueError) as error:
            raise CacheError(f"This is no document: {error}", "Read it again.") from error


class Document:
    """A document that a model has read.

    Args:
        model: The model.
        recipe: How it is read and asked.
        snapshot: What was read.

    Attributes:
        recipe: How it is read and asked.
        snapshot: What was read.
    """

    def __init__(self, model: Model, recipe: Recipe, snapshot: Snapshot) -> None:
        self.recipe, self.snapshot = recipe, snapshot
        self._model, self._owner = model, owner(model)

    @classmethod
    def read(
        cls,
        model: Model,
        text: str | EmphasisedText,
        *,
        heads: Heads | None = None,
        alpha: float | None = None,
        factor: float | None = None,
        strength: float | None = None,
        scope: Scope | None = None,
        rule: Rule | None = None,
        share: float | None = None,
        target: float | None = None,
        overlap: Overlap = "any",
        questions: Questions = "steered",
        between: str = "\n\n",
        raw: bool = False,
    ) -> Document:
        """Have a model read a document.

        Args:
            model: The model.
            text: The document; markup is read where it is a plain string.
            heads: Which heads are steered, see :meth:`boldface.Model.generate`, as for all that follow.
            alpha: Strength as PASTA's alpha.
            factor: Strength as a factor.
            strength: Strength in nats.
            scope: Which queries are steered.
            rule: What the bias is.
            share: Target share of rule ``share``.
            target: Target share beyond which nothing is lifted.
            overlap: What happens to a token that straddles a span's edge.
            questions: Whether the emphasis is in force for questions and answers too.
            between: Stands between the document and a question.
            raw: Do not wrap document and question into the chat template.

        Raises:
            BoldfaceError: See :meth:`boldface.Model.generate`; and CacheError or UnsupportedModelError where nothing
                can be kept.
        """
        check_reusable(model.model)
        known = parse(text) if isinstance(text, str) else text
        said: dict[str, Any] = {"alpha": alpha, "factor": factor, "strength": strength}
        how: dict[str, Any] = {"heads": heads, "scope": scope, "rule": rule, "share": share, "target": target}
        how["overlap"] = overlap
        steering = prepare(model.model, model.tokenizer, [known], **said, **how).steerings[0]
        nats = resolve_strength(**said)
        decided = bool(known.spans) or heads is not None
        if nats is None and decided and steering.rule != "share":
            nats = select_heads(model.model, heads, model.tokenizer).strength
        recipe = Recipe(
            text=known.text,
            spans=known.spans,
            gains=steering.gains if decided else None,
            strength=nats,
            scope=steering.scope if decided else scope,
            rule=steering.rule if decided else rule,
            share=steering.share if decided else share,
            target=steering.target if decided else target,
            overlap=overlap,
            questions=questions,
            between=between,
            raw=raw,
        )
        return cls(model, recipe, _read(model, recipe))

    @classmethod
    def load(cls, model: Model, shelf: Shelf, name: str) -> Document:
        """Take a document that was read before from a shelf.

        Raises:
            MissingError: There is none.
            CacheError: It is damaged, or was read by another model.
        """
        snapshot, about = shelf.get(name, lasting_owner(model))
        device = transformer(model.model).get_input_embeddings().weight.device
        return cls(model, Recipe.from_json(about.get("recipe")), snapshot.to(device))

    def save(self, shelf: Shelf, name: str) -> Entry:
        """Put it on a shelf.

        Raises:
            CacheError: It cannot be written, or there is no room.
        """
        about = {
            "model": self._model.title,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "emphasised": sum(1 for nats in self.snapshot.trace.nats if nats),
            "recipe": self.recipe.to_json(),
        }
        return shelf.put(name, self.snapshot, owner=lasting_owner(self._model), about=about)

    def ask(self, question: str | EmphasisedText, **options: Any) -> Generation:
        """Answer a question about the document; ``Generation.cached`` says how many tokens were not read again.

        Args:
            question: The question; markup is read where it is a plain string.
            options: As for :meth:`boldface.Model.generate`. How it is steered can be said only of a document that was
                read without emphasis and without heads; any other says that itself.

        Raises:
            SpanError: The question is emphasised, and questions are plain here; or it is said how to steer, and the
                document says that itself.
            HeadError: The question is emphasised, no heads are named, and the model comes with no profile.
        """
        known, steered = parse(question) if isinstance(question, str) else question, self.recipe.questions == "steered"
        if known.spans and not steered:
            raise SpanError(
                "Questions to this document are plain.",
                "Leave the emphasis of the question out, or read the document for steered questions.",
            )
        how = self.recipe.how() if steered else {}
        if self.recipe.gains is not None and (said := sorted({*how, "alpha", "factor"} & {*options}) if how else []):
            raise SpanError(
                f"How this document is steered was said when it was read, {said[0]} too.",
                "Leave it out, or read the document without emphasis and heads.",
            )
        generation: Generation = self._model.generate(
            self.recipe.prompt(known, steered=steered), raw=self.recipe.raw, memory=self, **{**how, **options}
        )
        return generation

    def recall(self, wanted: Trace, most: int, owner: bytes) -> tuple[DynamicCache, int]:
        """Return a cache of the document, as far as a prompt begins with it, and how many tokens it has.

        Raises:
            CacheError: The model has changed since; or the prompt begins otherwise, and questions are plain, so that
                emphasis would be lost.
        """
        if owner != self._owner:
            raise CacheError("The model is not what it was when it read this document.", "Have it read again.")
        known = self.snapshot.trace
        if self.recipe.questions == "plain":
            known = trace(known.ids, Steering())
        tokens = min(known.common(wanted), most)
        if self.recipe.questions == "plain" and any(self.snapshot.trace.nats[tokens:]):
            raise CacheError("The prompt no longer begins as the document was read.", "Have it read again.")
        return self.snapshot.cache(tokens), tokens

    def keep(self, known: Trace, cache: Cache, owner: bytes) -> None:
        """Nothing: a document stays as it was read."""


def _read(model: Model, recipe: Recipe) -> Snapshot:
    """Run the model over the tokens that the document has whatever is asked."""
    traces, steerings = [], []
    for probe in _PROBES:
        prompt = recipe.prompt(EmphasisedText(probe), steered=True)
        prepared = prepare(model.model, model.tokenizer, [prompt], chat=model.chat and not recipe.raw, **recipe.how())
        steerings.append(prepared.steerings[0])
        traces.append(trace(prepared.rows.prompts[0].ids, prepared.steerings[0]))
    length = traces[0].common(traces[1])
    ids, steering = traces[0].ids[:length], Steering()
    if recipe.scope == "all":
        spans = tuple(
            TokenSpan(span.start, min(span.end, length), span.strength)
            for span in steerings[0].spans
            if span.start < length
        )
        steering = dataclasses.replace(steerings[0], spans=spans)
    prepared = lay_out(model.model, model.tokenizer, [EncodedPrompt("", ids, (), (), (), (), ())], [steering])
    cache = DynamicCache()
    with model.running(prepared), torch.no_grad():
        transformer(model.model).base_model(prepared.rows.ids, past_key_values=cache, use_cache=True)
    return Snapshot.of(trace(ids, steering), cache)
