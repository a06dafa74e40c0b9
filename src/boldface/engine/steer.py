"""``boldface.steer``: steer a model that you hold yourself, for the length of a ``with`` block."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from boldface.attention.attach import Attachment, refuse_steered
from boldface.attention.geometry import geometry, transformer
from boldface.emphasis.strength import resolve_strength
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine.heads import Heads, Selected, all_heads, select_heads
from boldface.engine.prompts import Overlap, Prompt, Rows, as_batch, pad, pad_id, render_prompt
from boldface.errors import AlignmentError, ContextLengthError, HeadError, NothingSteeredError, StrengthError
from boldface.profiles.heads import HeadGains
from boldface.steering.phases import Gate, Phases, as_gate, as_phases
from boldface.steering.plan import Plan, Scope, Steering, build_plan
from boldface.steering.release import Release, as_release
from boldface.steering.rules import Rule

DEFAULT_ROOM = 256


@dataclass(frozen=True)
class Prepared:
    """Prompts, encoded, and how each is steered; nothing has run yet.

    Attributes:
        rows: The batch.
        steerings: One a row.
        plan: Their tensors; None when no row is steered.
        room: Tokens that an answer may have.
    """

    rows: Rows
    steerings: tuple[Steering, ...]
    plan: Plan | None
    room: int

    @property
    def inputs(self) -> dict[str, Tensor]:
        """What the model takes: ``input_ids`` and ``attention_mask``, both (batch, width)."""
        return {"input_ids": self.rows.ids, "attention_mask": self.rows.mask}


def prepare(
    model: nn.Module,
    tokenizer: Any,
    prompts: Sequence[Prompt],
    *,
    chat: bool = False,
    heads: Heads | Sequence[Heads | None] | None = None,
    alpha: float | None = None,
    factor: float | None = None,
    strength: float | None = None,
    scope: Scope | None = None,
    rule: Rule | None = None,
    share: float | None = None,
    phases: Phases | Mapping[str, Any] | None = None,
    gate: Gate | float | None = None,
    target: float | None = None,
    release: Release | Sequence[float] | None = None,
    overlap: Overlap = "any",
    padding: Literal["left", "right"] = "left",
    room: int | None = 0,
) -> Prepared:
    """Encode prompts and lay out their steering, with every check that needs no forward of the model.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        prompts: The batch.
        chat: Whether plain text is one user turn of a chat.
        heads: Heads for all rows, or a list with one entry a row.
        alpha: Strength as PASTA's alpha.
        factor: Strength as a factor on the attention weight.
        strength: Strength in nats.
        scope: Which queries are steered; None is the profile's own, else ``all``.
        rule: What the bias is, see :func:`steer`; None is the profile's own, else ``pasta``.
        share: Target share of rule ``share``.
        phases: How far while reading, thinking and answering, see :class:`~boldface.steering.phases.Phases`.
        gate: How plausible steered tokens have to be, see :class:`~boldface.steering.phases.Gate`.
        target: Target share beyond which rules ``pasta`` and ``flat`` lift nothing; None is the profile's own.
        release: When nothing is lifted any more, see :class:`~boldface.steering.release.Release`.
        overlap: What happens to a token that straddles a span's edge.
        padding: Side of the padding; generation needs ``left``.
        room: Tokens that must still fit behind the prompt; None takes what fits, up to 256.

    Raises:
        BoldfaceError: See the tree in :mod:`boldface.errors`.
    """
    said = resolve_strength(alpha=alpha, factor=factor, strength=strength)
    if rule == "share" and said is not None:
        raise StrengthError(
            "Rule 'share' finds the strength itself.", "Leave alpha, factor and strength out; share says how far."
        )
    per_row = heads if isinstance(heads, list) and not _is_pairs(heads) else [heads] * len(prompts)
    if len(per_row) != len(prompts):
        raise HeadError(
            f"{len(per_row)} entries of heads were given for {len(prompts)} prompts.",
            "A list of heads has one entry a prompt; heads for all prompts are written as {layer: [heads]}.",
        )
    encoded, steerings = [], []
    selected: dict[int, Selected] = {}
    for prompt, row_heads in zip(prompts, per_row, strict=True):
        rendered = render_prompt(tokenizer, prompt, chat=chat)
        chosen = Selected(HeadGains())
        if rendered.text.spans or row_heads is not None:
            everywhere = rule == "share" and row_heads is None
            if id(row_heads) not in selected:
                wanted = all_heads(geometry(model).heads) if everywhere else row_heads
                selected[id(row_heads)] = select_heads(model, wanted, tokenizer)
            chosen = selected[id(row_heads)]
        row = rendered.encode(tokenizer, default=chosen.strength if said is None else said, overlap=overlap)
        if not chosen.gains and any(span.strength for span in row.spans):
            raise NothingSteeredError(
                "The prompt has emphasis, but no head would be steered.", "Name at least one head."
            )
        if not row.ids:
            raise AlignmentError("The prompt is empty: it has no token.", "Write at least one word.")
        encoded.append(row)
        how = rule or chosen.rule
        far = chosen.target if target is None and how != "share" else target
        steerings.append(
            Steering(
                row.spans,
                chosen.gains,
                scope or chosen.scope,
                how,
                share,
                phases=as_phases(phases),
                gate=as_gate(gate),
                target=far,
                release=as_release(release),
            )
        )
    return lay_out(model, tokenizer, encoded, steerings, padding=padding, room=room)


def lay_out(
    model: nn.Module,
    tokenizer: Any,
    prompts: Sequence[EncodedPrompt],
    steerings: Sequence[Steering],
    *,
    padding: Literal["left", "right"] = "left",
    room: int | None = 0,
) -> Prepared:
    """Put encoded prompts and their steerings into one batch.

    Args:
        model: The model.
        tokenizer: Its tokenizer.
        prompts: The prompts.
        steerings: One a prompt.
        padding: Side of the padding; generation needs ``left``.
        room: Tokens that must still fit behind the prompt; None takes what fits, up to 256.

    Raises:
        BoldfaceError: Prompts do not fit into the context, or heads or spans not to model and prompt.
    """
    room = answer_room(max(len(row.ids) for row in prompts), room, _context(model))
    device = transformer(model).get_input_embeddings().weight.device
    rows = pad(prompts, pad_id=pad_id(tokenizer), side=padding, device=device)
    plan = None
    if any(not steering.is_null for steering in steerings):
        plan = build_plan(steerings, rows.lengths, geometry(model).heads, padding=padding, device=device)
    return Prepared(rows, tuple(steerings), plan, room)


@contextmanager
def steer(
    model: nn.Module,
    tokenizer: Any,
    prompt: Prompt | Sequence[Prompt],
    *,
    heads: Heads | Sequence[Heads | None] | None = None,
    alpha: float | None = None,
    factor: float | None = None,
    strength: float | None = None,
    scope: Scope | None = None,
    rule: Rule | None = None,
    share: float | None = None,
    target: float | None = None,
    route: str = "auto",
    overlap: Overlap = "any",
    padding: Literal["left", "right"] = "left",
) -> Iterator[dict[str, Tensor]]:
    """Steer ``model`` inside a ``with`` block; yields the inputs to call it with.

    Plain text is not wrapped into a chat template; messages are rendered by the tokenizer's. Inside the block the
    model takes no other prompt, no second ``steer`` and no other thread; afterwards it is bit-identical to before.

    Args:
        model: A causal language model of transformers (peft-wrapped, quantised or spread over devices too).
        tokenizer: Its tokenizer.
        prompt: One prompt or a batch; see :data:`boldface.engine.prompts.Prompt`.
        heads: ``{layer: [heads]}``, HeadGains, a profile or its name; None is the profile shipped with the model, or
            all heads for rule ``share``.
        alpha: Strength as PASTA's alpha (0.01); only one of alpha, factor and strength.
        factor: Strength as a factor on the attention weight (100).
        strength: Strength in nats (4.605).
        scope: ``all`` steers every query; ``answer`` only from the last prompt token on; None is the profile's own, and
            ``all`` where the heads come from no profile.
        rule: ``pasta`` lifts the model's own words with the emphasis; ``flat`` lifts the emphasis alone (InstABoost,
            AutoPASTA); ``share`` lifts it, head by head and query by query, where less than the target share of the
            attention lands on it (SpotLight). See :mod:`boldface.steering.rules`.
        share: The target share of rule ``share``, between 0 and 1. That rule takes no strength: spans are emphasised
            or not (strength 0), whatever strength they have of their own, and suppressed ones are refused.
        target: The target share of rules ``pasta`` and ``flat``, between 0 and 1: a head lifts no further than until
            what it lifts has this share of a query's attention. None is the profile's own, else none.
        route: How the bias is carried; see the matrix in the docs.
        overlap: ``any`` token that touches a span counts, only those ``inside``, or ``error`` when one straddles.
        padding: Side of the padding; ``generate`` needs ``left``.

    Raises:
        BoldfaceError: See the tree in :mod:`boldface.errors`.
    """
    prepared = prepare(
        model,
        tokenizer,
        as_batch(prompt),
        heads=heads,
        alpha=alpha,
        factor=factor,
        strength=strength,
        scope=scope,
        rule=rule,
        share=share,
        target=target,
        overlap=overlap,
        padding=padding,
    )
    with ExitStack() as stack:
        if prepared.plan is not None:
            stack.enter_context(Attachment(model, prepared.plan, prompt=prepared.rows.ids, route=route))
        else:
            refuse_steered(model)
        yield prepared.inputs


def _is_pairs(heads: list[Any]) -> bool:
    return all(isinstance(head, tuple) and len(head) == 2 for head in heads)


def _context(model: nn.Module) -> int | None:
    limit: int | None = getattr(transformer(model).config.get_text_config(), "max_position_embeddings", None)
    return limit


def answer_room(length: int, wanted: int | None, context: int | None, otherwise: int = DEFAULT_ROOM) -> int:
    """Return how many tokens an answer may have.

    Args:
        length: Tokens of the prompt.
        wanted: Tokens that are asked for; None takes ``otherwise``, or what the context leaves of it.
        context: Most tokens of prompt and answer; None is no limit.
        otherwise: Longest answer where no length is asked for.

    Raises:
        ContextLengthError: Prompt and answer do not fit into the context.
    """
    if context is None:
        return otherwise if wanted is None else wanted
    needed = 1 if wanted is None else wanted
    if length + needed > context:
        raise ContextLengthError(
            f"{length} prompt tokens and {needed} new ones exceed the model's {context}.",
            f"Shorten the prompt or ask for at most {max(0, context - length)} new tokens.",
        )
    return min(otherwise, context - length) if wanted is None else wanted
