"""The embedded models inside vLLM, in float32, against our own engine: real weights, real words, shipped profiles."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from boldface.profiles.profile import Profile

pytestmark = [pytest.mark.vllm, pytest.mark.models, pytest.mark.slow]

TEXT = (
    "Mary Keller is a nurse in Ohio. She was born in Leeds in 1961 and came to Toledo when she was nine. Her father "
    "drove a bus, her mother kept the books of a small hotel by the river. She plays the cello, badly as she says, and "
    "has two dogs. In 1989 she was given a prize for a paper on how night shifts are planned. Answer as JSON with the "
    "keys name and occupation. Do not write anything else. The river floods every spring, and the hotel was sold."
)


@pytest.mark.parametrize(("name", "pages"), [("smollm2", 24), ("gemma", 72)])
def test_an_embedded_model(engine, check, ours, cases, name, pages):
    """Ten requests at once, again from the cache, in chunks, and with too few pages: the same answers each time."""
    import boldface

    loaded = boldface.load(name, dtype=torch.float32)
    folder, text = loaded.origin.place, loaded.tokenizer(TEXT * 2)["input_ids"][:150]
    del loaded
    model, profile = ours(folder), Profile.load(name)
    requests = [
        case if case.steering is None else replace(case, steering=replace(case.steering, gains=profile.gains))
        for case in cases(model.layers, model.heads, text=text)
    ]
    with engine(folder) as llm:
        check(llm, requests, model)
        again = check(llm, requests[::-1], model)
    assert sum(said.cached > 0 for said in again) >= 6
    with engine(folder, max_num_batched_tokens=48, num_gpu_blocks_override=pages, max_model_len=256) as llm:
        check(llm, requests, model)
