"""The rules beside PASTA's, over every architecture and every route that takes them."""

import pytest

from boldface.attention.geometry import geometry
from boldface.attention.routes import ROUTES
from boldface.errors import RouteError
from boldface.testing import (
    ARCHITECTURES,
    RULE_MUTANTS,
    LawBroken,
    check_decode,
    check_generate,
    check_isolation,
    check_masses,
    check_null,
    check_prefix,
    check_published,
    check_route,
    sample,
    tiny,
)
from boldface.testing.sample import steerings

READS_MASS = ("reference", "split", "auto")
CASES = [
    *(("flat", route) for route in ("sdpa", "folded", "split", "auto")),
    *(("share", route) for route in READS_MASS),
]
RULES = ["flat", "share"]
SMALL = ["llama", "mistral", "gemma3", "gpt_oss", "gptj", "deepseek_v3"]

every_architecture = pytest.mark.parametrize("architecture", ARCHITECTURES)
every_rule = pytest.mark.parametrize("rule", RULES)


def takes(architecture, route):
    """Skip no law: True where docs/matrix.md says that the route is exact."""
    refused = {"gemma2": ("sdpa", "folded", "split"), "gpt_oss": ("folded",)}
    return route not in refused.get(architecture, ())


def holds(law, model, route, rule, *args, **options):
    """Run a law as it is, then with every mutant of the rule, which it has to notice; or see the route refuse."""
    if not takes(model.config.get_text_config().model_type.removesuffix("_text"), route):
        with pytest.raises(RouteError, match=r"soft-capped|no attention sinks"):
            law(model, *args, **options)
        return
    law(model, *args, **options)
    for name, mutant in RULE_MUTANTS[rule].items():
        with pytest.raises(LawBroken, match="oracle"):
            law(model, *args, mutant=mutant, **options)
            pytest.fail(f"the law does not notice the mutant {name!r}")


@pytest.mark.parametrize(("rule", "route"), CASES)
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "doge"])
def test_rule_is_as_published(architecture, rule, route):
    """Logits equal those of an unmodified eager model that is given the paper's bias in its masks, layer by layer."""
    model, eager = tiny(architecture), tiny(architecture, "eager")
    holds(check_published, model, route, rule, eager, route, rule)


@every_rule
@every_architecture
def test_one_forward_equals_the_oracle(architecture, rule):
    """Rows with several spans and gains, and a null row, equal the float64 oracle."""
    model = tiny(architecture)
    route = "auto" if architecture == "gemma2" else "split"
    holds(check_route, model, route, rule, route, sample(model, rule=rule))


@every_rule
@pytest.mark.parametrize("architecture", SMALL)
def test_padded_batch_equals_the_oracle(architecture, rule):
    """Left-padded rows of both scopes equal the float64 oracle, in one forward and token by token."""
    model = tiny(architecture)
    batch = sample(model, rule=rule, padding="left", scopes=("all", "answer", "all"))
    holds(check_route, model, "auto", rule, "auto", batch)
    holds(check_decode, model, "auto", rule, "auto", batch)


@every_rule
@every_architecture
def test_decode_equals_prefill(architecture, rule):
    """Prefill and token-by-token decoding with a cache give the logits of one forward."""
    model = tiny(architecture)
    holds(check_decode, model, "auto", rule, "auto", sample(model, rule=rule))


@every_rule
@pytest.mark.parametrize("architecture", SMALL)
def test_chunked_prefill_equals_prefill(architecture, rule):
    """A prefill in three pieces gives the logits of one forward: no query's bias depends on the queries beside it."""
    model = tiny(architecture)
    holds(check_decode, model, "auto", rule, "auto", sample(model, rule=rule), chunks=(5, 10, 14))


@every_rule
@every_architecture
def test_prefix_and_null_law(architecture, rule):
    """Before the emphasis hidden states are the plain model's; strength 0, no heads and no spans change no bit."""
    model = tiny(architecture)
    check_prefix(model, "auto", sample(model, rule=rule))
    check_null(model, "auto", rule)


@every_rule
@every_architecture
def test_isolation_law(architecture, rule):
    """Another emphasis in one row leaves the other rows as they are."""
    check_isolation(tiny(architecture), "auto", rule)


@pytest.mark.parametrize("share", [0.1, 0.6])
@pytest.mark.parametrize("architecture", [name for name in ARCHITECTURES if name != "gemma2"])
def test_share_law(architecture, share):
    """The mass on the emphasis ends between share / (1 + share) and share where it was below, and is never lowered."""
    check_masses(tiny(architecture), share)


@pytest.mark.parametrize("route", READS_MASS)
def test_rows_of_different_rules_share_a_batch(route):
    """Rows of all three rules in one batch equal the oracle, in one forward and padded in decoding."""
    model = tiny("llama")
    rows = [steerings(geometry(model).heads, rule=rule)[0] for rule in ("pasta", "flat", "share")]
    check_route(model, route, sample(model, rows=rows))
    check_decode(model, route, sample(model, rows=rows, padding="left"))


@pytest.mark.parametrize("route", ["split", "auto"])
@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"num_return_sequences": 2, "num_beams": 2}], ids=str)
def test_generate_gives_the_oracles_answers(options, route):
    """Greedy and beam search by rule share give the oracle's answers and scores, and not the plain ones."""
    model = tiny("llama")
    batch = sample(model, rule="share", padding="left")
    holds(check_generate, model, route, "share", route, batch, do_sample=False, **options)


@pytest.mark.parametrize("route", [name for name in ROUTES if name not in READS_MASS])
def test_routes_without_masses_refuse_rule_share(route):
    """A route that does not know the mass on the emphasis refuses the rule that needs it."""
    model = tiny("llama")
    with pytest.raises(RouteError, match=f"'{route}' refuses layer 0: rule 'share' needs the mass"):
        check_route(model, route, sample(model, rule="share"))
