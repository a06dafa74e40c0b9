"""Canaries of our own: prompts whose emphasis moves what a model expects, and some in which it should not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from boldface.emphasis.markup import parse
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.engine.heads import Selected
from boldface.engine.model import Model
from boldface.engine.scoring import continuation_logprobs, following, mean_logprob
from boldface.engine.steer import prepare
from boldface.errors import ModelError
from boldface.profiles.canary import Canary
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Scope
from boldface.steering.rules import Rule


class Probe(NamedTuple):
    """A canary that no model has read yet.

    Attributes:
        prompt: The text, without a chat template, so that base models read it as others do.
        spans: The emphasised characters, half-open ``(start, end)`` pairs.
        target: What should follow.
    """

    prompt: str
    spans: tuple[tuple[int, int], ...]
    target: str


_MARY = "Mary Doyle grew up in Ohio and has worked as a nurse for twenty years. At weekends she goes sailing."
_TOM = "Tom Berg lives near the harbour with two dogs. He is a carpenter, and his sister sells the chairs he makes."
_OBEYED = (
    (f"{_MARY}\n**Answer with the name and the occupation as JSON.**\n", '{"name": "Mary Doyle"'),
    (f"{_MARY}\n**Write her name and her occupation in CAPITAL LETTERS.**\n", "MARY DOYLE"),
    ("Is the sky blue? **Begin your answer with the word Certainly.** End it with a question.\n", "Certainly"),
    (
        "She packed her bag and took her bike to work.\n"
        "**Write the text again with they and their instead of she and her.**\n",
        "They packed their bag",
    ),
    (
        "**Lena Ortiz trained as an architect.** She has three children, plays the cello and writes about birds.\n"
        "Lena Ortiz has the occupation of",
        " architect",
    ),
    (
        f"{_TOM}\n**Write name and occupation as a JSON object.** "
        "Write name and occupation as a list of bullet points.\n",
        '{"name":',
    ),
    (
        f"{_TOM}\nWrite name and occupation as a JSON object. "
        "**Write name and occupation as a list of bullet points.**\n",
        "- Name:",
    ),
    (
        "Paul Nowak was born in Gdansk, the son of a baker. **He became a pilot** and later wrote two novels.\n"
        "Paul Nowak has the occupation of",
        " pilot",
    ),
    (
        "Paul Nowak was born in Gdansk, **the son of a baker**. He became a pilot and later wrote two novels.\n"
        "The father of Paul Nowak had the occupation of",
        " baker",
    ),
    (
        "Last year **the museum opened at nine**. This year the museum opens at eleven.\nThe museum opens at",
        " nine",
    ),
    (
        "Last year the museum opened at nine. This year **the museum opens at eleven**.\nThe museum opens at",
        " eleven",
    ),
    (
        "The first letter says that **the parcel is in Madrid**. The second letter says that the parcel is in Cairo.\n"
        "The parcel is in the city of",
        " Madrid",
    ),
    (
        "The first letter says that the parcel is in Madrid. The second letter says that **the parcel is in Cairo**.\n"
        "The parcel is in the city of",
        " Cairo",
    ),
    (
        "Anna says that **the door is red**. Ben says that the door is green. Carla says that the door is white.\n"
        "The colour of the door is",
        " red",
    ),
    (
        "Anna says that the door is red. Ben says that **the door is green**. Carla says that the door is white.\n"
        "The colour of the door is",
        " green",
    ),
    (
        "Anna says that the door is red. Ben says that the door is green. Carla says that **the door is white**.\n"
        "The colour of the door is",
        " white",
    ),
)
"""Where the emphasis should make the target likelier; several prompts stand there once for either side."""
_CALM = (
    (
        "Here are the numbers **from one to twelve**: one, two, three, four, five, six,",
        " seven, eight, nine, ten, eleven, twelve",
    ),
    ("The days of **the week** are Monday, Tuesday, Wednesday, Thursday,", " Friday, Saturday, Sunday"),
)
"""Where it should change nothing."""


def _probe(markup: str, target: str) -> Probe:
    text = parse(markup)
    return Probe(text.text, tuple((span.start, span.end) for span in text.spans), target)


OBEYED = tuple(_probe(*written) for written in _OBEYED)
"""Those of them in which the emphasis should do something."""
PROBES = (*OBEYED, *(_probe(*written) for written in _CALM))
"""The canaries of profiles that are made without others."""


def measure(
    model: Model,
    gains: HeadGains,
    strength: float,
    scope: Scope = "all",
    probes: Sequence[Probe | Canary] = PROBES,
    *,
    rule: Rule = "pasta",
) -> tuple[Canary, ...]:
    """Return how likely a model finds the targets without and with a profile's gains.

    Every prompt is read alone, so that the figures of one canary do not depend, not even in their last bits, on which
    others there are.

    Args:
        model: The model.
        gains: Gain of every steered head.
        strength: Strength in nats.
        scope: Which queries are steered.
        probes: What is asked; our own prompts unless given. Of canaries it is asked anew.
        rule: What the bias is.

    Raises:
        ModelError: The model gives numbers that are not finite.
        BoldfaceError: The heads are not this model's, or a prompt or target cannot be put to it.
    """
    steered = Selected(gains, strength, scope, rule)
    return tuple(_measured(model, steered, probe) for probe in probes)


def _measured(model: Model, steered: Selected, probe: Probe | Canary) -> Canary:
    plain = EmphasisedText(probe.prompt)
    bold = EmphasisedText(probe.prompt, tuple(CharSpan(start, end) for start, end in probe.spans))
    tokens = following(model.tokenizer, probe.target, probe.prompt)
    found = [_read(model, prompt, tokens, steered) for prompt in (plain, bold)]
    return Canary(probe.prompt, tuple(probe.spans), probe.target, *found)


def _read(model: Model, prompt: EmphasisedText, tokens: list[int], steered: Selected) -> float:
    prepared = prepare(
        model.model,
        model.tokenizer,
        [prompt],
        heads=steered.gains,
        strength=steered.strength,
        scope=steered.scope,
        rule=steered.rule,
        room=len(tokens),
    )
    (logprobs,) = continuation_logprobs(model, prepared, [tokens])
    found = float(mean_logprob(logprobs, tokens))
    if not math.isfinite(found):
        raise ModelError(
            f"After {prompt.text[:40]!r} the model's log-probabilities are not finite numbers.",
            "Load it in bfloat16 or float32: float16 ends at 65 504.",
        )
    return found
