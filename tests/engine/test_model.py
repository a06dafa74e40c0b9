"""The engine end to end on a tiny random model: prompts in, steered answers out."""

from __future__ import annotations

import copy
import threading
from pathlib import Path

import pytest
import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerFast

import boldface
from boldface.attention.attach import Attachment
from boldface.errors import (
    AlignmentError,
    ChatError,
    ContextLengthError,
    HeadError,
    MarkupError,
    ModelBusyError,
    ModelError,
    NothingSteeredError,
    PromptMismatchError,
    RouteError,
    SpanError,
    StrengthError,
)

HEADS = {0: [1, 2], 1: [0, 3]}
PROMPT = "Mary is a nurse. **Answer in JSON.**"


@pytest.fixture(scope="module")
def model(byte_llama: tuple[PreTrainedModel, PreTrainedTokenizerFast]) -> boldface.Model:
    """A random llama of 8192 tokens' context whose tokens are bytes."""
    return boldface.load(*byte_llama)


def answer(model: boldface.Model, prompt: object = PROMPT, **options: object) -> str:
    """Greedy text of 12 raw tokens."""
    options = {"heads": HEADS, "raw": True, "max_new_tokens": 12} | options
    return model.generate(prompt, **options).text


def test_bold_changes_the_answer(model: boldface.Model) -> None:
    """The same words, bold and not bold, get different answers."""
    assert answer(model) != answer(model, PROMPT.replace("**", ""))


def test_strength_zero_is_the_plain_model(model: boldface.Model) -> None:
    """Strength 0 gives the tokens of the plain model's own generate."""
    ids = torch.tensor([model.tokenizer(PROMPT.replace("**", ""))["input_ids"]])
    mask = torch.ones_like(ids)
    plain = model.model.generate(ids, attention_mask=mask, max_new_tokens=12, do_sample=False)[0, ids.shape[1] :]

    zero = model.generate(PROMPT, heads=HEADS, strength=0, raw=True, max_new_tokens=12)

    assert plain.tolist() == list(zero.ids)
    assert {} == zero.routes


@pytest.mark.parametrize(
    "spelling", [{"alpha": 0.01}, {"factor": 100}, {"strength": 4.605170185988092}], ids=lambda value: next(iter(value))
)
def test_three_spellings_of_one_strength(model: boldface.Model, spelling: dict[str, float]) -> None:
    """alpha 0.01, factor 100 and 4.605 nats are the default, and give its answer."""
    assert answer(model) == answer(model, **spelling)


def test_prompt_spellings_agree(model: boldface.Model) -> None:
    """Markup, offsets, substrings and pairs of heads say the same thing."""
    text = PROMPT.replace("**", "")
    by_offset = boldface.EmphasisedText(text, (boldface.CharSpan(17, len(text)),))

    assert answer(model) == answer(model, by_offset)
    assert answer(model) == answer(model, boldface.emphasise(text, "Answer in JSON."))
    assert answer(model) == answer(model, heads="L0H1, L0H2, L1H0, L1H3")
    assert answer(model) == answer(model, heads=[(0, 1), (0, 2), (1, 0), (1, 3)])


def test_chat_wraps_and_reports(model: boldface.Model) -> None:
    """Plain text is a user turn; the report names exactly the bold tokens."""
    result = model.generate(PROMPT, heads=HEADS, max_new_tokens=4)
    hit = "".join(piece for piece, nats in result.prompt.preview() if nats)

    assert result.prompt.text.startswith("<|user|>Mary")
    assert result.prompt.text.endswith("\n<|assistant|>")
    assert "Answer in JSON." == hit
    assert ["fused"] == result.report()["routes"]


def test_messages_equal_markup(model: boldface.Model) -> None:
    """A content part with emphasis equals the same words in bold."""
    parts = [
        {"type": "text", "text": "Mary is a nurse. "},
        {"type": "text", "text": "Answer in JSON.", "emphasis": True},
    ]

    assert answer(model, raw=False) == answer(model, [{"role": "user", "content": parts}])


def test_assistant_prefill_is_prompt(model: boldface.Model) -> None:
    """A last assistant message is continued, not closed."""
    messages = [{"role": "user", "content": "Hi", "emphasis": True}, {"role": "assistant", "content": "Well"}]

    assert model.generate(messages, heads=HEADS, max_new_tokens=2).prompt.text.endswith("\n<|assistant|>Well")


def test_batch_rows_equal_single_prompts(model: boldface.Model) -> None:
    """Rows of different length, emphasis and heads answer as they do alone."""
    prompts = [PROMPT, "**Be brief.** What is the capital of France?", "No emphasis here at all, only words."]
    heads = [HEADS, {1: [2]}, None]
    together = model.generate(prompts, heads=heads, raw=True, max_new_tokens=8)

    for prompt, own, row in zip(prompts, heads, together, strict=True):
        assert answer(model, prompt, heads=own, max_new_tokens=8) == row.text


