"""The laws of steering as functions: each raises LawBroken, with numbers, when a model and route break it.

An equality is worth something only when steering moved what is compared, so every check of equality also demands that
the compared values differ from the plain model's by at least 100 times the tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache, PreTrainedModel

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering
from boldface.steering.rules import Rule
from boldface.testing.mutants import Mutant, faithful
from boldface.testing.sample import PROMPT, Sample, sample

TOLERANCE = 1e-5
"""Largest difference of logits from the oracle, in float32."""
MOVED = 100
"""Steering must move the compared values by this many tolerances."""


class LawBroken(AssertionError):
    """A law does not hold; the message has the numbers."""


def demand(holds: bool, message: str) -> None:
    """Raise LawBroken with ``message`` unless it holds."""
    if not holds:
        raise LawBroken(message)


def distance(left: Tensor, right: Tensor) -> float:
    """Return the largest difference; infinite where one is not a number."""
    gap = (left.double() - right.double()).abs().max().item()
    return gap if gap == gap else torch.inf


def agree(got: Tensor, expected: Tensor, plain: Tensor, tolerance: float = TOLERANCE, moved: float = MOVED) -> None:
    """Demand that ``got`` equals ``expected``, and that ``expected`` is far from ``plain``."""
    effect = distance(expected, plain)
    demand(effect >= moved * tolerance, f"steering moved the values by {effect:.1e} only: nothing was tested")
    error = distance(got, expected)
    demand(error <= tolerance, f"differs from the oracle by {error:.1e}; steering moved it by {effect:.1e}")


def forward(model: PreTrainedModel, batch: Sample, route: str | None, mutant: Mutant = faithful) -> Tensor:
    """Return the logits of all real tokens in one forward, steered by ``route`` or plain: (tokens, vocabulary)."""
    logits: Tensor = _steered(model, batch, route, mutant, lambda: model(**batch.inputs(), use_cache=False).logits)
    return logits[batch.real]


def check_oracle(model: PreTrainedModel, eager: PreTrainedModel, route: str, mutant: Mutant = faithful) -> None:
    """Demand that a route is PASTA as published: log(alpha) added to the mask of an unmodified eager model.

    Args:
        model: The model to steer.
        eager: A model of the same weights with attention implementation ``eager``.
        route: The route under test.
        mutant: Alters the plan that the route gets.
    """
    layers = geometry(model).layers
    heads, alpha = min(layer.heads for layer in layers.values()), 0.01
    chosen = [head for head in range(heads) if head % 4 in (0, 2)][: heads - 1]
    gains = HeadGains((layer, head) for layer in layers for head in chosen)
    strength = -torch.log(torch.tensor(alpha)).item()
    batch = sample(model, rows=[Steering((TokenSpan(10, 13, strength),), gains)], answer=3)
    with torch.no_grad():
        expected = eager(batch.ids, attention_mask=_pasta_masks(eager, batch, chosen, alpha)).logits
    agree(forward(model, batch, route, mutant)[None], expected, forward(model, batch, None)[None])


def _pasta_masks(model: PreTrainedModel, batch: Sample, heads: list[int], alpha: float) -> Any:
    """Return the 4-D masks that make an unmodified eager model compute PASTA; one for each layer type."""
    tokens, config = batch.ids.shape[1], model.config.get_text_config()
    geometries = geometry(model).layers.values()
    position = torch.arange(tokens)
    damped = (batch.plan.nats[0] == 0).nonzero().flatten()
    bias = torch.zeros(1, config.num_attention_heads, tokens, tokens)
    if any(layer.sinks for layer in geometries):
        # A sink is never damped, so here the rest is lifted instead: by literal damping it would starve the head.
        kept = torch.ones(tokens, dtype=torch.bool).index_fill(0, damped, False)
        sees = position[:, None] >= batch.plan.start[0]
        bias[:, heads] = torch.where(kept[None, :] & sees, -torch.log(torch.tensor(alpha)), 0.0)
    else:
        bias[:, heads] += torch.zeros(tokens).index_fill(0, damped, float(torch.log(torch.tensor(alpha))))
    masks = {}
    for window in {layer.window for layer in geometries}:
        hidden = position[None, :] > position[:, None]
        if window is not None:
            hidden = hidden | (position[None, :] <= position[:, None] - window)
        kind = "full_attention" if window is None else "sliding_attention"
        masks[kind] = bias.masked_fill(hidden, torch.finfo(bias.dtype).min)
    kinds = set(getattr(config, "layer_types", None) or ())
    return {kind: masks.get(kind) for kind in kinds} if len(kinds) > 1 else next(iter(masks.values()))


def check_route(model: PreTrainedModel, route: str, batch: Sample | None = None, mutant: Mutant = faithful) -> None:
    """Demand that a route gives the oracle's logits in one forward over prompt and answer."""
    batch = batch or sample(model)
    agree(forward(model, batch, route, mutant), forward(model, batch, "reference"), forward(model, batch, None))


