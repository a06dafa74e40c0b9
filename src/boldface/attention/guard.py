"""The guard of an attachment: another prompt, another thread or a stale cache is an error, never a wrong answer."""

from __future__ import annotations

import itertools
import threading
from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers.cache_utils import Cache

from boldface.errors import ModelBusyError, PromptMismatchError
from boldface.steering.plan import NEVER, Plan

_NOTE = "_boldface_note"
_SERIAL = itertools.count()


class Note(NamedTuple):
    """What a guard writes on a cache. Copies of the cache keep it; caches filled without steering have none.

    Attributes:
        serial: Number of the guard.
        covered: Tokens computed under its emphasis, or before it.
        plain: Leading tokens that are those of the plain model.
    """

    serial: int
    covered: int
    plain: int


class Guard:
    """Compares every forward with what was steered.

    Args:
        plan: The batch.
        prompt: (batch, width) token ids that the plan was made for; None compares no ids.
    """

    def __init__(self, plan: Plan, prompt: Tensor | None) -> None:
        self._width, self._plain, self._prompt = plan.width, plan.earliest_start, prompt
        self._thread, self._serial, self._reached = threading.get_ident(), next(_SERIAL), 0

    def check(self, ids: Tensor, cache: Any) -> None:
        """Refuse a forward of ``ids`` (or embeddings) behind ``cache`` unless it belongs to what was steered.

        Raises:
            ModelBusyError: When another thread runs the model.
            PromptMismatchError: When the tokens are other ones or come as embeddings, or the cache was computed
                under another emphasis.
        """
        if threading.get_ident() != self._thread:
            raise ModelBusyError(
                "Another thread is steering this model.",
                "Run it in the thread that attached, or wait until it is done.",
            )
        note: Note = getattr(cache, _NOTE, Note(self._serial, 0, NEVER))
        covered = note.covered if note.serial == self._serial else 0
        if ids.shape[1] == 1 and covered >= self._width:
            self._reached = covered + 1  # decoding; reading a static cache's length would wait for the device
            return
        offset = int(cache.get_seq_length()) if isinstance(cache, Cache) else 0
        self._check_cache(offset, covered, self._plain if note.serial == self._serial else min(self._plain, note.plain))
        self._reached = offset + ids.shape[1]
        self._check_prompt(ids, offset)

    def note(self, output: Any) -> None:
        """Write on the caches in a forward's output how much of them is ours."""
        for cache in output.values() if isinstance(output, dict) else output:
            if isinstance(cache, Cache):
                self.vouch(cache, self._reached)

    def vouch(self, cache: Cache, tokens: int) -> None:
        """Write on a cache that its first tokens are what they would be under this emphasis.

        The word of whoever calls it counts, so he has compared what they were computed under: see
        :mod:`boldface.steering.prefix_law`.
        """
        setattr(cache, _NOTE, Note(self._serial, tokens, self._plain if tokens > self._plain else NEVER))

    def _check_cache(self, offset: int, covered: int, plain: int) -> None:
        free = min(plain, self._width)
        if offset > max(covered, free):
            raise PromptMismatchError(
                f"The cache holds {offset} tokens that were not computed with this emphasis.",
                f"It may hold at most the {free} tokens before any emphasis; start from an empty cache.",
            )

    def _check_prompt(self, ids: Tensor, offset: int) -> None:
        overlap = min(self._width, offset + ids.shape[1]) - offset
        if self._prompt is None or overlap <= 0:
            return
        if ids.is_floating_point():
            raise PromptMismatchError(
                "The model was called with inputs_embeds, which cannot be compared with the steered prompt.",
                "Pass the very input_ids that boldface.steer gave you; embeddings may follow behind the prompt.",
            )
        if ids.shape[0] % self._prompt.shape[0] == 0:
            expected = self._prompt[:, offset : offset + overlap].to(ids.device)
            expected = expected.repeat_interleave(ids.shape[0] // self._prompt.shape[0], dim=0)
            if torch.equal(ids[:, :overlap], expected):
                return
        raise PromptMismatchError(
            "The model was called with another prompt than the one that was steered.",
            "Pass the very inputs that boldface.steer gave you; steer each prompt on its own or as one batch.",
        )
