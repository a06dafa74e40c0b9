"""Target shares over every architecture and every route that takes them, for both rules that they close."""

from dataclasses import replace

import pytest

from boldface.attention import apart
from boldface.attention.geometry import geometry
from boldface.attention.routes import ROUTES
from boldface.errors import RouteError
from boldface.testing import (
    ARCHITECTURES,
    TARGET_MUTANTS,
    LawBroken,
    check_decode,
    check_generate,
    check_isolation,
    check_prefix,
    check_published,
    check_route,
    check_target,
    sample,
    tiny,
)
from boldface.testing.laws import agree, forward
from boldface.testing.sample import steerings

TARGET = 0.5
READS_MASS = ("reference", "split", "auto")
SMALL = ["llama", "mistral", "gemma3", "gpt_oss", "gptj", "qwen3_moe", "deepseek_v3"]

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
both_rules = pytest.mark.parametrize("rule", ["pasta", "flat"])


def notices_every_mutant(law, *args, **options):
    """Run a law as it is, then with every mutant, which it has to notice."""
    law(*args, **options)
    for name, mutant in TARGET_MUTANTS.items():
        with pytest.raises(LawBroken, match="oracle"):
            law(*args, mutant=mutant, **options)
            pytest.fail(f"the law does not notice the mutant {name!r}")


@both_rules
@pytest.mark.parametrize("route", READS_MASS)
@pytest.mark.parametrize("architecture", SMALL)
def test_target_share_is_as_written(architecture, route, rule):
    """Logits equal those of an unmodified eager model that is given the bias in its masks, layer by layer."""
    model, eager = tiny(architecture), tiny(architecture, "eager")
    notices_every_mutant(check_published, model, eager, route, rule, 0.6)


@every_architecture
def test_one_forward_equals_the_oracle(architecture):
    """Signed gains, several strengths, suppression and a null row of one batch equal the float64 oracle."""
    model = tiny(architecture)
    notices_every_mutant(check_route, model, "auto", sample(model, target=TARGET))


@both_rules
@pytest.mark.parametrize("architecture", SMALL)
def test_padded_batch_decodes_as_the_oracle(architecture, rule):
    """Left-padded rows of both scopes equal the float64 oracle, in one forward and token by token."""
    model = tiny(architecture)
    batch = sample(model, rule=rule, target=TARGET, padding="left", scopes=("all", "answer", "all"))
    notices_every_mutant(check_route, model, "auto", batch)
    notices_every_mutant(check_decode, model, "auto", batch)


@both_rules
@pytest.mark.parametrize("chunks", [(14,), (5, 10, 14)], ids=str)
@pytest.mark.parametrize("architecture", SMALL)
def test_decode_and_chunks_equal_prefill(architecture, chunks, rule):
    """Prefill, whole or in pieces, and token-by-token decoding give the logits of one forward."""
    model = tiny(architecture)
    notices_every_mutant(check_decode, model, "auto", sample(model, rule=rule, target=TARGET), chunks=chunks)


@both_rules
@pytest.mark.parametrize("share", [0, 1 << 20], ids=["two calls", "one call"])
@pytest.mark.parametrize("architecture", ["llama", "gptj", "qwen3_moe"])
def test_one_call_or_two(architecture, share, rule, monkeypatch):
    """Single queries decode alike whether what is lifted goes into a call of its own, padded and not."""
    monkeypatch.setattr(apart, "SHARE", share)
    model = tiny(architecture)
    for padding in (None, "left"):
        notices_every_mutant(check_decode, model, "auto", sample(model, rule=rule, target=TARGET, padding=padding))


@every_architecture
def test_prefix_and_isolation_law(architecture):
    """Before the emphasis all is the plain model's, and no row changes another."""
    model = tiny(architecture)
    check_prefix(model, "auto", sample(model, target=TARGET))
    check_isolation(model, "auto", target=TARGET)


@both_rules
@pytest.mark.parametrize("share", [0.5, 0.9])
@pytest.mark.parametrize("architecture", SMALL)
def test_target_share_is_reached(architecture, share, rule):
    """What is lifted ends at the target share where strength and attention let it; nothing else changes."""
    check_target(tiny(architecture), share, rule)


@both_rules
@pytest.mark.parametrize("route", READS_MASS)
def test_target_share_that_is_never_reached_is_open_loop(route, rule):
    """A target share of all but 1 gives the logits of the open loop: the strength is the cap."""
    model = tiny("llama")
    rows = steerings(geometry(model).heads, rule=rule)
    loops = [sample(model, rows=[replace(row, target=target) for row in rows]) for target in (1 - 1e-6, None)]
    agree(*(forward(model, loop, route) for loop in loops), forward(model, loops[0], None))


@pytest.mark.parametrize("route", READS_MASS)
def test_rows_of_all_kinds_share_a_batch(route):
    """Rows of all rules, with target shares and without, equal the oracle, in one forward and padded in decoding."""
    model = tiny("llama")
    kinds = [("pasta", None), ("flat", None), ("share", None), ("pasta", TARGET), ("flat", 0.8)]
    rows = [steerings(geometry(model).heads, rule=rule, target=target)[0] for rule, target in kinds]
    check_route(model, route, sample(model, rows=rows))
    check_decode(model, route, sample(model, rows=rows, padding="left"))


@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"num_return_sequences": 2, "num_beams": 2}], ids=str)
def test_generate_gives_the_oracles_answers(options):
    """Greedy and beam search give the oracle's answers and scores, and not the plain ones."""
    model = tiny("llama")
    batch = sample(model, target=TARGET, padding="left")
    notices_every_mutant(check_generate, model, "auto", batch, do_sample=False, **options)


@pytest.mark.parametrize("route", [name for name in ROUTES if name not in READS_MASS])
def test_routes_without_masses_refuse_target_shares(route):
    """A route that does not know the mass on the emphasis refuses what needs it."""
    model = tiny("llama")
    with pytest.raises(RouteError, match=f"'{route}' refuses layer 0: a target share needs the mass"):
        check_route(model, route, sample(model, target=TARGET))
