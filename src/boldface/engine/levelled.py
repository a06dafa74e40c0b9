"""The levels of a batch that ``Model.generate`` answers, and what cannot be had with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import StoppingCriteriaList, StopStringCriteria

from boldface.engine.steer import Prepared
from boldface.engine.thinking import Thinking
from boldface.errors import ModelError
from boldface.steering.levels import Levels
from boldface.steering.plan import Steering


def levels_of(prepared: Prepared, tokenizer: Any) -> Levels | None:
    """Return the levels of a batch; None where every query of every row is steered wholly, always."""
    steerings = prepared.steerings
    if not any(_changes(steering) for steering in steerings):
        return None
    rows = zip(steerings, prepared.rows.prompts, strict=True)
    follow = [
        None if steering.phases is None else Thinking(steering.phases, prompt.text, tokenizer)
        for steering, prompt in rows
    ]
    levels = Levels(
        [steering.reading for steering in steerings],
        [_always if one is None else one for one in follow],
        [steering.release if _is_measured(steering) else None for steering in steerings],
    )
    for level, one in zip(levels.rows, follow, strict=True):
        level.phase = 1.0 if one is None else one.level
    return levels


def check_single(options: Mapping[str, Any], default: Any) -> None:
    """Refuse what writes more than one answer a row, or more than one token a step.

    Args:
        options: What was said to ``generate``.
        default: The model's generation config, which says what they do not.

    Raises:
        ModelError: With what stands in the way.
    """
    config = options.get("generation_config") or default

    def said(name: str) -> Any:
        return options.get(name, getattr(config, name, None))

    reason = (
        "beams and several answers"
        if (said("num_beams") or 1) > 1 or (said("num_return_sequences") or 1) > 1
        else "an assistant"
        if options.get("assistant_model") is not None or said("prompt_lookup_num_tokens")
        else "use_cache=False"
        if said("use_cache") is False
        else "custom_generate"
        if options.get("custom_generate") is not None
        else None
    )
    if reason is not None:
        raise ModelError(
            f"What is steered from token to token, by phases, a gate or a release, cannot be had with {reason}.",
            "Leave it out; several answers are as many prompts of a batch.",
        )


def is_gated(prepared: Prepared) -> bool:
    """Whether some row has a gate at work."""
    return any(steering.gate is not None and not steering.is_null for steering in prepared.steerings)


def with_gate(options: Mapping[str, Any], gating: Any, tokenizer: Any) -> dict[str, Any]:
    """Return the options of transformers' ``generate`` that run a gated decoding.

    A decoding of one's own gets no tokenizer for texts that end an answer, so these become what does without.

    Raises:
        ModelError: For what is told of every token and may remember it: a gate asks several times for one.
    """
    options = dict(options)
    if told := [name for name in ("logits_processor", "watermarking_config") if options.get(name)]:
        raise ModelError(f"A gate tries tokens more than once, which {told[0]} would hear.", "Leave one of them out.")
    strings = options.pop("stop_strings", None)
    if strings:
        criteria = [*(options.get("stopping_criteria") or []), StopStringCriteria(tokenizer, strings)]
        options["stopping_criteria"] = StoppingCriteriaList(criteria)
    return options | {"custom_generate": gating}


def _changes(steering: Steering) -> bool:
    parts = (steering.phases, steering.gate, steering.release)
    return not steering.is_null and any(part is not None for part in parts)


def _is_measured(steering: Steering) -> bool:
    """Whether some head lifts something, whose mass can be looked at."""
    return not steering.is_null and any(gain > 0 for gain in steering.gains.values())


def _always(token: int) -> float:
    return 1.0