def test_beams_and_several_answers(model: boldface.Model) -> None:
    """Beams expand rows; every returned sequence is an answer of its prompt."""
    answers = model.generate(
        [PROMPT, "**Hi** there"], heads=HEADS, raw=True, max_new_tokens=5, num_beams=3, num_return_sequences=2
    )

    assert [len("Mary is a nurse. Answer in JSON."), len("Hi there")] == [len(one.prompt.ids) for one in answers[::2]]
    assert answers[0].text != answers[1].text


def test_sampling_repeats_with_its_seed(model: boldface.Model) -> None:
    """A seed repeats the sample and leaves torch's own generator alone."""
    state = torch.random.get_rng_state()
    first, second = (answer(model, do_sample=True, temperature=2.0, seed=3) for _ in range(2))

    assert first == second
    assert torch.equal(state, torch.random.get_rng_state())
    assert first != answer(model, do_sample=True, temperature=2.0, seed=4)


def test_streaming_equals_generate(model: boldface.Model) -> None:
    """The pieces of a stream join to the text of generate."""
    pieces = list(model.stream(PROMPT, heads=HEADS, raw=True, max_new_tokens=12))

    assert answer(model) == "".join(pieces)


def test_leaving_a_stream_frees_the_model(model: boldface.Model) -> None:
    """A stream that is left early stops, and the model can be used at once."""
    stream = model.stream(PROMPT, heads=HEADS, raw=True, max_new_tokens=200)
    next(stream)
    stream.close()

    assert "_boldface_attachment" not in model.model.__dict__
    assert answer(model)


def test_stream_raises_the_error_of_its_thread(model: boldface.Model) -> None:
    """An error inside the model's thread reaches the listener."""
    with pytest.raises(HeadError, match="layer 9"):
        list(model.stream(PROMPT, heads={9: [0]}))


