"""The laws of steering over every route and architecture."""

import copy
import warnings
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from hypothesis import given, settings
from hypothesis.strategies import data, dictionaries, floats, integers, lists, sampled_from, tuples
from transformers import DynamicCache, StaticCache

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.attention.routes import ROUTES
from boldface.emphasis.span import TokenSpan
from boldface.errors import RouteError
from boldface.profiles.heads import HeadGains
from boldface.steering.plan import SCOPES, Steering
from boldface.testing import (
    ARCHITECTURES,
    MUTANTS,
    TOLERANCE,
    LawBroken,
    check_decode,
    check_detach,
    check_generate,
    check_isolation,
    check_null,
    check_oracle,
    check_prefix,
    check_route,
    check_scope,
    check_window,
    sample,
    tiny,
)
from boldface.testing.laws import agree, distance, forward
from boldface.testing.sample import PROMPT

ROUTE_NAMES = [*ROUTES, "auto"]
WINDOWED = ["mistral", "gemma2", "gemma3", "cohere2", "gpt_oss"]
ALWAYS_MASKED = [
    *WINDOWED,
    "llama4",
    "gptj",
    "doge",
]  # these models pass a mask to every prefill longer than the window
SMALL = ["llama", "mistral", "gemma3", "gpt_oss", "gptj", "deepseek_v3"]

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
every_route = pytest.mark.parametrize("route", ROUTE_NAMES)
small_architectures = pytest.mark.parametrize("architecture", SMALL)


def exact(architecture: str, route: str, *, masked: bool = False) -> AbstractContextManager[object]:
    """Expect exactness, or the refusal that the matrix in docs/matrix.md documents."""
    reason = None
    if architecture == "gemma2" and route in ("sdpa", "fused", "folded", "split"):
        reason = "soft-capped"
    elif architecture == "gpt_oss" and route == "folded":
        reason = "no attention sinks"
    elif route == "fused" and (masked or architecture in ALWAYS_MASKED):
        reason = "a mask beside the causal flag|rows start being steered at different queries"
    return pytest.raises(RouteError, match=reason) if reason else nullcontext()


def notices_every_mutant(law, *args, **options):
    """Run a law as it is, then with every mutant, which it has to notice."""
    law(*args, **options)
    for name, mutant in MUTANTS.items():
        with pytest.raises(LawBroken, match="oracle"):
            law(*args, mutant=mutant, **options)
            pytest.fail(f"the law does not notice the mutant {name!r}")


def notices_no_op(law, *args, **options):
    """Run a law that holds for any heads as it is, then steering nothing: it has to notice that nothing moved."""
    law(*args, **options)
    with pytest.raises(LawBroken, match=r"moved .* only"):
        law(*args, mutant=MUTANTS["no-op"], **options)


# Doge takes any value of a mask that is not 0 for "hidden", and Llama 4's chunked layers want a mask of their own, so
# neither can be given PASTA's mask.
@every_route
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name not in ("doge", "llama4")])
def test_every_route_is_pasta_as_published(architecture, route):
    """Logits equal those of an unmodified eager model given log(alpha) in a 4-D mask, generated tokens undamped."""
    with exact(architecture, route):
        notices_every_mutant(check_oracle, tiny(architecture), tiny(architecture, "eager"), route)


@every_route
@every_architecture
def test_one_forward_equals_the_oracle(architecture, route):
    """Signed gains, several strengths, suppression and a null row of one batch equal the float64 oracle."""
    model = tiny(architecture)
    with exact(architecture, route):
        notices_every_mutant(check_route, model, route, sample(model))


@every_route
@pytest.mark.parametrize("padding", ["left", "right"])
@every_architecture
def test_padded_batch_equals_the_oracle(architecture, padding, route):
    """Rows of different lengths, padded on either side and of both scopes, equal the float64 oracle."""
    model = tiny(architecture)
    batch = sample(model, padding=padding, scopes=("all", "answer", "all"))
    with exact(architecture, route, masked=True):
        notices_every_mutant(check_route, model, route, batch)


@every_route
@every_architecture
def test_decode_equals_prefill(architecture, route):
    """Prefill and token-by-token decoding with a cache give the logits of one forward."""
    model = tiny(architecture)
    with exact(architecture, route):
        notices_every_mutant(check_decode, model, route, sample(model))


@every_route
@every_architecture
def test_prefix_law(architecture, route):
    """Before the first emphasised token, and in null rows, hidden states are the plain model's."""
    with exact(architecture, route):
        notices_no_op(check_prefix, tiny(architecture), route)


@every_route
@every_architecture
def test_null_law(architecture, route):
    """Strength 0, no heads and no spans are bit-identical to the plain model."""
    check_null(tiny(architecture), route)


