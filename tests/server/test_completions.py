"""Completions: texts and tokens in, the words of the model's own ``generate`` out, scores for evaluation harnesses."""

from __future__ import annotations

import math
from typing import Any

import httpx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

CHEAP = settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="<|>"), min_size=1, max_size=20)


def completed(http: httpx.Client, prompt: Any, **body: Any) -> Any:
    """The answer to a completion."""
    answer = http.post("/v1/completions", json={"prompt": prompt, "temperature": 0, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def logprobs(model: Any, ids: list[int]) -> torch.Tensor:
    """What the plain model thinks of every next token: (tokens, vocabulary)."""
    with torch.no_grad():
        return model.model(torch.tensor([ids])).logits[0].float().log_softmax(dim=-1)


@CHEAP
@given(text=WORDS)
def test_text_and_its_tokens_are_the_same_prompt(text: str, http: httpx.Client, tiny_model: Any) -> None:
    """A text, its ids, and a list with either give the words of the model's own generate, without a template."""
    from boldface.emphasis.span import EmphasisedText

    ids = tiny_model.tokenizer(text).input_ids
    alone = tiny_model.generate(EmphasisedText(text), raw=True, max_new_tokens=5).text

    for prompt in (text, [text], ids, [ids]):
        choices = completed(http, prompt, max_tokens=5)["choices"]
        assert [choice["text"] for choice in choices] == [alone]


def test_several_prompts_are_answered_in_order(http: httpx.Client) -> None:
    """Choices of one prompt stand side by side, as each would be answered alone."""
    alone = [completed(http, text, max_tokens=4)["choices"][0]["text"] for text in ("one", "two", "six")]

    choices = completed(http, ["one", "two", "six"], max_tokens=4, n=2)["choices"]

    assert [choice["index"] for choice in choices] == list(range(6))
    assert [choice["text"] for choice in choices] == [text for text in alone for _ in range(2)]


def test_the_default_is_sixteen_tokens(http: httpx.Client) -> None:
    """As OpenAI has it."""
    assert completed(http, "Hello")["usage"]["completion_tokens"] == 16


@CHEAP
@given(ids=st.lists(st.integers(3, 258), min_size=1, max_size=30), best=st.integers(0, 3))
def test_echoed_prompts_are_scored_by_the_model(ids: list[int], best: int, http: httpx.Client, tiny_model: Any) -> None:
    """Every token but the first has the log-probability that one forward over the whole prompt gives it."""
    expected = logprobs(tiny_model, ids)[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]

    choice = completed(http, ids, echo=True, logprobs=best, max_tokens=0)["choices"][0]

    scores = choice["logprobs"]
    assert choice["text"] == tiny_model.tokenizer.decode(ids)
    assert scores["token_logprobs"][0] is None
    assert scores["token_logprobs"][1:] == pytest.approx(expected.tolist(), abs=1e-4)
    assert scores["text_offset"] == sorted(scores["text_offset"])
    if best:
        assert scores["top_logprobs"][0] is None
        assert all(1 <= len(top) <= best for top in scores["top_logprobs"][1:])
    else:
        assert scores["top_logprobs"] is None


def test_long_prompts_are_scored_in_chunks(http: httpx.Client, tiny_model: Any) -> None:
    """Where one chunk ends and the next begins nothing changes."""
    ids = [3 + (7 * place) % 250 for place in range(600)]
    expected = logprobs(tiny_model, ids)[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]

    scores = completed(http, [ids], echo=True, logprobs=1, max_tokens=0)["choices"][0]["logprobs"]

    assert scores["token_logprobs"][1:] == pytest.approx(expected.tolist(), abs=1e-3)


def test_an_emphasised_prompt_is_scored_as_it_is_steered(http: httpx.Client) -> None:
    """Scores before the first emphasised token are the plain model's (the prefix law), later ones are not."""
    body = {"echo": True, "logprobs": 0, "max_tokens": 0}
    plain = completed(http, "Hello big world", **body)["choices"][0]["logprobs"]["token_logprobs"]

    answer = completed(http, "Hello big world", **body, boldface={"spans": [{"substring": "big"}], "x": 1000})

    scores = answer["choices"][0]["logprobs"]["token_logprobs"]
    assert scores[1:7] == pytest.approx(plain[1:7], abs=1e-5)
    assert scores[10:] != pytest.approx(plain[10:], abs=1e-3)
    assert [token["text"] for token in answer["boldface"]["tokens"]] == ["big"]


def test_echo_stands_before_the_answer(http: httpx.Client) -> None:
    """Whole and streamed, with scores and without."""
    import json

    alone = completed(http, "Hello", max_tokens=4)["choices"][0]["text"]
    body = {"prompt": "Hello", "temperature": 0, "max_tokens": 4, "echo": True}

    scored = completed(http, "Hello", max_tokens=4, echo=True, logprobs=2)["choices"][0]
    with http.stream("POST", "/v1/completions", json={**body, "stream": True, "logprobs": 2}) as answer:
        lines = [line[6:] for line in answer.iter_lines() if line.startswith("data: {")]
    choices = [json.loads(line)["choices"][0] for line in lines]

    assert completed(http, "Hello", max_tokens=4, echo=True)["choices"][0]["text"] == "Hello" + alone
    assert "".join(choice["text"] for choice in choices) == scored["text"] == "Hello" + alone
    for name in ("tokens", "token_logprobs", "text_offset", "top_logprobs"):
        streamed = [one for choice in choices for one in choice["logprobs"][name]]
        if name != "token_logprobs" and name != "top_logprobs":
            assert streamed == scored["logprobs"][name]
    assert len(scored["logprobs"]["tokens"]) == 9


def test_of_several_prompts_each_tells_what_was_steered(http: httpx.Client) -> None:
    """A span names its prompt; what was steered stands at every choice."""
    spans = [{"message": 1, "substring": "two"}, {"message": 0, "substring": "ne", "x": 2}]

    answer = completed(http, ["one", "two"], max_tokens=2, boldface={"spans": spans})

    assert "boldface" not in answer
    told = [choice["boldface"]["tokens"][0] for choice in answer["choices"]]
    assert [(one["text"], round(one["strength"], 3)) for one in told] == [("ne", round(math.log(2), 3)), ("two", 3.0)]


class Harness:
    """Asks and reads as evaluation harnesses do that know nothing of emphasis: token ids in, one more token out."""

    def __init__(self, http: httpx.Client, tokenizer: Any) -> None:
        self.http, self.tokenizer = http, tokenizer

    def loglikelihoods(self, pairs: list[tuple[str, str]]) -> list[tuple[float, bool]]:
        """Log-likelihood of every continuation, and whether it is what greedy decoding writes."""
        rows, contexts = [], []
        for context, continuation in pairs:
            known, both = (self.tokenizer(text).input_ids for text in (context, context + continuation))
            rows.append(both)
            contexts.append(len(known))
        asked = {"model": "bytes", "prompt": rows, "temperature": 0, "max_tokens": 1, "logprobs": 1, "seed": 1234}
        answer = self.http.post("/v1/completions", json={**asked, "echo": True}).raise_for_status().json()
        found = []
        for choice, start in zip(sorted(answer["choices"], key=lambda one: one["index"]), contexts, strict=True):
            scores = choice["logprobs"]
            chosen, best = scores["token_logprobs"][start:-1], scores["top_logprobs"][start:-1]
            is_greedy = all(one == max(top.values()) for one, top in zip(chosen, best, strict=True))
            found.append((sum(chosen), is_greedy))
        return found


def test_an_evaluation_harness_gets_its_loglikelihoods(http: httpx.Client, tiny_model: Any) -> None:
    """The sums are those of the model itself, and what it would write greedily is told from what it would not."""
    greedy = completed(http, "Once upon", max_tokens=1, logprobs=0)["choices"][0]["logprobs"]["tokens"][0]
    pairs = [("Hello", " world"), ("A", "B"), ("Once upon", " a time")]
    if not greedy.startswith("bytes:"):
        pairs.append(("Once upon", greedy))

    found = Harness(http, tiny_model.tokenizer).loglikelihoods(pairs)

    for (context, continuation), (value, is_greedy) in zip(pairs, found, strict=True):
        ids = tiny_model.tokenizer(context + continuation).input_ids
        start = len(tiny_model.tokenizer(context).input_ids)
        scores = logprobs(tiny_model, ids)[start - 1 : -1]
        chosen = torch.tensor(ids[start:])
        assert value == pytest.approx(float(scores.gather(1, chosen[:, None]).sum()), abs=1e-3)
        assert is_greedy == bool((scores.argmax(dim=1) == chosen).all())
    assert len(found) == 3 or found[3][1]


def test_a_harness_that_generates_is_served(http: httpx.Client) -> None:
    """Stop texts that are control tokens, a seed, and a message that says it is text."""
    completed(http, "Q: 1+1?\nA:", model="bytes", max_tokens=8, stop=["\n\n", "<|end|>"], seed=1234)
    message = {"role": "user", "content": "Q: 1+1?", "type": "text"}
    asked = {"model": "bytes", "messages": [message], "max_tokens": 8, "temperature": 0, "stop": ["<|end|>"], "seed": 1}
    options = {"top_p": 1, "presence_penalty": 0, "frequency_penalty": 0}

    assert http.post("/v1/chat/completions", json={**asked, **options}).status_code == 200
