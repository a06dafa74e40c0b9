"""A setting: everything that decides an answer, as data of which one thing at a time can be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from boldface.emphasis.span import EmphasisedText
from boldface.engine.heads import Heads, read_heads, shipped_with
from boldface.engine.model import Model
from boldface.engine.prompts import Prompt
from boldface.errors import HeadError
from boldface.evaluation.writing import SHOTS
from boldface.insight.diagnosis.words import Words, lifted, messages
from boldface.profiles.heads import HeadGains
from boldface.profiles.identity import Relation, relation
from boldface.profiles.profile import Profile
from boldface.records.store import key_of


@dataclass(frozen=True)
class Chosen:
    """Heads, as somebody named them and as they are.

    Attributes:
        said: What names them on the command line; empty for the profile shipped with the model.
        profile: Their gains, and what they are meant to be steered with.
        relation: How the model at hand relates to the one that the profile was made for; None when that is unknown.
    """

    said: str
    profile: Profile
    relation: Relation | None = None

    @property
    def kind(self) -> str:
        """``same``, ``close``, ``foreign`` or ``unknown``."""
        return "unknown" if self.relation is None else self.relation.kind


@dataclass(frozen=True)
class Setting:
    """How a prompt is put to a model.

    Attributes:
        words: The prompt and what is emphasised in it.
        heads: Which heads are steered.
        chat: Whether a text becomes a turn of a chat.
        strength: In nats; None is the profile's own.
        steering: Other arguments of ``generate`` about steering: scope, rule, overlap, careful, ….
        drawing: Arguments of transformers' ``generate`` about choosing tokens; empty is greedy.
        draws: Answers that are drawn, all of which have to pass; 1 where nothing is drawn.
        seed: Of the drawing.
        room: Most tokens of an answer; None is as many as usual.
        beginning: Words that the answer is made to begin with.
        choices: Answers that are allowed; empty for all.
        shots: Requests and answers before the prompt.
    """

    words: Words
    heads: Chosen
    chat: bool = False
    strength: float | None = None
    steering: Mapping[str, Any] = field(default_factory=dict)
    drawing: Mapping[str, Any] = field(default_factory=dict)
    draws: int = 1
    seed: int | None = None
    room: int | None = None
    beginning: str = ""
    choices: tuple[str, ...] = ()
    shots: tuple[tuple[str, str], ...] = ()

    @property
    def nats(self) -> float:
        """The strength of spans without one of their own."""
        return self.heads.profile.strength if self.strength is None else self.strength

    @property
    def strongest(self) -> float:
        """The largest strength of any span; 0 where nothing is lifted."""
        own = (place.span.strength for place in lifted(self.words))
        return max((self.nats if nats is None else nats for nats in own), default=0.0)

    @property
    def is_drawn(self) -> bool:
        """Whether tokens are drawn at random."""
        return bool(self.drawing.get("do_sample"))

    @property
    def steered(self) -> Profile:
        """Heads and strength, as ``generate`` takes them for one row."""
        return replace(self.heads.profile.unbound(), strength=self.nats)

    def put(self) -> EmphasisedText | list[dict[str, Any]]:
        """Return what the model is given: the prompt, behind its shots and before the beginning of its answer."""
        if isinstance(self.words, EmphasisedText) and not self.chat:
            lead = "".join(f"{asked}{answer}{SHOTS}" for asked, answer in self.shots)
            spans = (replace(one, start=one.start + len(lead), end=one.end + len(lead)) for one in self.words.spans)
            return EmphasisedText(f"{lead}{self.words.text}{self.beginning}", tuple(spans))
        if isinstance(self.words, EmphasisedText) and not (self.shots or self.beginning):
            return self.words
        turns = messages(self.words)
        first = next((place for place, turn in enumerate(turns) if turn["role"] == "user"), len(turns))
        earlier = [
            {"role": role, "content": text}
            for shot in self.shots
            for role, text in zip(("user", "assistant"), shot, strict=True)
        ]
        begun = [{"role": "assistant", "content": self.beginning}] if self.beginning else []
        return [*turns[:first], *earlier, *turns[first:], *begun]

    @cached_property
    def key(self) -> str:
        """A digest of all that the answer depends on but the model."""
        profile = self.heads.profile
        own = [str(profile.gains), self.nats, profile.scope, profile.rule]
        own += [] if profile.target is None else [profile.target]
        how = {name: str(value) for name, value in self.steering.items()}
        return key_of(
            prompt=plain_data(self.put()),
            chat=self.chat,
            steered=[*own, how],
            drawn=[dict(self.drawing), self.draws, self.seed, self.room, list(self.choices)],
        )


def choose(model: Model, heads: Heads | None) -> Chosen:
    """Return the heads that somebody named, or those of the profile that is shipped with the model.

    Raises:
        HeadError: They cannot be read, or nothing is shipped.
    """
    read = shipped_with(model.model) if heads is None else read_heads(heads)
    if read is None:
        raise HeadError(
            "No profile comes with this model, so its heads must be named.",
            "Write heads as 'L12H7, L3H0=0.5', as {layer: [heads]}, or name a profile.",
        )
    if isinstance(read, HeadGains):
        return Chosen(str(read), Profile("heads by hand", "", read))
    said = "" if heads is None else read.name if isinstance(heads, Profile) else str(heads)
    return Chosen(said, read, None if read.identity is None else relation(read.identity, model.identity))


def plain_data(prompt: Prompt) -> Any:
    """Return a prompt as JSON values."""
    return asdict(prompt) if isinstance(prompt, EmphasisedText) else prompt
