"""The two embedded models, end to end: exact on every route, visibly steered, and given back as they were."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
import torch
from torch import Tensor

import boldface
from boldface.attention.attach import Attachment
from boldface.engine.steer import Prepared, prepare
from boldface.testing import MUTANTS

PROMPT = (
    "Mary was born in Ohio and studied in Boston. For twenty years she has worked as a nurse in a small hospital, "
    "where she also trains new colleagues. She likes sailing. **Answer as JSON with the keys name and occupation.**\n"
)
ROUTES = ("fused", "sdpa", "folded", "split")


@pytest.fixture(scope="module", params=["smollm2", "gemma"])
def real(request: pytest.FixtureRequest) -> boldface.Model:
    """An embedded model with the profile it ships with."""
    return boldface.load(request.param)


def logits(model: boldface.Model, prepared: Prepared, route: str | None, plan: Any = None) -> Tensor:
    """Run the prompt once: (tokens, vocabulary)."""
    with torch.no_grad():
        if route is None:
            return model.model(**prepared.inputs, use_cache=False).logits[0]
        with Attachment(model.model, plan or prepared.plan, prompt=prepared.rows.ids, route=route):
            return model.model(**prepared.inputs, use_cache=False).logits[0]


def test_every_route_equals_the_oracle(real: boldface.Model) -> None:
    """Routes differ from the oracle by at most twice what plain eager and plain SDPA differ by."""
    prepared = prepare(real.model, real.tokenizer, [PROMPT])
    plain = logits(real, prepared, None)
    own = real.model.config._attn_implementation
    real.model.set_attn_implementation("eager")
    noise = (logits(real, prepared, None) - plain).abs().max()
    real.model.set_attn_implementation(own)
    tolerance = 2 * noise
    oracle = logits(real, prepared, "reference")

    assert (oracle - plain).abs().max() > 100 * tolerance
    for route in ROUTES:
        assert (logits(real, prepared, route) - oracle).abs().max() <= tolerance, route
    for name in ("no-op", "wrong head"):
        mutant = logits(real, prepared, "fused", MUTANTS[name](prepared.plan))
        assert (mutant - oracle).abs().max() > 100 * tolerance, name
    assert torch.equal(plain, logits(real, prepared, None))


def decode(model: boldface.Model, prepared: Prepared, steered: bool) -> tuple[Tensor, Tensor]:
    """Decode 16 tokens greedily: all ids, and the logits of every step (16, vocabulary)."""
    with ExitStack() as stack:
        if steered:
            stack.enter_context(Attachment(model.model, prepared.plan, prompt=prepared.rows.ids))
        output = model.model.generate(
            **prepared.inputs,
            max_new_tokens=16,
            min_new_tokens=16,
            do_sample=False,
            return_dict_in_generate=True,
            output_logits=True,
        )
    return output.sequences, torch.cat(output.logits)


def one_pass(model: boldface.Model, prepared: Prepared, ids: Tensor, plan: Any) -> Tensor:
    """Return the logits of the last 16 tokens from one pass of the oracle (plain without a plan)."""
    with ExitStack() as stack, torch.no_grad():
        if plan is not None:
            stack.enter_context(Attachment(model.model, plan, prompt=prepared.rows.ids, route="reference"))
        return model.model(ids, use_cache=False).logits[0, -17:-1]


def test_decoding_equals_one_pass(real: boldface.Model) -> None:
    """Step by step or in one pass, the logits agree as well as the plain model's; unlifted tokens would not do."""
    prepared = prepare(real.model, real.tokenizer, [PROMPT], rule="pasta")
    plain_ids, plain_steps = decode(real, prepared, steered=False)
    tolerance = 2 * (plain_steps - one_pass(real, prepared, plain_ids, None)).abs().max()
    ids, steps = decode(real, prepared, steered=True)

    assert (steps - one_pass(real, prepared, ids, prepared.plan)).abs().max() <= tolerance
    for mutant in MUTANTS.values():
        assert (steps - one_pass(real, prepared, ids, mutant(prepared.plan))).abs().max() > 100 * tolerance


def test_bold_is_read(real: boldface.Model) -> None:
    """The default profile changes a real answer; strength 0 does not."""
    plain = real.generate(PROMPT.replace("**", ""), max_new_tokens=24)
    zero = real.generate(PROMPT, strength=0, max_new_tokens=24)
    steered = real.generate(PROMPT, max_new_tokens=24)

    assert plain.ids == zero.ids
    assert plain.ids != steered.ids
    assert steered.report()["heads"]


def test_stop_strings_end_one_row_and_not_the_other(real: boldface.Model) -> None:
    """A row that ends at a stop string says so, and the other goes on as it would alone."""
    prompts = ["List three fruits. **One per line.**", "**Say hello** in five words"]
    free = real.generate(prompts, max_new_tokens=12, strength=0)
    mark = next(char for char in free[0].text[4:] if char not in free[1].text)

    first, second = real.generate(prompts, max_new_tokens=12, strength=0, stop_strings=[mark])

    assert free[0].text[: free[0].text.index(mark) + 1] == first.text[: free[0].text.index(mark) + 1]
    assert ("stop", free[1].finish_reason) == (first.finish_reason, second.finish_reason)
    assert len(first.ids) < len(free[0].ids)
    assert free[1].text == second.text


def test_streaming_a_chat(real: boldface.Model) -> None:
    """Pieces of a stream join to the answer."""
    assert real.generate(PROMPT, max_new_tokens=12).text == "".join(real.stream(PROMPT, max_new_tokens=12))


def test_config_is_the_models_own(real: boldface.Model) -> None:
    """What boldface knows about a model is not saved with it."""
    assert "boldface" not in real.model.config.to_json_string()