@every_route
@every_architecture
def test_isolation_law(architecture, route):
    """Another emphasis in one row leaves the other rows as they are."""
    with exact(architecture, route):
        notices_no_op(check_isolation, tiny(architecture), route)


@every_route
@every_architecture
def test_detach_restores_the_model(architecture, route):
    """After detaching, also by an exception, the model is bit-identical and keeps its config objects."""
    with exact(architecture, route):
        notices_no_op(check_detach, tiny(architecture), route)


@every_route
@small_architectures
def test_scope_answer_law(architecture, route):
    """Scope `answer` leaves the hidden states of all but the last prompt token plain."""
    with exact(architecture, route):
        notices_no_op(check_scope, tiny(architecture), route)


@pytest.mark.parametrize("route", [name for name in ROUTE_NAMES if name != "flex"])
@small_architectures
def test_padded_decode_equals_prefill(architecture, route):
    """A left-padded batch with rows of both scopes decodes to the logits of one forward."""
    model = tiny(architecture)
    batch = sample(model, padding="left", scopes=("all", "answer", "all"))
    with exact(architecture, route, masked=True):
        notices_every_mutant(check_decode, model, route, batch)


@pytest.mark.parametrize("route", [name for name in ROUTE_NAMES if name != "flex"])
@small_architectures
def test_chunked_prefill_equals_prefill(architecture, route):
    """A prefill in three pieces, cut inside a span, gives the logits of one forward."""
    model = tiny(architecture)
    with exact(architecture, route):
        notices_every_mutant(check_decode, model, route, sample(model), chunks=(5, 10, 14))


@pytest.mark.parametrize("route", [name for name in ROUTE_NAMES if name != "flex"])
@small_architectures
def test_static_cache_equals_prefill(architecture, route):
    """A static cache, longer than what it holds, gives the logits of one forward."""
    model = tiny(architecture)
    with exact(architecture, route):
        notices_every_mutant(
            check_decode,
            model,
            route,
            sample(model),
            cache=lambda: StaticCache(config=model.config, max_cache_len=32),
        )


@pytest.mark.parametrize("route", ["sdpa", "folded", "split", "auto"])
@pytest.mark.parametrize("scopes", [("answer",) * 3, ("all", "answer", "all")], ids=["answer", "mixed"])
@small_architectures
def test_chunks_into_a_static_cache_keep_the_scope(architecture, scopes, route):
    """Static caches count in place while layers write; where the queries stand, and so the scope, must not move."""
    model = tiny(architecture)
    with exact(architecture, route, masked=True):
        notices_every_mutant(
            check_decode,
            model,
            route,
            sample(model, scopes=scopes),
            cache=lambda: StaticCache(config=model.config, max_cache_len=32),
            chunks=(1, 6, 14),
        )


@every_route
@pytest.mark.parametrize("decode", [False, True], ids=["forward", "decode"])
@pytest.mark.parametrize("architecture", WINDOWED)
def test_head_is_plain_once_the_emphasis_left_its_window(architecture, decode, route):
    """A windowed layer is steered exactly as long as a query sees emphasis, and plain afterwards."""
    with exact(architecture, route):
        notices_no_op(check_window, tiny(architecture), route, decode=decode)


GENERATION = {
    "greedy": {"do_sample": False},
    "beams": {"num_beams": 3, "do_sample": False},
    "returned sequences": {"num_beams": 3, "num_return_sequences": 2, "do_sample": False},
    "sampling": {"do_sample": True, "top_k": 8, "num_return_sequences": 2},
    "chunked prefill": {"do_sample": False, "prefill_chunk_size": 5},
    "static cache": {"do_sample": False, "cache_implementation": "static", "disable_compile": True},
    "no cache": {"do_sample": False, "use_cache": False},
}


@pytest.mark.parametrize("route", [name for name in ROUTE_NAMES if name not in ("flex", "reference")])
@pytest.mark.parametrize("options", GENERATION.values(), ids=GENERATION)
@pytest.mark.parametrize("architecture", ["llama", "mistral"])
def test_generate_gives_the_oracles_answers(architecture, options, route):
    """Every way of decoding gives the oracle's answers and scores, and not the plain ones."""
    with exact(architecture, route):
        notices_every_mutant(check_generate, tiny(architecture), route, **options)


@every_architecture
def test_generate_steers_every_architecture(architecture):
    """Greedy generation from a left-padded batch by the chosen route gives the oracle's answers."""
    model = tiny(architecture)
    notices_every_mutant(check_generate, model, "auto", sample(model, padding="left"), do_sample=False)


