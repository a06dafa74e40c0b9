"""What keeps keys and values from one answer to the next, as ``Model.generate`` sees it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import nn
from transformers.cache_utils import Cache, DynamicCache

from boldface.attention.geometry import geometry, transformer
from boldface.engine.prompts import Rows
from boldface.engine.steer import Prepared
from boldface.errors import CacheError, UnsupportedModelError
from boldface.steering.prefix_law import Trace, outlives, trace


class Memory(Protocol):
    """Keeps keys and values of prompts: a session's, a document's, or :class:`~boldface.engine.caches.blocks.Prefixes`.

    What is recalled is the caller's own and may grow.
    """

    def recall(self, wanted: Trace, most: int, owner: bytes) -> tuple[DynamicCache, int]:
        """Return a cache of the first tokens of a prompt, at most so many, and how many they are.

        Args:
            wanted: What their keys and values have to depend on.
            most: Tokens that may be taken.
            owner: The model, see :func:`boldface.engine.caches.owner.owner`.
        """

    def keep(self, known: Trace, cache: Cache, owner: bytes) -> None:
        """Keep what a cache holds of the first tokens, ``known``; what follows in it is stale."""


class Recalled:
    """One answer from memory: what was taken from it, and what goes back.

    Args:
        memory: The memory.
        prepared: One prompt, and how it is steered.
        owner: The model.

    Attributes:
        cache: Keys and values of the prompt's first tokens; the model lets it grow.
        tokens: How many there were.
    """

    def __init__(self, memory: Memory, prepared: Prepared, owner: bytes) -> None:
        self._memory, self._owner, self._steering = memory, owner, prepared.steerings[0]
        ids = prepared.rows.prompts[0].ids
        self._trace = trace(ids, self._steering)
        self.cache, self.tokens = memory.recall(self._trace, min(len(self._trace), len(ids) - 1), owner)

    def keep(self, answer: torch.Tensor) -> None:
        """Give the memory what is worth keeping.

        Args:
            answer: (tokens,) ids that were generated; the last of them was not read any more.
        """
        known = self._trace
        if outlives(self._steering):
            known = known.followed_by(answer.tolist())
        self._memory.keep(known.first(self.cache.get_seq_length()), self.cache, self._owner)


def check_reuse(rows: Rows, options: dict[str, Any]) -> None:
    """Refuse what takes more than one cache for one prompt.

    Raises:
        CacheError: With what stands in the way.
    """
    config = options.get("generation_config")

    def said(name: str) -> Any:
        return options.get(name, getattr(config, name, None))

    reason = (
        "a batch has several prompts"
        if len(rows.prompts) != 1
        else "beams and several answers branch off the cache"
        if (said("num_beams") or 1) > 1 or (said("num_return_sequences") or 1) > 1
        else "an assistant takes tokens of the cache back"
        if options.get("assistant_model") is not None or said("prompt_lookup_num_tokens")
        else "past_key_values brings a cache of its own"
        if options.get("past_key_values") is not None
        else f"cache_implementation={options['cache_implementation']!r} makes another kind of cache"
        if options.get("cache_implementation") is not None
        else "use_cache=False leaves nothing to keep"
        if said("use_cache") is False
        else None
    )
    if reason is not None:
        raise CacheError(f"Nothing can be reused here: {reason}.", "Leave it out, or ask without a memory.")


def check_reusable(model: nn.Module) -> None:
    """Refuse models whose prompts cannot be cut.

    Raises:
        UnsupportedModelError: With what stands in the way.
    """
    for reason in _reasons(model):
        raise UnsupportedModelError(
            f"What this model has read cannot be reused in part: {reason}.", "Ask it by model.generate."
        )


def _reasons(model: nn.Module) -> Iterator[str]:
    for layer, reason in geometry(model).refused.items():
        yield f"layer {layer}: {reason}"
    config: Any = transformer(model).config.get_text_config()
    plain = {"full_attention", "sliding_attention", "chunked_attention"}
    for kind in sorted(set(getattr(config, "layer_types", None) or ()) - plain):
        yield f"layers of type {kind!r} keep something else than keys and values"
    for kind in sorted({"dynamic", "longrope"} & rope_types(getattr(config, "rope_parameters", None))):
        yield f"its positions ({kind}) depend on how long the whole text is"


def rope_types(parameters: object) -> set[str]:
    """Return the kinds of rotary positions that a config names."""
    if not isinstance(parameters, dict):
        return set()
    nested = set().union(*(rope_types(value) for value in parameters.values()))
    own = parameters.get("rope_type")
    return nested | {own} if isinstance(own, str) else nested
