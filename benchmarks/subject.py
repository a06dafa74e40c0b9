"""What is measured: SmolLM2 with the head set shipped for it, on real text, plain and steered side by side."""

from __future__ import annotations

import copy
import gzip
import hashlib
import itertools
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from naive import naively
from store import machine
from torch import Tensor
from transformers import PreTrainedModel

import boldface
from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.emphasis.span import TokenSpan
from boldface.engine.heads import select_heads
from boldface.engine.settings import settings
from boldface.steering.plan import Plan, Steering, build_plan

MODEL = "smollm2"
SPAN = 30
"""Tokens that are emphasised; at most a twentieth of the prompt."""


class Arm(NamedTuple):
    """One way to run the prompt.

    Attributes:
        model: Its own module tree; the weights may be shared with other arms.
        attach: What surrounds the forwards: everything that steering does beyond the plain call, the plan included.
    """

    model: PreTrainedModel
    attach: Callable[[Tensor], AbstractContextManager[Any]] = lambda ids: nullcontext()


@dataclass(frozen=True)
class Subject:
    """The model, the text and the heads.

    Attributes:
        model: As boldface loads it.
        ids: (1, tokens) of the text.
        text: Name of the text.
        gains: The shipped head gains.
        strength: Their strength in nats.
        threads: Of torch.
        place: Folder of the model.
    """

    model: PreTrainedModel
    ids: Tensor
    text: str
    gains: boldface.HeadGains
    strength: float
    threads: int
    place: str

    @property
    def facts(self) -> dict[str, Any]:
        """What the figures depend on."""
        heads = f"{len(self.gains)} heads in {len(self.gains.layers)} layers"
        sha = hashlib.sha256(str(self.gains).encode()).hexdigest()[:12]
        return {**machine(), "threads": self.threads, "model": MODEL, "heads": heads, "gains": sha, "text": self.text}

    def twin(self, implementation: str | None = None) -> PreTrainedModel:
        """Return another module tree over the same weights, so that their place in memory favours nobody."""
        tensors = itertools.chain(self.model.parameters(), self.model.buffers())
        other = copy.deepcopy(self.model, {id(tensor): tensor for tensor in tensors})
        if implementation:
            other.set_attn_implementation(implementation)
        return other

    def plan(self, width: int, where: str) -> Plan:
        """Return the plan of a prompt: ``start`` or ``end`` (the last tenth begins with it), or ``nowhere``."""
        start = {"start": 0, "end": width - width // 10, "nowhere": 0}[where]
        span = TokenSpan(start, start + max(1, min(SPAN, width // 20)), self.strength)
        steering = Steering((span,), self.gains) if where != "nowhere" else Steering()
        return build_plan([steering], [width], geometry(self.model).heads)

    def plain(self) -> Arm:
        """The model, unsteered."""
        return Arm(self.twin())

    def steered(self, where: str, route: str = "auto") -> Arm:
        """Steered by boldface."""
        model = self.twin()
        geometry(model)  # asked once in a model's life
        return Arm(model, lambda ids: Attachment(model, self.plan(ids.shape[1], where), prompt=ids, route=route))

    def naive(self, where: str, implementation: str) -> Arm:
        """Steered the naive way."""
        model = self.twin(implementation)
        return Arm(model, lambda ids: naively(model, self.plan(ids.shape[1], where)))


def subject(tokens: int | Tensor, threads: int) -> Subject:
    """Load the model and so many tokens of text (or take these tokens), and set torch's threads."""
    torch.set_num_threads(threads)
    loaded = boldface.load(MODEL)
    chosen = select_heads(loaded.model, None)
    gains, strength = chosen.gains, chosen.strength
    place = loaded.origin.place  # type: ignore[union-attr]
    if isinstance(tokens, Tensor):
        return Subject(loaded.model, tokens, "given", gains, strength, threads, place)  # type: ignore[arg-type]
    name, text = read_text()
    ids = loaded.tokenizer(text, return_tensors="pt", verbose=False).input_ids
    ids = ids.repeat(1, -(-tokens // ids.shape[1]))[:, :tokens]
    return Subject(loaded.model, ids, name, gains, strength, threads, place)  # type: ignore[arg-type]


def read_text() -> tuple[str, str]:
    """WikiText-2's test split where BOLDFACE_DATA has it, else this project's licence, repeated."""
    data = settings().data
    if data and (path := data / "wikitext2" / "test.txt.gz").is_file():
        return "WikiText-2, test split", gzip.decompress(path.read_bytes()).decode("utf-8")[:100_000]
    licence = Path(__file__).parents[1] / "LICENSE"
    return "the text of the Apache License, repeated", licence.read_text(encoding="utf-8")


def entered(stack: ExitStack, arm: Arm, ids: Tensor) -> PreTrainedModel:
    """Attach an arm until the stack closes."""
    stack.enter_context(arm.attach(ids))
    return arm.model