@pytest.mark.parametrize("route", ["sdpa", "folded", "split", "auto"])
@pytest.mark.parametrize("by", ["assistant", "prompt lookup"])
def test_assisted_decoding_gives_the_oracles_answers(by, route):
    """Tokens proposed by a plain assistant or looked up in the prompt are verified with steering."""
    model = tiny("llama")
    batch = sample(model, rows=sample(model).rows[:1])
    options = {"assistant_model": tiny("mixtral")} if by == "assistant" else {"prompt_lookup_num_tokens": 3}
    notices_every_mutant(check_generate, model, route, batch, do_sample=False, **options)


@given(data())
@settings(max_examples=40, deadline=None)
def test_any_emphasis_equals_the_oracle(draws):
    """Random spans, gains, scopes, paddings and answer lengths: the chosen route equals the oracle."""
    model = tiny("llama")
    heads = geometry(model).heads

    def steering():
        edges = draws.draw(lists(integers(0, 11), min_size=2, max_size=6, unique=True).map(sorted))
        strengths = draws.draw(lists(floats(-6, 6), min_size=3, max_size=3))
        spans = [TokenSpan(*pair) for pair in zip(edges[::2], edges[1::2], strengths, strict=False)]
        head = tuples(integers(0, 2), integers(0, 8))
        gains = HeadGains(draws.draw(dictionaries(head, floats(-2, 2), min_size=1, max_size=12)))
        return Steering(tuple(spans), gains, draws.draw(sampled_from(SCOPES)))

    batch = sample(
        model,
        rows=[steering() for _ in range(draws.draw(integers(1, 3)))],
        padding=draws.draw(sampled_from([None, "left", "right"])),
        answer=draws.draw(integers(0, 5)),
    )
    assert heads == {0: 9, 1: 9, 2: 9}
    assert distance(forward(model, batch, "auto"), forward(model, batch, "reference")) <= TOLERANCE


def test_bfloat16_agrees_within_the_plain_models_error():
    """In bfloat16 every route is within twice the plain model's own error of the oracle; mutants are not."""
    for architecture in ("llama", "gemma3", "gptj"):
        model = tiny(architecture)
        half = copy.deepcopy(model).bfloat16()
        batch = sample(model)
        error = distance(forward(half, batch, None), forward(model, batch, None))
        expected = forward(half, batch, "reference")
        for route in ROUTES:
            with exact(architecture, route):
                assert distance(forward(half, batch, route), expected) <= 2 * error, (architecture, route)
                for name, mutant in MUTANTS.items():
                    assert distance(forward(half, batch, route, mutant), expected) > 4 * error, (architecture, name)


def test_adapted_model_is_steered():
    """A LoRA adapter of peft around a model changes neither exactness nor detaching."""
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(target_modules=["q_proj", "v_proj"], init_lora_weights=False, r=4)
    torch.manual_seed(0)
    model = peft.get_peft_model(copy.deepcopy(tiny("llama")), config).eval()
    for route in ROUTE_NAMES:
        notices_every_mutant(check_route, model, route, sample(model))
        notices_no_op(check_detach, model, route)
    notices_every_mutant(check_generate, model, "auto", do_sample=False)


@pytest.mark.parametrize("route", ["reference", "sdpa", "fused", "folded", "split"])
def test_cap_that_the_model_does_not_apply_is_not_applied(route):
    """Where transformers lets Gemma 2 run on SDPA, which ignores the cap, steering keeps the model's own scores."""
    try:
        model = tiny("gemma2", "sdpa")
    except ValueError:
        pytest.skip("this version of transformers runs Gemma 2 on eager attention only")
    with nullcontext() if route != "fused" else pytest.raises(RouteError, match="a mask beside"):
        notices_every_mutant(check_route, model, route, sample(model))
        notices_no_op(check_prefix, model, route)


# The plain model is not run here: transformers compiles FlexAttention, and a C++ compiler may be missing.
@pytest.mark.parametrize("architecture", ["llama", "gemma3"])
def test_flex_models_are_steered_by_flex(architecture):
    """A model that runs on FlexAttention is steered through its block masks, also behind windows, and decodes."""
    model, like = tiny(architecture, "flex_attention"), tiny(architecture)
    with warnings.catch_warnings(action="ignore"), torch.no_grad():
        for batch in (sample(like), sample(like, padding="left", scopes=("all", "answer", "all"))):
            past = DynamicCache(config=model.config)
            with Attachment(model, batch.plan, prompt=batch.prompt, route="flex"):
                steps = [model(**batch.inputs(0, PROMPT), past_key_values=past, use_cache=True).logits]
                for column in range(PROMPT, batch.ids.shape[1]):
                    steps.append(model(**batch.inputs(column, column + 1), past_key_values=past).logits)
            agree(torch.cat(steps, dim=1)[batch.real], forward(like, batch, "reference"), forward(like, batch, None))
