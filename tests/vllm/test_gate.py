"""Bad requests: refused with the reason where they come in, and none of them takes the engine down."""

from __future__ import annotations

import json
from importlib import import_module
from itertools import product
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from boldface.errors import BoldfaceError

pytestmark = pytest.mark.vllm

HEADS = {0: 6, 1: 6, 2: 6}
BAD = {
    "{": "not JSON",
    '{"spans":[[0,9999]],"heads":"L0H0"}': "beyond the prompt",
    '{"spans":[[0,1]],"heads":"L99H0"}': "layer 99",
    '{"spans":[[0,1]],"heads":"L0H6"}': "query heads",
    '{"spans":[[0,1]]}': "no head is named",
    '{"spans":[[0,1],[0,2]],"heads":"L0H0"}': "overlap",
    '{"spans":[[0,1]],"heads":"L0H0=29"}': "cap",
    '{"spans":[[0,1]],"rule":"share","share":0.2,"heads":"L0H0"}': "share",
    '{"spans":[[0,1]],"profile":"no such"}': "no shipped profile",
    '{"spans":[[0,1]],"profile":"smollm2"}': "another shape",
    '{"spans":[[0,1]],"heads":"L0H0","prompt":"0011223344556677"}': "another prompt",
    "7": "no object",
}


def asked(text, ids=(5, 6, 7, 8), **more):
    """A request as vLLM's front end hands it on."""
    params = SimpleNamespace(extra_args={"boldface": text, "other": 1})
    usual = {"prompt_token_ids": list(ids), "prompt_embeds": None, "resumable": False}
    return SimpleNamespace(sampling_params=params, **usual | more)


def test_what_passes_is_resolved():
    """Nothing is left to look up; what others have said stays, and the caller's own arguments are not touched."""
    from boldface.vllm import gate, shape

    request = asked('{"spans":[[1,3]],"heads":"L0H0","alpha":0.5}')
    args = request.sampling_params.extra_args
    gate.admit(request, HEADS)
    passed = request.sampling_params.extra_args
    assert passed["other"] == 1 and passed is not args and "alpha" in args["boldface"]
    assert shape.check(passed["boldface"], 4, HEADS).spans[0].strength == pytest.approx(0.6931472)
    gate.check(request, HEADS)


@pytest.mark.parametrize("text", ["{}", '{"spans":[[0,1,0]],"heads":"L0H0"}', '{"heads":"L0H0"}'])
def test_what_changes_nothing_is_taken_out(text):
    """A plain request shares its blocks with everybody."""
    from boldface.vllm import gate

    request = asked(text)
    gate.admit(request, HEADS)
    assert request.sampling_params.extra_args == {"other": 1}


@pytest.mark.parametrize("more", [{"resumable": True}, {"prompt_embeds": torch.zeros(4, 8)}])
def test_prompts_that_are_not_whole_tokens_are_refused(more):
    """Spans are of tokens, and the prompt has to be known when it is steered."""
    from vllm.exceptions import VLLMValidationError

    from boldface.vllm import gate

    request = asked('{"spans":[[0,1]],"heads":"L0H0"}', **more)
    with pytest.raises(VLLMValidationError):
        gate.admit(request, HEADS)
    with pytest.raises(BoldfaceError):
        gate.check(request, HEADS)


NUMBERS = st.integers(-2, 7) | st.floats() | st.none() | st.booleans() | st.integers()
FIELDS = {
    "spans": st.lists(st.lists(NUMBERS, max_size=4) | NUMBERS, max_size=3),
    "heads": st.dictionaries(st.sampled_from("0123x"), st.lists(NUMBERS, max_size=3), max_size=3)
    | st.dictionaries(st.sampled_from("012"), st.dictionaries(st.sampled_from("0125"), NUMBERS, max_size=3))
    | st.text(max_size=6),
    "scope": st.sampled_from(("all", "answer", "x")),
    "rule": st.sampled_from(("pasta", "flat", "share", 1)),
    "share": NUMBERS,
    "strength": NUMBERS,
    "profile": st.text(max_size=5) | st.sampled_from(("smollm2", "../smollm2", "smollm2.json")),
    "version": st.just(1),
}


@settings(max_examples=400)
@given(st.fixed_dictionaries({}, optional=FIELDS).map(json.dumps) | st.text() | NUMBERS)
def test_what_passes_cannot_fail_in_a_worker(text):
    """Whatever a request says: it is refused here, or everything that engine and workers do with it succeeds."""
    from vllm.exceptions import VLLMValidationError

    from boldface.vllm import gate, prefix_keys
    from boldface.vllm.staging import Staging
    from boldface.vllm.table import Table

    request = asked(text)
    try:
        gate.admit(request, HEADS)
    except VLLMValidationError as error:
        assert str(error)
        return
    said = gate.said(request)
    if said is None:
        return
    gate.check(request, HEADS)
    for start in range(8):
        prefix_keys.keys(said, 4).of(start, start + 2)
    ranks = (range(3), range(6)), (range(3), range(3, 6)), (range(1, 3), range(6))
    for dtype, (layers, heads) in product((torch.float32, torch.bfloat16, torch.float16), ranks):
        staging = Staging(Table(1, layers, [0.125] * len(layers), heads, dtype))
        numbers = torch.tensor([4, 0, 6])[:, None].numpy()
        staging.stage([said], *numbers)
        assert staging.keys.isfinite().all() and staging.queries(0, 2).isfinite().all()


PROTOCOLS = {
    "openai.chat_completion": "ChatCompletionRequest",
    "openai.completion": "CompletionRequest",
    "speech_to_text.transcription": "TranscriptionRequest",
    "speech_to_text.translation": "TranslationRequest",
}


@pytest.mark.parametrize("place", PROTOCOLS)
def test_beams_with_a_steering_are_refused(monkeypatch, place):
    """VLLM drops the arguments of a request that wants beams; without a steering it gets them."""
    from vllm.exceptions import VLLMValidationError

    from boldface.vllm import plugin

    monkeypatch.setenv("BOLDFACE_VLLM", "1")
    plugin.register()
    asked = getattr(import_module(f"vllm.entrypoints.{place}.protocol"), PROTOCOLS[place]).model_construct
    with pytest.raises(VLLMValidationError, match="Beams are not steered"):
        asked(vllm_xargs={"boldface": "{}"}).to_beam_search_params(4, {})
    assert asked(vllm_xargs={"other": 1}).to_beam_search_params(4, {}).max_tokens == 4


def test_an_engine_outlives_bad_requests(engine, ask, llama, ours, cases):
    """The front end refuses each with its reason, the engine those that a front end lets pass; others go on."""
    from vllm import SamplingParams
    from vllm.exceptions import VLLMValidationError

    model = ours(llama)
    requests = cases(model.layers, model.heads)[:4]
    with engine(llama) as llm:
        for text, reason in BAD.items():
            params = SamplingParams(max_tokens=2, detokenize=False, extra_args={"boldface": text})
            with pytest.raises(VLLMValidationError, match=reason):
                llm.generate({"prompt_token_ids": requests[0].ids}, params, use_tqdm=False)
        for text in (*BAD, "{}"):
            if '"prompt"' in text:  # which is the front end's alone
                continue
            with pytest.raises(BoldfaceError):
                llm.llm_engine.engine_core.engine_core.preprocess_add_request(asked(text))
        assert all(model.off(case, said) < 1e-4 for case, said in zip(requests, ask(llm, requests), strict=True))
