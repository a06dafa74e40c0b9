"""Diagnose: why does an answer fail its check? Controlled reruns, the cheapest first, until the cause is certain.

Every rerun changes one thing, or puts back several to where they are known to work: the heads to a profile that fits
the model, the strength to the one that profile was made for, decoding to greedy with room enough, the emphasis to other
words. What repairs the answer alone was the cause; where two things have to be changed, both were. Where nothing about
the steering repairs it, the model is forced, by examples, by the first words of an answer, or by the answers that are
allowed: what it does not do even then, it cannot do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from inspect import signature
from itertools import combinations
from typing import Any, Literal

from boldface.emphasis.strength import resolve_strength
from boldface.engine.heads import Heads, all_heads, shipped_with
from boldface.engine.model import Model
from boldface.engine.prompts import Prompt
from boldface.engine.vllm_model import VllmModel
from boldface.errors import BoldfaceError, ModelError
from boldface.insight.diagnosis import changes as changing
from boldface.insight.diagnosis.candidates import Marked, cuts_words, touch, waves
from boldface.insight.diagnosis.checks import Check, as_check
from boldface.insight.diagnosis.fit import Fit, fit
from boldface.insight.diagnosis.forcing import Force
from boldface.insight.diagnosis.reruns import Cause, Change, Kept, Rerun, Reruns
from boldface.insight.diagnosis.setting import Chosen, Setting, choose
from boldface.insight.diagnosis.words import read_prompt

Named = Literal["none", "span", "profile", "too weak", "too strong", "decoding", "examples", "model", "unknown"]
DRAWS = 4
"""Answers that are drawn where nobody says which."""
CHANCE = 0.25
"""Least share of candidates elsewhere that pass too where words found far off may have been found by chance."""
OTHERS = "Nothing about the emphasis repairs it."
_OWN = ("self", "prompt", "heads", "alpha", "factor", "strength", "route", "raw", "max_new_tokens", "seed", "options")
STEERING = {
    name: parameter.default for name, parameter in signature(Model.generate).parameters.items() if name not in _OWN
}
"""Arguments of ``generate`` that are about steering, with what they are where nobody says anything."""


@dataclass(frozen=True)
class Diagnosis:
    """Why an answer fails its check.

    Attributes:
        causes: ``none`` (it passes), ``span`` (the wrong words are emphasised), ``profile`` (the heads do not fit the
            model), ``too weak``, ``too strong``, ``decoding``, ``examples`` (emphasis cannot say it, but the model does
            it when it is forced), ``model`` (it does not do it even then, though a right answer passes), or
            ``unknown``. Several where several things have to be changed.
        certain: Whether reruns of the prompt bear it out. Not so: that heads do not fit a model, which canaries tell
            where no others are known to fit; a repair that is drawn and fails with another seed; words found far off
            where many other words do as well; a model that was forced and never came to the end of its answer.
        reason: Why, in words.
        repair: The rerun that passes with the fewest changes; None when none does.
        facts: What was seen without a rerun.
        reruns: All of them, in order; the first is what was asked.
    """

    causes: tuple[Named, ...]
    certain: bool
    reason: str
    repair: Rerun | None
    facts: tuple[str, ...]
    reruns: tuple[Rerun, ...]

    @property
    def asked(self) -> Rerun:
        """What was asked."""
        return self.reruns[0]


def diagnose(
    model: Model,
    prompt: Prompt,
    check: Check | Callable[[str], Any],
    *,
    heads: Heads | None = None,
    alpha: float | None = None,
    factor: float | None = None,
    strength: float | None = None,
    raw: bool = False,
    max_new_tokens: int | None = None,
    seed: int | None = None,
    route: str = "auto",
    reference: Heads | None = None,
    examples: Sequence[tuple[str, str]] = (),
    beginning: str = "",
    choices: Sequence[str] = (),
    right: Sequence[str] = (),
    kept: Kept | None = None,
    watch: Callable[[Rerun], None] = lambda rerun: None,
    **options: Any,
) -> Diagnosis:
    """Find out why the answer to a prompt fails a check, and what the smallest change is that repairs it.

    Args:
        model: The model, run by transformers.
        prompt: As :meth:`boldface.Model.generate` takes it, one prompt.
        check: What a right answer is: see :mod:`boldface.insight.diagnosis.checks`, or a function of the answer.
        heads: As for ``generate``, like all arguments up to ``route``; a profile that was made for another model is
            tried, not refused.
        alpha: Strength as PASTA's alpha.
        factor: Strength as a factor.
        strength: Strength in nats.
        raw: Do not wrap plain text into the chat template.
        max_new_tokens: Most tokens of an answer.
        seed: Of the sampling; without one several answers are drawn, and all have to pass.
        route: How the bias is carried.
        reference: Heads that are known to fit the model; the profile shipped with it unless given.
        examples: Other requests with right answers, to see whether the model can do it at all.
        beginning: First words of a right answer, for the same; a schema has its own.
        choices: The answers that are allowed, for the same.
        right: Right answers to this very prompt. The model does not see them: they show that the check can be passed,
            without which no model is said to be unable to.
        kept: Answers of earlier runs on the same model, which are not asked again; new ones are added.
        watch: Told of every rerun.
        options: Other arguments of ``generate`` about steering (scope, rule, share, overlap, careful, …), and those of
            transformers' about choosing tokens (do_sample, temperature, repetition_penalty, …).

    Raises:
        CheckError: The check is none, or fails to run.
        BoldfaceError: What is asked cannot be run.
    """
    if isinstance(model, VllmModel):
        raise ModelError("A diagnosis runs on transformers, not on vLLM.", "Load the model without engine='vllm'.")
    if options.get("memory") is not None:
        raise ModelError("A diagnosis reads every prompt anew.", "Leave memory out.")
    check = as_check(check)
    force = Force(examples, beginning or check.opening, tuple(choices), tuple(right))
    nats = resolve_strength(alpha=alpha, factor=factor, strength=strength)
    steering = {name: value for name, value in options.items() if name in STEERING}
    drawing = {name: value for name, value in options.items() if name not in STEERING and value is not None}
    drawing = {} if drawing == {"do_sample": False} else drawing
    drawn = bool(drawing.get("do_sample"))
    if heads is None and options.get("rule") == "share":
        heads = all_heads(model.geometry.heads)
    setting = Setting(
        read_prompt(prompt),
        choose(model, heads),
        chat=model.chat and not raw,
        strength=nats,
        steering={name: value for name, value in steering.items() if value != STEERING[name]},
        drawing=drawing,
        draws=DRAWS if drawn and seed is None else 1,
        seed=(seed or 0) if drawn else None,
        room=max_new_tokens,
    )
    known = None
    if reference is not None or shipped_with(model.model) is not None:
        known = choose(model, reference)
    reruns = Reruns(model, check, route=route, kept=kept, watch=watch)
    return _Search(reruns, setting, known, force).found()


class _Search:
    """The order of the reruns."""

    def __init__(self, reruns: Reruns, asked: Setting, reference: Chosen | None, force: Force) -> None:
        self.reruns, self.reference, self.force = reruns, reference, force
        self.asked = reruns.one(asked)
        if self.asked.error:
            raise BoldfaceError(f"What is asked cannot be run: {self.asked.error}", "Mend that first.")
        self.setting = asked
        self.off = changing.off_reference(self.asked, reference)
        self.room = changing.roomier(self.asked)
        self.near, *self.far = waves(asked.words)
        self.searched: dict[Marked, bool] = {}
        self.facts = list(self._seen())

    def found(self) -> Diagnosis:
        """Ask until the cause is certain, the cheapest first."""
        if self.asked.passed:
            return self._told(("none",), True, "The answer passes as it was asked for.")
        for step in (
            self._put_back,
            self._misfit,
            self._more_room,
            self._near_words,
            self._other_strength,
            self._far_words,
            self._no_emphasis,
            self._luck,
            self._forced,
        ):
            diagnosis = step()
            if diagnosis is not None:
                return diagnosis
        return self._told(("unknown",), False, f"{OTHERS} Give examples to see whether the model can do it at all.")

    def _put_back(self) -> Diagnosis | None:
        """Put back what stands elsewhere than it is known to work: one thing, all, then two of several."""
        if found := self.reruns.first(self.setting, [(change,) for change in self.off]):
            return self._repaired(found)
        whole = self.reruns.first(self.setting, [tuple(self.off)]) if len(self.off) > 1 else None
        if whole is not None and len(self.off) > 2:
            whole = self.reruns.first(self.setting, combinations(self.off, 2)) or whole
        return None if whole is None else self._repaired(whole)

    def _more_room(self) -> Diagnosis | None:
        """Let an answer that was cut go on. Where other words do without, these were wrong, and the room was enough."""
        if not self.room:
            return None
        if found := self._with_fewest([(*self.off, *self.room)]):
            return self._words(self.near or self.far[0], []) or self._repaired(found)
        if self.reruns.done[-1].error:
            self.room = []
        return None

    def _misfit(self) -> Diagnosis | None:
        """See whether the heads do anything on this model, where it is not the one that they were made for."""
        heads = self.base.heads
        name = f"fit {heads.profile.gains} {heads.profile.strength}"
        found = Fit(*self.reruns.remembered(name, lambda: list(fit(self.reruns.model, heads))))
        if heads.kind != "same":
            self.facts.append(f"{found.says[0].upper()}{found.says[1:]}.")
        if found.fits:
            return None
        reason = f"The heads do not fit this model: {found.says}. Make a profile for it: boldface profiles make."
        return self._told(("profile",), False, reason)

    def _near_words(self) -> Diagnosis | None:
        """Emphasise words nearby, with everything else where it is known to work."""
        return self._words(self.near, self.room)

    def _far_words(self) -> Diagnosis | None:
        """Emphasise any other words."""
        return next(filter(None, (self._words(wave, self.room) for wave in self.far)), None)

    def _words(self, wave: list[Marked], room: list[Change]) -> Diagnosis | None:
        """Emphasise other words. Of many candidates one may pass by chance: then others elsewhere do as well."""
        words = {changing.span(self.setting, marked): marked for marked in wave}
        before = len(self.reruns.done)
        found = self._beside(self.off, room, list(words))
        for rerun in self.reruns.done[before:]:
            if marked := words.get(rerun.changes[-1]):
                self.searched[marked] = self.searched.get(marked, False) or rerun.passed
        if found is None:
            return None
        marked = words[found.changes[-1]]
        self.facts.append(f"Of {len(self.searched)} other emphases tried, {sum(self.searched.values())} pass.")
        elsewhere = [passes for other, passes in self.searched.items() if not touch(marked, other)]
        if marked in self.near or not elsewhere or sum(elsewhere) < CHANCE * len(elsewhere):
            return self._repaired(found)
        luck = f"It may be by chance: of {len(elsewhere)} emphases elsewhere {sum(elsewhere)} pass as well."
        return self._repaired(found, doubt=luck)

    def _other_strength(self) -> Diagnosis | None:
        """Emphasise the same words more or less strongly than the heads are meant to."""
        if not self.setting.strongest:
            return None
        known = changing.known_strength(self.base, self.reference)
        found = self._beside(self._unstrengthened, self.room, changing.ladder(self.setting, known))
        return None if found is None else self._repaired(found)

    def _no_emphasis(self) -> Diagnosis | None:
        """Emphasise nothing."""
        if not self.setting.strongest:
            return None
        found = self._beside(self._unstrengthened, self.room, [changing.span(self.setting, ())])
        return None if found is None else self._repaired(found, note="No other words were found that do as well.")

    def _luck(self) -> Diagnosis | None:
        """Tell what repairs the answer with the seed that was asked for and fails with another."""
        if not self.reruns.lucky:
            return None
        found = min(self.reruns.lucky, key=lambda rerun: len(rerun.changes))
        return self._repaired(found, doubt="With another seed it fails: it depends on luck.")

    def _forced(self) -> Diagnosis | None:
        """Force the model, with room for the right answers; what it does not do then, it cannot do."""
        ways, model = self.force.ways, self.reruns.model
        if not ways:
            return None
        room = changing.roomier(self.asked, self.force.room(model))
        before = len(self.reruns.done)
        if found := self._beside(self.off, room, ways):
            reason = f"{OTHERS} The model does it when it is forced: {found.changes[-1].says}."
            return self._told(("examples",), True, reason, found)
        tried = [rerun for rerun in self.reruns.done[before:] if rerun.changes[-1] in ways]
        failed = {rerun.changes[-1].says: rerun.error for rerun in tried if rerun.error}
        self.facts += [f"{way} could not be run: {error}" for way, error in failed.items()]
        # A short answer that was cut says nothing: it was asked again with more room.
        ran = [rerun for rerun in tried if not rerun.error and (rerun.ended or {*room} <= {*rerun.changes})]
        if not ran:
            return self._told(("unknown",), False, f"{OTHERS} What it would be forced by could not be run.")
        said = ", ".join(dict.fromkeys(rerun.changes[-1].says for rerun in ran))
        reason = f"{OTHERS} The model does not do it when it is forced either ({said})"
        if not self.force.can_pass(model, self.setting, self.reruns.check):
            given = self.force.examples or self.force.choices or self.force.right
            fact = "None of the right answers given passes the check." if given else "No right answer was given."
            self.facts.append(fact)
            return self._told(("unknown",), False, f"{reason}, but nothing shows that an answer can pass the check.")
        ended = any(rerun.ended for rerun in ran)
        self.facts += [] if ended else ["Every forced answer was cut."]
        return self._told(("model",), ended, f"{reason}.")

    @property
    def _unstrengthened(self) -> list[Change]:
        """What is put back but for the strength."""
        return [change for change in self.off if change.cause not in ("too weak", "too strong")]

    @property
    def base(self) -> Setting:
        """The setting with everything where it is known to work, but for the emphasised words."""
        setting = self.setting
        for change in self.off:
            setting = change.apply(setting)
        return setting

    def _beside(self, off: list[Change], room: list[Change], last: Sequence[Change]) -> Rerun | None:
        """Make one of some changes beside what is put back: in the room that was given, and then in more."""
        for rest in ([*off], [*off, *room])[: 1 + len(room)]:
            if found := self._with_fewest([(*rest, change) for change in last]):
                return found
        return None

    def _with_fewest(self, trials: Sequence[tuple[Change, ...]]) -> Rerun | None:
        """Return the trial that passes with the fewest changes beside its last; trials differ in nothing but that."""
        found = self.reruns.passing(self.setting, trials)
        others = trials[0][:-1] if trials else ()
        for count in range(len(others) if found else 0):
            less = [(*some, rerun.changes[-1]) for some in combinations(others, count) for rerun in found]
            if fewer := self.reruns.first(self.setting, less):
                return fewer
        return self.reruns.confirmed(found)

    def _repaired(self, found: Rerun, *, note: str = "", doubt: str = "") -> Diagnosis:
        causes: tuple[Cause, ...] = tuple(dict.fromkeys(change.cause for change in found.changes))
        alone = "This change alone repairs it" if len(found.changes) == 1 else "These changes together repair it"
        reason = " ".join(filter(None, (f"{alone}: {found.says}.", note, doubt)))
        return self._told(causes, not doubt, reason, found)

    def _told(self, causes: Sequence[Named], certain: bool, reason: str, repair: Rerun | None = None) -> Diagnosis:
        return Diagnosis(tuple(causes), certain, reason, repair, tuple(self.facts), tuple(self.reruns.done))

    def _seen(self) -> Iterator[str]:
        heads = self.setting.heads
        if heads.relation is not None and heads.kind != "same":
            variant = "a variant of this model" if heads.kind == "close" else "another model"
            yield f"The profile was made for {variant}: {'; '.join(heads.relation.differences)}."
        if cut := cuts_words(self.setting.words):
            yield f"The emphasis begins or ends inside a word: {', '.join(map(repr, cut))}."
        if not self.setting.strongest:
            yield "Nothing of the prompt is emphasised."
        if not self.asked.ended:
            yield "An answer was cut."
