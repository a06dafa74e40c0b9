"""Reruns: the same prompt asked again with one thing or another changed, checked, and kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from boldface.attention.geometry import transformer
from boldface.engine.model import Model
from boldface.errors import BoldfaceError
from boldface.insight.diagnosis.checks import Check, Checked
from boldface.insight.diagnosis.choosing import only
from boldface.insight.diagnosis.setting import Setting, plain_data
from boldface.insight.diagnosis.words import emphasised
from boldface.records.store import key_of

BATCH = 8
"""Most reruns at once."""
SEEDS = 4
"""Further seeds with which a drawn answer has to pass before it counts."""

Cause = Literal["span", "profile", "too weak", "too strong", "decoding", "examples"]
Kept = MutableMapping[str, Any]
"""What was found before, JSON values: the answers of a batch, a row each, and what a profile does on a model."""


@dataclass(frozen=True)
class Change:
    """One thing that is changed.

    Attributes:
        cause: What was wrong if this repairs it.
        says: The change, in words.
        apply: Makes it.
    """

    cause: Cause
    says: str
    apply: Callable[[Setting], Setting]


@dataclass(frozen=True)
class Rerun:
    """A setting, what it was answered, and what the check says.

    Attributes:
        changes: What differs from what was asked; empty for what was asked.
        setting: The setting.
        answers: One a draw.
        verdicts: What the check says of each.
        ended: Whether every answer came to its end, or to where its verdict stood.
        alone: Whether it ran alone, so that the same command gives the same answer to the last bit.
        error: Why it could not be run; empty when it could.
    """

    changes: tuple[Change, ...]
    setting: Setting
    answers: tuple[str, ...] = ()
    verdicts: tuple[Checked, ...] = ()
    ended: bool = True
    alone: bool = True
    error: str = ""

    @property
    def passed(self) -> bool:
        """Whether every answer passes."""
        return bool(self.verdicts) and all(verdict.passed for verdict in self.verdicts)

    @property
    def says(self) -> str:
        """What was changed, in words."""
        return "; ".join(change.says for change in self.changes) or "as asked"


class Reruns:
    """Asks a model, in batches where that changes nothing but the time, and remembers everything.

    ``done`` has every rerun, ``lucky`` those that were drawn and passed, but not with every further seed.

    Args:
        model: The model.
        check: What an answer has to be.
        route: How the bias is carried.
        kept: Answers of earlier runs; those that are new are added.
        watch: Told of every rerun.
    """

    def __init__(
        self,
        model: Model,
        check: Check,
        *,
        route: str = "auto",
        kept: Kept | None = None,
        watch: Callable[[Rerun], None] = lambda rerun: None,
    ) -> None:
        self.model, self.check, self.route, self.watch = model, check, route, watch
        self.kept: Kept = {} if kept is None else kept
        self.done: list[Rerun] = []
        self.lucky: list[Rerun] = []

    def one(self, setting: Setting, changes: Sequence[Change] = ()) -> Rerun:
        """Ask one setting, alone."""
        return self._told(self._asked([(tuple(changes), _changed(setting, changes))]))[0]

    def first(self, setting: Setting, trials: Iterable[Sequence[Change]]) -> Rerun | None:
        """Return the first of some trials that passes, alone as well as beside others, and not by luck; None if none.

        Args:
            setting: What was asked.
            trials: What is changed in each.
        """
        return self.confirmed(self.passing(setting, trials))

    def passing(self, setting: Setting, trials: Iterable[Sequence[Change]]) -> list[Rerun]:
        """Return all of some trials that pass, in their order; they may have run beside others."""
        wanted = [(tuple(changes), _changed(setting, changes)) for changes in trials]
        order = {changes: place for place, (changes, _) in enumerate(wanted)}
        found = [rerun for batch in _batches(wanted) for rerun in self._asked(batch)]
        found = self._told(sorted(found, key=lambda rerun: order[rerun.changes]))
        return [rerun for rerun in found if rerun.passed]

    def confirmed(self, reruns: Iterable[Rerun]) -> Rerun | None:
        """Return the first of some reruns that passes alone too; its answer then takes the place of the other one.

        One that is drawn has to pass with further seeds as well.
        """
        for rerun in reruns:
            (again,) = [rerun] if rerun.alone else self._asked([(rerun.changes, rerun.setting)])
            self.done[self.done.index(rerun)] = again
            if again.passed and self._is_lucky(again):
                self.lucky.append(again)
            elif again.passed:
                return again
        return None

    def _is_lucky(self, rerun: Rerun) -> bool:
        """Whether a rerun is drawn and fails with one of some further seeds."""
        drawn, first = rerun.setting, rerun.setting.seed or 0
        for seed in range(first + 1, first + 1 + SEEDS if drawn.is_drawn else first):
            change = Change("decoding", f"seed {seed}, not {first}", partial(replace, seed=seed, draws=1))
            (again,) = self._told(self._asked([((*rerun.changes, change), change.apply(drawn))]))
            if not again.passed:
                return True
        return False

    def remembered(self, name: str, find: Callable[[], Any]) -> Any:
        """Return what was found under a name, or find it; JSON values."""
        if name not in self.kept:
            self.kept[name] = find()
        return self.kept[name]

    def _told(self, reruns: list[Rerun]) -> list[Rerun]:
        for rerun in reruns:
            self.done.append(rerun)
            self.watch(rerun)
        return reruns

    def _asked(self, batch: list[tuple[tuple[Change, ...], Setting]]) -> list[Rerun]:
        settings = [setting for _, setting in batch]
        key = key_of(check=self.check.name, route=self.route, settings=[setting.key for setting in settings])
        try:
            if key not in self.kept:
                self.kept[key] = self._answered(settings)
        except BoldfaceError as error:
            if len(batch) > 1:
                return [rerun for one in batch for rerun in self._asked([one])]
            return [Rerun(batch[0][0], settings[0], error=str(error))]
        rows, found = iter(self.kept[key]), []
        for changes, setting in batch:
            mine = [next(rows) for _ in range(setting.draws)]
            answers = tuple(row["text"] for row in mine)
            verdicts = tuple(map(self.check.check, answers))
            found.append(Rerun(changes, setting, answers, verdicts, all(row["ended"] for row in mine), len(batch) == 1))
        return found

    def _answered(self, settings: list[Setting]) -> list[dict[str, Any]]:
        """The answers of settings that differ in nothing but what is emphasised, and how."""
        first = settings[0]
        rows = [setting for setting in settings for _ in range(setting.draws)]
        stop = _Settled(self.model.tokenizer, self.check, first.beginning, len(rows))
        options = {**first.steering, **first.drawing}
        if first.choices:
            rendered = self.model.encode(first.put(), heads=first.steered, raw=not first.chat).text
            options["prefix_allowed_tokens_fn"] = only(self.model.tokenizer, first.choices, rendered, _ends(self.model))
        answers = self.model.generate(
            [row.put() for row in rows],
            heads=[row.steered for row in rows],
            raw=not first.chat,
            route=self.route,
            max_new_tokens=first.room,
            seed=first.seed,
            stopping_criteria=StoppingCriteriaList([stop]),
            **options,
        )
        return [
            {"text": first.beginning + text, "ended": ended or answer.finish_reason == "stop"}
            for answer, (text, ended) in zip(answers, stop.taken([answer.text for answer in answers]), strict=True)
        ]


class _Settled(StoppingCriteria):
    """Ends every row where the verdict on it stands, and remembers what it said there."""

    def __init__(self, tokenizer: Any, check: Check, beginning: str, rows: int) -> None:
        self.tokenizer, self.check, self.beginning = tokenizer, check, beginning
        self.width = 0
        self.texts: list[str | None] = [None] * rows

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        self.width = self.width or input_ids.shape[1] - 1  # called first with one token written
        for row, text in enumerate(self.tokenizer.batch_decode(input_ids[:, self.width :], skip_special_tokens=True)):
            if self.texts[row] is None and self.check.is_settled(self.beginning + text):
                self.texts[row] = text
        return torch.tensor([text is not None for text in self.texts], device=input_ids.device)

    def taken(self, whole: Sequence[str]) -> list[tuple[str, bool]]:
        """Return every row's text up to where it was settled, and whether it was."""
        return [(text, False) if own is None else (own, True) for text, own in zip(whole, self.texts, strict=True)]


def _changed(setting: Setting, changes: Sequence[Change]) -> Setting:
    for change in changes:
        setting = change.apply(setting)
    return setting


def _batches(trials: list[tuple[tuple[Change, ...], Setting]]) -> Iterator[list[tuple[tuple[Change, ...], Setting]]]:
    """Put together what has the same tokens and the same way to choose new ones; what is drawn stays alone."""

    def alike(trial: tuple[tuple[Change, ...], Setting]) -> str:
        setting = trial[1]
        if setting.drawing or setting.choices:
            return setting.key
        put = Setting(
            emphasised(setting.words, ()), setting.heads, setting.chat, beginning=setting.beginning, shots=setting.shots
        ).put()
        return key_of(prompt=plain_data(put), steering=str(setting.steering), room=setting.room)

    for _, group in groupby(sorted(trials, key=alike), key=alike):
        rows = list(group)
        yield from (rows[start : start + BATCH] for start in range(0, len(rows), BATCH))


def _ends(model: Model) -> list[int]:
    ends = transformer(model.model).generation_config.eos_token_id
    return list(ends) if isinstance(ends, list) else [] if ends is None else [ends]
