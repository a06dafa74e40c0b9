"""vLLM's answers against our own engine's, whatever vLLM does beside: the run matrix."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def model(ours, llama):
    return ours(llama)


@pytest.fixture(scope="module")
def requests(cases, model):
    return cases(model.layers, model.heads)


def test_a_mixed_batch_and_again_from_the_cache(engine, check, llama, model, requests):
    """Ten requests, eight ways to steer; then in reverse order, so that each finds what others left in the cache."""
    with engine(llama) as llm:
        check(llm, requests, model)
        again = check(llm, requests[::-1], model)
    assert sum(said.cached > 0 for said in again) >= 6


def test_plain_requests_share_what_stands_before_the_emphasis(engine, ask, llama, model, requests):
    """A plain request finds the blocks before the first emphasised token of a steered one, and no others."""
    case = max((case for case in requests if case.steering), key=lambda case: case.steering.spans[0].start)
    first = case.steering.spans[0].start
    assert first > 32
    with engine(llama) as llm:
        ask(llm, [case])
        (plain,) = ask(llm, [type(case)(case.ids, None)])
        assert plain.cached == first // 32 * 32
        assert model.off(type(case)(case.ids, None), plain) < 1e-4


def test_without_keys_answers_are_wrong(engine, ask, llama, model, requests, monkeypatch):
    """The negative control: if blocks were hashed by their tokens alone, requests would get the steering of others."""
    from boldface.vllm.prefix_keys import Keys

    monkeypatch.setattr(Keys, "of", lambda self, start, end: None)
    with engine(llama) as llm:
        ask(llm, requests)
        answers = ask(llm, requests[::-1])
    wrong = [model.off(case, said) > 0.01 for case, said in zip(requests[::-1], answers, strict=True)]
    assert sum(wrong) >= 3


def test_without_a_prefix_cache(engine, check, llama, model, requests):
    """Nothing is shared, and nothing depends on sharing."""
    with engine(llama, enable_prefix_caching=False) as llm:
        assert not any(said.cached for said in check(llm, requests, model))


@pytest.mark.parametrize("block", [96, 128])
def test_large_blocks(engine, check, llama, model, requests, block):
    """Whole blocks are hashed and shared."""
    with engine(llama, block_size=block) as llm:
        check(llm, requests, model)
        again = check(llm, requests[::-1], model)
    assert {said.cached for said in again} == {0, block}


def test_in_chunks(engine, check, llama, model, requests):
    """Prompts are read 24 tokens a step, beside others that decode."""
    with engine(llama, max_num_batched_tokens=24) as llm:
        check(llm, requests, model)


def test_preempted(engine, check, llama, model, requests, monkeypatch):
    """The cache is too small for all: some lose their pages and are computed again, generated tokens included."""
    from vllm.v1.core.sched.scheduler import Scheduler

    lost, original = [], Scheduler._preempt_request
    monkeypatch.setattr(
        Scheduler,
        "_preempt_request",
        lambda self, request, *rest, **more: (lost.append(request), original(self, request, *rest, **more))[1],
    )
    with engine(llama, num_gpu_blocks_override=20, max_model_len=256, enable_prefix_caching=False) as llm:
        check(llm, requests, model)
    assert any(request.num_output_tokens for request in lost)


@pytest.mark.parametrize("backend", ["eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled(engine, check, llama, model, requests, monkeypatch, backend):
    """Through torch.compile: vLLM's eager backend takes what dynamo found, inductor writes C++ of it."""
    monkeypatch.setenv("VLLM_CPU_CI_ENV", str(int(backend == "eager")))
    with engine(llama, enforce_eager=False) as llm:
        assert llm.llm_engine.vllm_config.compilation_config.backend == backend
        check(llm, requests, model)
        check(llm, requests[::-1], model)


def test_windows_and_wide_heads(engine, check, ours, gemma_like, cases):
    """The emphasis leaves the window of every other layer while the answer is written; heads of 256 become 512."""
    model = ours(gemma_like)
    requests = cases(model.layers, model.heads)
    with engine(gemma_like) as llm:
        check(llm, requests, model)
    with engine(gemma_like, max_num_batched_tokens=24) as llm:
        check(llm, requests, model)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sixteen_bits(engine, ask, llama, model, requests, dtype):
    """Steered answers are off by what 16 bits do to plain ones, and no more."""
    with engine(llama, dtype=dtype) as llm:
        answers = ask(llm, requests)
    off = {True: [], False: []}
    for case, said in zip(requests, answers, strict=True):
        ours = model.logprobs(case, said.tokens)
        errors = [
            abs(float(ours[place, token]) - score)
            for place, (token, score) in enumerate(zip(said.tokens, said.logprobs, strict=True))
        ]
        off[case.steering is not None].append(sum(errors) / len(errors))
    assert max(off[True]) < 4 * max(off[False])
