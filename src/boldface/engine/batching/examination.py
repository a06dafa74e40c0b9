"""Whether a model can be batched exactly: what is known to stand in the way, and a trial."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NoReturn

import torch
from torch import Tensor

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry, transformer
from boldface.emphasis.span import TokenSpan
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.batching.answer import Answer
from boldface.engine.batching.batch import Batch
from boldface.engine.batching.hold import Hold
from boldface.engine.batching.joining import Joining
from boldface.engine.batching.layer import Turn
from boldface.engine.batching.pieces import Piece
from boldface.engine.batching.request import Request
from boldface.engine.batching.sampling import Sampling
from boldface.engine.batching.ticket import Ticket
from boldface.engine.batching.views import Views, views
from boldface.engine.batching.words import Bytes
from boldface.engine.caches.blocks import Prefixes
from boldface.engine.caches.memory import rope_types
from boldface.engine.model import Model
from boldface.errors import UnsupportedModelError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering, build_plan

LENGTHS = (9, 5)
STEPS = 3
MOST = 0.1
"""Share of the spread of the logits by which batched ones may differ; what is wrong differs by the whole of it."""


def examine(model: Model) -> Views:
    """Return what the model's layers see, having tried that a batch gives what the requests give alone.

    Raises:
        UnsupportedModelError: With what stands in the way.
    """
    for reason in _reasons(model):
        _refuse(reason)
    found = views(model.model)
    _try(model, found)
    return found


def _reasons(model: Model) -> Iterator[str]:
    inner = transformer(model.model)
    known, config = geometry(model.model), inner.config.get_text_config()
    for layer, reason in known.refused.items():
        yield f"layer {layer}: {reason}"
    for implementation in {config._attn_implementation} - {"sdpa", "eager"}:
        yield f"attention {implementation!r} takes no mask of its own for every row; load it with attention 'sdpa'"
    taken = inspect.signature(inner.forward).parameters
    for name in ("position_ids", "past_key_values", "logits_to_keep"):
        if name not in taken:
            yield f"its forward takes no {name}"
    for kind in {"dynamic", "longrope"} & rope_types(getattr(config, "rope_parameters", None)):
        yield f"its positions ({kind}) depend on the longest row of a batch"


def _try(model: Model, found: Views) -> None:
    """Run a steered and a plain request in one batch and compare them with their own forwards."""
    turn = Turn()
    hold = Hold(model, turn)
    generator = torch.Generator().manual_seed(0)
    size = transformer(model.model).config.get_text_config().vocab_size
    rows = [torch.randint(size, (length + STEPS,), generator=generator).tolist() for length in LENGTHS]
    steered = HeadGains((min(hold.seams), head) for head in range(geometry(model.model).heads[min(hold.seams)]))
    steerings = Steering((TokenSpan(2, 4, 2.0),), steered), Steering()
    got: list[list[Tensor]] = [[] for _ in rows]
    with torch.no_grad():
        with hold.on():
            batch = Batch(model.model, found, turn, len(rows))
            for row, (ids, length, steering) in enumerate(zip(rows, LENGTHS, steerings, strict=True)):
                joining = Joining(model.model, hold.seams, turn, _answer(model, ids[:length], steering), Prefixes(0))
                joining.read(length - 2)
                first = joining.read(2)[1]
                assert first is not None
                got[row].append(first)
                batch.join(joining, ids[length])
            for step in range(STEPS):
                logits = batch.step()
                for row, length in enumerate(LENGTHS):
                    got[row].append(logits[row])
                    batch.rows[row].advance(rows[row][min(length + step + 1, length + STEPS - 1)])
        for ids, length, steering, batched in zip(rows, LENGTHS, steerings, got, strict=True):
            with model.alone():
                _compare(torch.stack(batched), _alone(model, ids, length, steering))


def _answer(model: Model, ids: list[int], steering: Steering) -> Answer:
    prompt = EncodedPrompt("", tuple(ids), (), (), (), (), ())
    request = Request(prompt, steering, Sampling(max_tokens=STEPS))
    return Answer(request, Ticket(lambda: None), _nobody, model.tokenizer, Bytes(model.tokenizer), ())


def _nobody(piece: Piece) -> None:
    """Listen to nothing."""


def _alone(model: Model, ids: list[int], length: int, steering: Steering) -> Tensor:
    """Return the logits of every place from the end of the prompt on, by one forward: (places, vocabulary)."""
    device = transformer(model.model).get_input_embeddings().weight.device
    with ExitStack() as stack:
        if not steering.is_null:
            plan = build_plan([steering], [length], geometry(model.model).heads, device=device)
            stack.enter_context(Attachment(model.model, plan))
        logits: Tensor = model.model(torch.tensor([ids], device=device), use_cache=False).logits[0, length - 1 :]
    return logits


def _compare(batched: Tensor, alone: Tensor) -> None:
    spread = (alone.amax() - alone.amin()).float()
    if not bool((batched - alone).abs().max() <= MOST * spread):
        _refuse("a batch of two requests of different lengths gives other logits than each alone")


def _refuse(reason: str) -> NoReturn:
    raise UnsupportedModelError(
        f"Requests to this model cannot be batched exactly: {reason}.", "Ask one batch at a time, by model.generate."
    )