def check_decode(
    model: PreTrainedModel,
    route: str,
    batch: Sample | None = None,
    *,
    cache: Callable[[], Any] | None = None,
    chunks: Sequence[int] = (PROMPT,),
    oracle: PreTrainedModel | None = None,
    mutant: Mutant = faithful,
) -> None:
    """Demand that prefill and token-by-token decoding equal the oracle's single forward over prompt and answer.

    Tolerance: twice what the plain model shows between the two, at least ``TOLERANCE``.

    Args:
        model: The model.
        route: The route under test.
        batch: The batch; a default one unless given.
        cache: Makes the cache; a dynamic one unless given.
        chunks: Columns at which the prefill is cut; the last one ends it.
        oracle: A model of the same weights that takes the route ``reference``; the model itself unless given.
        mutant: Alters the plan that the route gets.
    """
    batch = batch or sample(model)
    stops = [*chunks, *range(chunks[-1] + 1, batch.ids.shape[1] + 1)]

    def run() -> Tensor:
        past = cache() if cache else DynamicCache(config=model.config)
        pieces = [
            model(**batch.inputs(start, stop), past_key_values=past, use_cache=True).logits
            for start, stop in zip([0, *stops], stops, strict=False)
        ]
        return torch.cat(pieces, dim=1)

    plain = forward(model, batch, None)
    noise = distance(_steered(model, batch, None, mutant, run)[batch.real], plain)
    got = _steered(model, batch, route, mutant, run)[batch.real]
    agree(got, forward(oracle or model, batch, "reference"), plain, max(2 * noise, TOLERANCE))


def check_prefix(
    model: PreTrainedModel,
    route: str,
    batch: Sample | None = None,
    *,
    floor: float = TOLERANCE,
    mutant: Mutant = faithful,
) -> None:
    """Demand that hidden states before the first emphasised token are the plain model's, and later ones are not.

    Tolerance: twice what the plain model shows between the whole and the first tokens alone, at least ``floor``.
    """
    batch = batch or sample(model)
    plain, steered = _hidden(model, batch, None), _hidden(model, batch, route, mutant=mutant)
    for row, first in enumerate(batch.plan.start.tolist()):
        stop = min(first, batch.ids.shape[1])
        alone = _hidden(model, batch, None, stop)
        noise = max(2 * distance(alone[:, row], plain[:, row, :stop]), floor)
        error = distance(steered[:, row, :stop], plain[:, row, :stop])
        demand(error <= noise, f"row {row}: {error:.1e} before the emphasis, {noise:.1e} allowed")
        if first < batch.ids.shape[1]:
            effect = distance(steered[:, row, first:], plain[:, row, first:])
            demand(effect >= MOVED * noise, f"row {row}: steering moved the rest by {effect:.1e} only")


