"""SmolLM2 behind a scheduler: greedy answers of a mixed batch are those of ``Model.generate``."""

from __future__ import annotations

import pytest
import torch

import boldface
from boldface.engine.batching import Request, Sampling, Scheduler
from boldface.engine.steer import prepare

PROMPTS = [
    "Mary was born in Ohio. She is a nurse. **Answer as JSON with the keys name and occupation.**",
    "Name three rivers of Europe.",
    "Tom likes tea, Ann likes coffee. **Write about Ann only.**",
    "Write one sentence about **the sea**, and one about [mountains]{x=0.2}.",
]
TOKENS = 24


@pytest.mark.models
@pytest.mark.slow
@pytest.mark.parametrize(("dtype", "tie"), [(torch.float32, 1e-3), (torch.bfloat16, 0.3)], ids=["float32", "bfloat16"])
def test_answers_are_those_of_generate(tools, dtype, tie):
    """But for what follows a step where the two best tokens are closer than rounding, and visibly steered."""
    model = boldface.load("smollm2", dtype=dtype)
    prepared = [prepare(model.model, model.tokenizer, [prompt], chat=True) for prompt in PROMPTS]
    expected = [model.generate(prompt, max_new_tokens=TOKENS) for prompt in PROMPTS]
    wanted = [Request(one.rows.prompts[0], one.steerings[0], Sampling(max_tokens=TOKENS)) for one in prepared]
    scheduler = Scheduler(model, chunk=20)
    scheduler.start()
    heard = [tools.ask(scheduler, one) for one in (*wanted, wanted[0])]
    lasts = [one.last() for one in heard]
    scheduler.stop()
    for request, answer, generation in zip((*wanted, wanted[0]), heard, (*expected, expected[0]), strict=True):
        assert tools.of.same(model, request, answer.ids, generation.ids, tie)
        if answer.ids == generation.ids:
            assert answer.text == generation.text
    assert expected[0].text.lstrip().startswith(("{", "```")), "the sample prompt shows no steering"
    assert lasts[0].usage.prompt_tokens == len(expected[0].prompt.ids)
    assert set(lasts[0].routes) == set(expected[0].steering.gains.layers)
