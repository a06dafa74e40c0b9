"""Engines of vLLM in this process, tiny models for them, and what our own engine says to the same requests."""

from __future__ import annotations

import gc
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
import torch

from boldface.emphasis.span import TokenSpan
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import Steering, build_plan

ANSWER = 20
"""Tokens of every answer."""

TINY = {
    "vocab_size": 256,
    "hidden_size": 96,
    "intermediate_size": 96,
    "max_position_embeddings": 2048,
    "initializer_range": 0.2,
    "bos_token_id": None,
    "eos_token_id": 0,
    "pad_token_id": 0,
}


@dataclass(frozen=True)
class Case:
    """A request: its prompt, and how it is steered."""

    ids: list[int]
    steering: Steering | None


@dataclass(frozen=True)
class Said:
    """An answer: its tokens, their log-probabilities, and how much of the prompt came from the cache."""

    tokens: list[int]
    logprobs: list[float]
    cached: int


@pytest.fixture(scope="session")
def llama(tmp_path_factory):
    """A folder of a tiny llama with heads of 64, six for two of keys."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(3)
    config = LlamaConfig(num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2, head_dim=64, **TINY)
    return _saved(LlamaForCausalLM(config), tmp_path_factory.mktemp("llama"))


@pytest.fixture(scope="session")
def gemma_like(tmp_path_factory):
    """A folder of a tiny Gemma 3: heads of 256, and every other layer sees 24 tokens."""
    from transformers import Gemma3ForCausalLM, Gemma3TextConfig

    torch.manual_seed(3)
    config = Gemma3TextConfig(
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=1,
        head_dim=256,
        sliding_window=24,
        layer_types=["sliding_attention", "full_attention"] * 2,
        query_pre_attn_scalar=256,
        **TINY,
    )
    model = Gemma3ForCausalLM(config)
    with torch.no_grad():
        for layer in model.model.layers:
            layer.self_attn.q_norm.weight.fill_(8)  # sharper, so that attention decides something
    return _saved(model, tmp_path_factory.mktemp("gemma"))


def _saved(model, folder):
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def cases():
    """Make ten requests that begin alike: steered in many ways, every fourth of them plain."""
    return make_cases


def make_cases(layers: int, heads: int, *, most: int = 150, text: list[int] | None = None) -> list[Case]:
    dice = random.Random(0)
    beginning = text or [dice.randrange(3, 250) for _ in range(most)]
    made = []
    for index, length in enumerate((20, 37, 70, most, 41, 64, 90, 33, 130, 25)):
        ids = beginning[: length - 5] + [dice.randrange(3, 250) for _ in range(5)]
        first = dice.randrange(3, length - 12)
        spans = (
            TokenSpan(first, first + 4, dice.choice((4.6, 2.0, -3.0))),
            TokenSpan(first + 6, first + 9, dice.choice((1.5, -1.0))),
        )
        gains = HeadGains(
            {
                (layer, head): dice.choice((1.0, 0.5, -0.7, 1.3))
                for layer in range(layers)
                for head in range(heads)
                if dice.random() < 0.6
            }
        )
        rule, scope = "flat" if index % 5 == 4 else "pasta", "answer" if index % 4 == 2 else "all"
        made.append(Case(ids, None if index % 4 == 3 else Steering(spans, gains, scope, rule)))
    return made


@pytest.fixture(scope="session")
def engine():
    """Start an engine of vLLM in this process, for the length of a ``with`` block."""
    os.environ["BOLDFACE_VLLM"], os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1", "0"
    return start


@contextmanager
def start(folder: Any, **options: Any) -> Iterator[Any]:
    from vllm import LLM
    from vllm.distributed import cleanup_dist_env_and_memory

    usual = {"dtype": "float32", "enforce_eager": True, "max_num_seqs": 16, "block_size": 32, "max_model_len": 1024}
    llm = LLM(str(folder), skip_tokenizer_init=True, **usual | options)
    try:
        yield llm
    finally:
        llm.llm_engine.engine_core.shutdown()
        del llm
        cleanup_dist_env_and_memory()
        gc.collect()


@pytest.fixture(scope="session")
def ask():
    """Ask an engine all requests at once."""
    return ask_all


def ask_all(llm: Any, cases: list[Case]) -> list[Said]:
    from vllm import SamplingParams

    from boldface.vllm import wire

    params = [
        SamplingParams(
            temperature=0,
            max_tokens=ANSWER,
            logprobs=0,
            detokenize=False,
            ignore_eos=True,
            extra_args=None if case.steering is None else {wire.KEY: wire.write(case.steering)},
        )
        for case in cases
    ]
    outputs = llm.generate([{"prompt_token_ids": case.ids} for case in cases], params, use_tqdm=False)
    said = []
    for output in outputs:
        answer = output.outputs[0]
        scores = [scored[token].logprob for token, scored in zip(answer.token_ids, answer.logprobs, strict=True)]
        said.append(Said(list(answer.token_ids), scores, output.num_cached_tokens or 0))
    return said


class Ours:
    """Our own engine on the same weights, in float32: one pass over prompt and answer."""

    def __init__(self, folder: Any) -> None:
        from transformers import AutoModelForCausalLM

        from boldface.attention.geometry import geometry

        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.layers = len(geometry(self.model).heads)
        self.heads = geometry(self.model).heads[0]

    def logprobs(self, case: Case, tokens: list[int], *, steered: bool = True) -> torch.Tensor:
        """Return what every place of the answer holds for likely: (answer, vocabulary)."""
        from boldface.attention.attach import Attachment
        from boldface.attention.geometry import geometry

        steering = case.steering if steered else None
        plan = None
        if steering is not None:
            plan = build_plan([steering], [len(case.ids)], geometry(self.model).heads)
        with torch.no_grad(), nullcontext() if plan is None else Attachment(self.model, plan):
            logits = self.model(torch.tensor([case.ids + tokens])).logits[0, len(case.ids) - 1 : -1]
        return logits.float().log_softmax(-1)

    def off(self, case: Case, said: Said, *, steered: bool = True) -> float:
        """Return how far log-probabilities of an answer are off, at most; infinite where a token is not the likeliest.

        A token counts as the likeliest where it is so up to rounding.
        """
        ours = self.logprobs(case, said.tokens, steered=steered)
        chosen = ours.gather(1, torch.tensor(said.tokens)[:, None])[:, 0]
        if (ours.amax(-1) - chosen).max() > 1e-3:
            return float("inf")
        return float((chosen - torch.tensor(said.logprobs)).abs().max())


@pytest.fixture(scope="session")
def ours():
    """Make our own engine of a folder."""
    return Ours


@pytest.fixture(scope="session")
def check():
    """Check that all answers of an engine are right, and that steering moved every steered one; return them."""

    def right(llm: Any, cases: list[Case], model: Ours, close: float = 1e-4) -> list[Said]:
        answers = ask_all(llm, cases)
        pairs = list(zip(cases, answers, strict=True))
        assert max(model.off(case, said) for case, said in pairs) < close
        assert sum(case.steering is not None for case in cases) >= 6
        assert min(model.off(case, said, steered=False) for case, said in pairs if case.steering) > 10 * close
        return answers

    return right