def check_scope(model: PreTrainedModel, route: str, *, floor: float = TOLERANCE, mutant: Mutant = faithful) -> None:
    """Demand that scope ``answer`` leaves hidden states plain, and so keys and values, up to the last prompt token."""
    batch = sample(model, scopes=("answer", "answer", "all"))
    plain, steered = _hidden(model, batch, None), _hidden(model, batch, route, mutant=mutant)
    last = batch.plan.width - 1
    error = distance(steered[:, :, :last], plain[:, :, :last])
    noise = max(2 * distance(_hidden(model, batch, None, last), plain[:, :, :last]), floor)
    demand(error <= noise, f"the prompt before its last token differs by {error:.1e}, {noise:.1e} allowed")
    effect = distance(steered[:, :2, last], plain[:, :2, last])
    demand(effect >= MOVED * noise, f"steering moved the last prompt token by {effect:.1e} only")


def check_null(model: PreTrainedModel, route: str, rule: Rule = "pasta") -> None:
    """Demand that strength 0, no heads and no spans leave the plain model, bit by bit."""
    head, share = HeadGains([(min(geometry(model).layers), 0)]), 0.5 if rule == "share" else None
    nulls = (Steering((TokenSpan(3, 5, 0.0),), head), Steering((TokenSpan(3, 5, 4.6),)), Steering((), head))
    batch = sample(model, rows=[replace(null, rule=rule, share=share) for null in nulls])
    demand(
        torch.equal(forward(model, batch, route), forward(model, batch, None)), "a null steering is not bit-identical"
    )


def check_detach(model: PreTrainedModel, route: str, *, mutant: Mutant = faithful) -> None:
    """Demand that a model that was steered and detached, also by an exception, is bit-identical to before."""
    batch = sample(model)
    configs = {module: module.__dict__.get("config") for module in model.modules()}
    state = {module: set(module.__dict__) for module in model.modules()}
    hooks = {module: len(module._forward_pre_hooks) for module in model.modules()}
    plain = forward(model, batch, None)
    effect = distance(forward(model, batch, route, mutant), plain)
    demand(effect >= MOVED * TOLERANCE, f"steering moved the values by {effect:.1e} only: there was nothing to undo")
    try:
        with Attachment(model, mutant(batch.plan), prompt=batch.prompt, route=route):
            raise InterruptedError
    except InterruptedError:
        pass
    demand(torch.equal(forward(model, batch, None), plain), "the detached model is not bit-identical")
    for module in model.modules():
        demand(module.__dict__.get("config") is configs[module], f"{type(module).__name__} has another config")
        demand(
            set(module.__dict__) == state[module],
            f"{type(module).__name__} keeps {set(module.__dict__) - state[module]}",
        )
        demand(len(module._forward_pre_hooks) == hooks[module], f"{type(module).__name__} keeps a hook")


def check_isolation(
    model: PreTrainedModel,
    route: str,
    rule: Rule = "pasta",
    *,
    target: float | None = None,
    mutant: Mutant = faithful,
) -> None:
    """Demand that another emphasis in row 1 leaves row 0 as it is, bit by bit, while row 1 moves.

    Where the plain model itself mixes rows (experts batch the tokens of all rows, so that the rounding of one depends
    on the others), TOLERANCE is allowed.
    """
    batch = sample(model, rule=rule, target=target)
    first, _, third = batch.rows
    other = replace(first, spans=(TokenSpan(5, 9, 4.0),))
    changed = sample(model, rows=(first, other, third))
    left, right = (forward(model, each, route, mutant).view(*batch.ids.shape, -1) for each in (batch, changed))
    allowed = TOLERANCE if _mixes_rows(model, batch.ids) else 0.0
    error = distance(left[0], right[0])
    demand(error <= allowed, f"row 1 changed row 0 by {error:.1e}; {allowed:.1e} allowed")
    effect = distance(left[1], right[1])
    demand(effect >= MOVED * TOLERANCE, f"the other emphasis moved its own row by {effect:.1e} only")


def _mixes_rows(model: PreTrainedModel, ids: Tensor) -> bool:
    """True when other tokens in the other rows change the plain model's first row in the least."""
    others = [ids[1:].roll(shift, dims=1) for shift in range(1, ids.shape[1])]
    with torch.no_grad():
        first = model(ids).logits[0]
        return any(not torch.equal(model(torch.cat((ids[:1], each))).logits[0], first) for each in others)