def test_threads_wait_for_each_other(model: boldface.Model) -> None:
    """Concurrent calls on one Model give the answers they give alone."""
    prompts = [f"{word} one two. **Say {word}.**" for word in ("red", "green", "blue", "white")]
    alone = [answer(model, prompt) for prompt in prompts]
    found: dict[int, str] = {}
    threads = [
        threading.Thread(target=lambda i=i: found.__setitem__(i, answer(model, prompts[i])))
        for i in range(len(prompts))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert alone == [found[index] for index in range(len(prompts))]


def test_steer_yields_inputs_and_gives_the_model_back(model: boldface.Model) -> None:
    """Inside the block the model is steered; afterwards it is bit-identical."""
    with boldface.steer(model.model, model.tokenizer, PROMPT, heads=HEADS) as inputs, torch.no_grad():
        steered = model.model(**inputs).logits
    with torch.no_grad():
        plain, again = model.model(**inputs).logits, model.model(**inputs).logits

    assert (steered - plain)[:, -1].abs().max() > 1e-3
    assert torch.equal(plain, again)


def test_steered_generate_equals_the_engine(model: boldface.Model) -> None:
    """hf_model.generate inside the block gives what Model.generate gives."""
    with model.steer(PROMPT, heads=HEADS, factor=30) as inputs:
        ids = model.model.generate(**inputs, max_new_tokens=12, do_sample=False)[0, inputs["input_ids"].shape[1] :]

    assert answer(model, factor=30) == model.tokenizer.decode(ids)


def test_right_padding_for_scoring(model: boldface.Model) -> None:
    """Left- and right-padded batches give the same logits at the tokens."""
    prompts = [PROMPT, "**Hi** there"]
    with model.steer(prompts, heads=HEADS) as left, torch.no_grad():
        one = model.model(**left, position_ids=(left["attention_mask"].cumsum(-1) - 1).clamp(min=0)).logits[1, -8:]
    with model.steer(prompts, heads=HEADS, padding="right") as right, torch.no_grad():
        two = model.model(**right).logits[1, :8]

    assert torch.allclose(one, two, atol=1e-5)


def test_context_length_is_checked_first(model: boldface.Model) -> None:
    """A prompt with its answer beyond the context is refused, and says how much fits."""
    with pytest.raises(ContextLengthError, match="8192") as caught:
        model.generate(PROMPT, heads=HEADS, raw=True, max_new_tokens=8190)

    assert "at most 8160" in caught.value.hint


@pytest.mark.parametrize(
    ("error", "prompt", "options"),
    [
        (HeadError, PROMPT, {"heads": {0: [4]}}),
        (HeadError, PROMPT, {"heads": {2: [0]}}),
        (HeadError, PROMPT, {"heads": {0: "12"}}),
        (HeadError, PROMPT, {"heads": None}),
        (HeadError, PROMPT, {"heads": "no-such-profile"}),
        (StrengthError, PROMPT, {"alpha": 0}),
        (StrengthError, PROMPT, {"alpha": -1}),
        (StrengthError, PROMPT, {"factor": float("nan")}),
        (StrengthError, PROMPT, {"strength": float("inf")}),
        (StrengthError, PROMPT, {"strength": 31}),
        (StrengthError, PROMPT, {"alpha": 0.1, "factor": 10}),
        (StrengthError, PROMPT, {"strength": 20, "heads": {0: {1: 2.0}}}),
        (SpanError, boldface.EmphasisedText("abc"), {"scope": "some"}),
        (MarkupError, "a **bold that never ends", {}),
        (NothingSteeredError, PROMPT, {"heads": {}}),
        (NothingSteeredError, PROMPT, {"heads": {0: {1: 0.0}}}),
        (RouteError, PROMPT, {"route": "flash"}),
        (ChatError, [{"role": "tool", "content": "x", "emphasis": True}], {}),
        (SpanError, 3, {}),
        (ModelError, PROMPT, {"return_dict_in_generate": True}),
        (SpanError, [], {}),
        (ChatError, [[]], {}),
        (AlignmentError, "", {}),
        (AlignmentError, [PROMPT, ""], {}),
        (HeadError, PROMPT, {"heads": ["L0H1", "L0H2"]}),
        (HeadError, [PROMPT, PROMPT], {"heads": ["L0H1"]}),
        (HeadError, PROMPT, {"heads": 3}),
        (HeadError, PROMPT, {"heads": Path("no-such-profile.json")}),
        (ModelError, PROMPT, {"max_new_tokens": 0}),
        (ModelError, PROMPT, {"max_new_tokens": -1}),
        (ModelError, PROMPT, {"max_new_tokens": "3"}),
        (ModelError, PROMPT, {"max_new_tokens": True}),
        (ModelError, PROMPT, {"max_length": 40}),
        (ModelError, PROMPT, {"seed": "a"}),
        (ModelError, PROMPT, {"seed": 2**64}),
        (ModelError, PROMPT, {"guidance_scale": 2.0}),
        (ModelError, PROMPT, {"attention_mask": torch.ones(1, 32)}),
        (ModelError, PROMPT, {"pad_token_id": 0}),
    ],
)
def test_bad_input_is_refused_before_the_model_runs(
    model: boldface.Model, monkeypatch: pytest.MonkeyPatch, error: type[Exception], prompt: object, options: dict
) -> None:
    """Every bad input is one error with a hint, and the model is not called."""
    monkeypatch.setattr(model.model, "generate", lambda **_: pytest.fail("the model ran"))

    with pytest.raises(error) as caught:
        model.generate(prompt, **{"heads": HEADS, "raw": True} | options)

    assert caught.value.hint


def test_nested_steering_is_refused(model: boldface.Model) -> None:
    """A second emphasis on a steered model is refused, and the first goes on."""
    with model.steer(PROMPT, heads=HEADS) as inputs:
        with pytest.raises(ModelBusyError), model.steer("**x**", heads=HEADS):
            pass
        with pytest.raises(ModelBusyError):
            answer(model)
        assert model.model(**inputs).logits.isfinite().all()


def test_another_thread_is_refused(model: boldface.Model) -> None:
    """A plain call from another thread does not silently get this emphasis."""
    caught: list[Exception] = []

    def call(inputs: dict[str, torch.Tensor]) -> None:
        try:
            model.model(**inputs)
        except ModelBusyError as error:
            caught.append(error)

    with model.steer(PROMPT, heads=HEADS) as inputs:
        thread = threading.Thread(target=call, args=(inputs,))
        thread.start()
        thread.join()

    assert 1 == len(caught)


def test_another_prompt_is_refused(model: boldface.Model) -> None:
    """Inside the block only the steered prompt may be run."""
    with model.steer(PROMPT, heads=HEADS), pytest.raises(PromptMismatchError):
        model.model(input_ids=torch.tensor([[1, 2, 3]]))


def test_model_object_needs_a_tokenizer(model: boldface.Model) -> None:
    """load(model) without tokenizer says what is missing."""
    with pytest.raises(ModelError, match="tokenizer"):
        boldface.load(model.model)


def test_an_error_inside_the_block_detaches(model: boldface.Model) -> None:
    """An exception in the block still gives the model back."""
    with pytest.raises(ZeroDivisionError), model.steer(PROMPT, heads=HEADS):
        raise ZeroDivisionError

    assert "_boldface_attachment" not in model.model.__dict__


def test_attachment_detaches_twice(model: boldface.Model) -> None:
    """detach may be called again."""
    with model.steer(PROMPT, heads=HEADS):
        attachment: Attachment = model.model.__dict__["_boldface_attachment"]
        attachment.detach()
        attachment.detach()


def test_plain_calls_on_a_steered_model_are_refused(model: boldface.Model) -> None:
    """The same words without emphasis would silently get the emphasis of the block around."""
    words = PROMPT.replace("**", "")
    with model.steer(PROMPT, heads=HEADS):
        with pytest.raises(ModelBusyError):
            answer(model, words)
        with pytest.raises(ModelBusyError), model.steer(words):
            pass


def test_steered_model_is_not_copied(model: boldface.Model) -> None:
    """A copy would stay steered for ever: refused, and the model goes on."""
    with model.steer(PROMPT, heads=HEADS) as inputs:
        with pytest.raises(ModelBusyError, match="copied"):
            copy.deepcopy(model.model)
        assert model.model(**inputs).logits.isfinite().all()
    assert copy.deepcopy(model.model) is not model.model


def test_layers_replaced_after_first_use_are_steered(model: boldface.Model) -> None:
    """What was learned about a model's layers is learned anew when they are others: the answer is still steered."""
    changed = copy.deepcopy(model.model)
    with boldface.steer(changed, model.tokenizer, PROMPT, heads={0: [1]}) as inputs, torch.no_grad():
        before = changed(**inputs).logits
    changed.model.layers[0] = copy.deepcopy(changed.model.layers[0])
    with boldface.steer(changed, model.tokenizer, PROMPT, heads={0: [1]}) as inputs, torch.no_grad():
        after = changed(**inputs).logits
    with torch.no_grad():
        plain = changed(**inputs).logits

    assert torch.equal(before, after)
    assert (after - plain).abs().max() > 1e-3


def test_generation_config_is_followed(model: boldface.Model) -> None:
    """A generation_config says how long and how to draw, where the call does not."""
    config = GenerationConfig(do_sample=True, temperature=2.0, max_new_tokens=5, return_dict_in_generate=True)
    drawn = model.generate(PROMPT, heads=HEADS, raw=True, generation_config=config, seed=3)
    greedy = model.generate(PROMPT, heads=HEADS, raw=True, max_new_tokens=5)
    same = model.generate(PROMPT, heads=HEADS, raw=True, max_new_tokens=5, do_sample=True, temperature=2.0, seed=3)

    assert 5 == len(drawn.ids)
    assert same.ids == drawn.ids != greedy.ids


def test_error_of_a_chat_template_is_a_chat_error(model: boldface.Model) -> None:
    """What a template raises, and a prefill without text, are ChatErrors that say why."""
    strict = copy.deepcopy(model.tokenizer)
    strict.chat_template = "{{ raise_exception('roles must alternate') }}"
    with pytest.raises(ChatError, match="roles must alternate"):
        boldface.load(model.model, strict).encode("Hi", heads=HEADS)
    with pytest.raises(ChatError, match='no "content"'):
        model.encode([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": None}], heads=HEADS)


def test_a_profile_file_may_be_a_path(model: boldface.Model, tmp_path: Path) -> None:
    """heads takes the path of a profile as str and as Path."""
    file = tmp_path / "heads.json"
    file.write_text('{"0": [1, 2], "1": [0, 3]}')

    assert answer(model) == answer(model, heads=file) == answer(model, heads=str(file))


def test_stream_refuses_a_second_streamer(model: boldface.Model) -> None:
    """A stream has its own streamer, and takes None for options that are not used."""
    with pytest.raises(ModelError, match="streamer"):
        model.stream(PROMPT, streamer=object())
    pieces = model.stream(PROMPT, heads=HEADS, raw=True, max_new_tokens=12, stopping_criteria=None)
    assert answer(model) == "".join(pieces)


def test_answer_scope_with_a_prompt_of_one_token(model: boldface.Model) -> None:
    """Every query is steered from the first one on, also where several are asked at once."""
    options = {"heads": {0: {1: -1.0}, 1: {0: -1.0}}, "raw": True, "scope": "answer", "max_new_tokens": 10}
    assistant = boldface.Model(copy.deepcopy(model.model), model.tokenizer)
    one_by_one = model.generate("**x**", **options)

    assert model.generate("**x**", assistant_model=assistant, **options).ids == one_by_one.ids
    assert model.generate("x", raw=True, max_new_tokens=10).ids != one_by_one.ids
