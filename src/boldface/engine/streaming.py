"""Answers piece by piece: the model runs in a thread of its own, and stops when nobody listens any more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch
from transformers import StoppingCriteria, StoppingCriteriaList, TextIteratorStreamer

from boldface.engine import prompts
from boldface.errors import ModelError

if TYPE_CHECKING:
    from boldface.engine.model import Model


def stream(model: Model, prompt: prompts.Prompt, **options: Any) -> Iterator[str]:
    """Yield the pieces of one answer; errors of the model's thread are raised here.

    Raises:
        ModelError: For a batch or beams, which have no single stream.
    """
    if prompts.is_batch(prompt) or options.get("num_beams", 1) != 1 or options.get("num_return_sequences", 1) != 1:
        raise ModelError("Only one prompt and one answer can be streamed.", "Use generate for batches and beams.")
    if "streamer" in options:
        raise ModelError("A stream has a streamer of its own.", "Pass yours to generate.")
    return _pieces(model, prompt, options)


def _pieces(model: Model, prompt: prompts.Prompt, options: dict[str, Any]) -> Iterator[str]:
    streamer = TextIteratorStreamer(model.tokenizer, skip_prompt=True, skip_special_tokens=True)
    left = threading.Event()
    failures: list[BaseException] = []
    criteria = StoppingCriteriaList([*(options.pop("stopping_criteria", None) or []), _Left(left)])

    def run() -> None:
        try:
            model.generate(prompt, streamer=streamer, stopping_criteria=criteria, **options)
        except BaseException as error:
            failures.append(error)
            streamer.end()

    worker = threading.Thread(target=run, name="boldface-stream", daemon=True)
    worker.start()
    try:
        yield from (piece for piece in streamer if piece)
    finally:
        left.set()
        worker.join()
    if failures:
        raise failures[0]


class _Left(StoppingCriteria):
    """Stops the generation once the listener has left."""

    def __init__(self, left: threading.Event) -> None:
        self.left = left

    def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        return torch.full((input_ids.shape[0],), self.left.is_set(), device=input_ids.device, dtype=torch.bool)