def check_window(
    model: PreTrainedModel, route: str, *, decode: bool, floor: float = TOLERANCE, mutant: Mutant = faithful
) -> None:
    """Demand that a windowed layer is plain for every query whose window the emphasis has left, and steered before.

    Steers the first windowed layer alone and compares what that layer gives, in one forward or token by token.
    """
    layer = next(each for each in geometry(model).layers.values() if each.window is not None)
    gains = HeadGains({(layer.layer, head): (1.0, -0.8)[head % 2] for head in range(layer.heads)})
    span = TokenSpan(6, 9, 4.0)
    batch = sample(model, rows=[Steering((span,), gains)], answer=10)
    seen: list[Tensor] = []

    def run() -> Tensor:
        seen.clear()
        hook = layer.module.register_forward_hook(lambda module, args, output: seen.append(output[0]))
        past = DynamicCache(config=model.config)
        stops = [PROMPT, *range(PROMPT + 1, PROMPT + 11)] if decode else [PROMPT + 10]
        try:
            for start, stop in zip([0, *stops], stops, strict=False):
                model(**batch.inputs(start, stop), past_key_values=past, use_cache=True)
        finally:
            hook.remove()
        return torch.cat(seen, dim=1)

    plain, steered = (_steered(model, batch, each, mutant, run)[0] for each in (None, route))
    assert layer.window is not None
    leaves = span.end - 1 + layer.window  # first query that no longer sees the last emphasised token
    demand(leaves < PROMPT + 10, f"the emphasis never leaves the window of {layer.window}")
    error = max(distance(steered[leaves:], plain[leaves:]), distance(steered[: span.start], plain[: span.start]))
    demand(error <= floor, f"differs by {error:.1e} where no emphasis is visible")
    effects = (steered - plain)[span.start : leaves].abs().amax(-1)
    demand(bool((effects >= MOVED * floor).all()), f"moved by {effects.min():.1e} only where emphasis is visible")


def check_generate(
    model: PreTrainedModel, route: str, batch: Sample | None = None, *, mutant: Mutant = faithful, **options: Any
) -> None:
    """Demand that ``generate(**options)`` gives the oracle's answers and scores, and not the plain ones."""
    batch = batch or sample(model)
    prompt = {"input_ids": batch.prompt, "attention_mask": batch.real[:, : batch.plan.width].long()}
    settings = {
        "max_new_tokens": 8,
        "pad_token_id": 0,
        "output_scores": True,
        "return_dict_in_generate": True,
    } | options

    def run() -> Any:
        torch.manual_seed(0)
        return model.generate(**prompt, **settings)

    plain, expected = _steered(model, batch, None, faithful, run), _steered(model, batch, "reference", faithful, run)
    got = _steered(model, batch, route, mutant, run)
    demand(not torch.equal(expected.sequences, plain.sequences), "steering changed no answer: nothing was tested")
    demand(torch.equal(got.sequences, expected.sequences), "the answers are not the oracle's")
    if expected.scores:
        got_scores, expected_scores = (torch.stack(each.scores).nan_to_num() for each in (got, expected))
        visible = expected_scores > -1e30
        error = distance(got_scores[visible], expected_scores[visible])
        demand(error <= TOLERANCE, f"scores differ from the oracle's by {error:.1e}")


def _hidden(
    model: PreTrainedModel, batch: Sample, route: str | None, stop: int | None = None, mutant: Mutant = faithful
) -> Tensor:
    def run() -> Tensor:
        output = model(**batch.inputs(0, stop), output_hidden_states=True, use_cache=False)
        return torch.stack(output.hidden_states)

    states: Tensor = _steered(model, batch, route, mutant, run)
    return states


def _steered(model: PreTrainedModel, batch: Sample, route: str | None, mutant: Mutant, run: Callable[[], Any]) -> Any:
    with torch.no_grad():
        if route is None:
            return run()
        with Attachment(model, mutant(batch.plan), prompt=batch.prompt, route=route):
            return run()
