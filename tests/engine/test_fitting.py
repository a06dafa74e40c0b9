"""Profiles on models: their own, a variant, a foreign one; and what a profile brings besides its gains."""

from __future__ import annotations

import copy
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from boldface.engine.heads import STAMP, Selected, select_heads
from boldface.engine.identity import identity
from boldface.engine.model import Model
from boldface.errors import HeadError, ProfileWarning
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile

GAINS = HeadGains({(0, 1): 1.0, (1, 3): -0.5})


@pytest.fixture
def llama(byte_llama: tuple[Any, Any]) -> Model:
    """A copy of the tiny model that may be changed."""
    return Model(copy.deepcopy(byte_llama[0]), byte_llama[1])


@pytest.fixture
def profile(byte_llama: tuple[Any, Any]) -> Profile:
    """A profile that was made for the tiny model."""
    return Profile("mine", "Tiny", GAINS, 2.5, scope="answer", identity=identity(*byte_llama))


def retrained(llama: Model) -> Model:
    """Move all weights a little."""
    with torch.no_grad():
        for weight in llama.model.parameters():
            weight.mul_(1.02)
    return llama


def another(llama: Model) -> Model:
    """Another model of the same config."""
    torch.manual_seed(7)
    return Model(type(llama.model)(llama.model.config).eval(), llama.tokenizer)


def test_its_own_model_takes_it_silently(llama: Model, profile: Profile) -> None:
    """Gains, strength and scope of the profile, and no word."""
    with warnings.catch_warnings(action="error"):
        assert select_heads(llama.model, profile, llama.tokenizer) == Selected(GAINS, 2.5, "answer")


def test_a_variant_takes_it_with_one_warning(llama: Model, profile: Profile) -> None:
    """What differs is said once a profile and model, and what to do about it."""
    retrained(llama)
    with pytest.warns(ProfileWarning, match=r"variant.*weights differ.*boldface profiles check") as caught:
        select_heads(llama.model, profile, llama.tokenizer)
        select_heads(llama.model, profile, llama.tokenizer)
    assert len(caught) == 1
    assert caught[0].filename == __file__  # the caller's line is shown, not one of ours
    with pytest.warns(ProfileWarning):
        select_heads(llama.model, replace(profile, version=2), llama.tokenizer)
    other = Model(copy.deepcopy(llama.model), llama.tokenizer)
    with pytest.warns(ProfileWarning):
        select_heads(other.model, profile, llama.tokenizer)


def test_a_foreign_model_refuses_it_unless_forced(llama: Model, profile: Profile) -> None:
    """The error says for what it was made, what differs, and how to force; the force keeps strength and scope."""
    foreign = another(llama)
    with pytest.raises(
        HeadError, match=r"made for another model \(Tiny, given as an object\).*weights differ"
    ) as caught:
        select_heads(foreign.model, profile, foreign.tokenizer)
    assert "profile.unbound()" in caught.value.hint
    assert "--force-profile" in caught.value.hint
    with warnings.catch_warnings(action="error"):
        assert select_heads(foreign.model, profile.unbound(), foreign.tokenizer) == Selected(GAINS, 2.5, "answer")
        assert select_heads(foreign.model, profile.gains, foreign.tokenizer).gains == GAINS


def test_another_shape_is_told_as_that(llama: Model) -> None:
    """Without an identity the number of layers and heads decides, and a head out of range is refused even if forced."""
    strange = Profile("wide", "Wide", HeadGains([(5, 9)]), layers=6, heads=12)
    with pytest.raises(HeadError, match=r"made for 6 layers of 12 heads \(Wide\)"):
        select_heads(llama.model, strange)
    with pytest.raises(HeadError, match=r"[Ll]ayer 5"):
        select_heads(llama.model, strange.unbound())
    assert select_heads(llama.model, Profile("small", "Tiny", GAINS, layers=2, heads=4)) == Selected(
        GAINS, Profile("", "", GAINS).strength, "all"
    )


@pytest.mark.parametrize(
    ("said", "profile_says", "is_"),
    [(None, "answer", "answer"), (None, "all", "all"), ("all", "answer", "all"), ("answer", "all", "answer")],
)
def test_the_scope_is_the_callers_else_the_profiles(
    llama: Model, profile: Profile, said: Any, profile_says: Any, is_: str
) -> None:
    """A scope that the caller names beats the profile's."""
    profile = replace(profile, scope=profile_says)
    answer = llama.generate("Say **yes**.", heads=profile, scope=said, max_new_tokens=2)
    assert answer.steering.scope == is_
    assert answer.steering.spans[0].strength == 2.5


def test_bare_heads_steer_every_query(llama: Model) -> None:
    """Heads that come from no profile have scope ``all``."""
    assert llama.generate("Say **yes**.", heads=GAINS, max_new_tokens=2).steering.scope == "all"


def test_rows_of_a_batch_have_their_own_scopes(llama: Model, profile: Profile) -> None:
    """Two profiles in one batch, each with its own strength and scope."""
    answers = llama.generate(
        ["Say **yes**.", "Say **no**.", "Say **yes**."],
        heads=[profile, replace(profile, scope="all", strength=1.0), profile],
        max_new_tokens=2,
    )
    assert [answer.steering.scope for answer in answers] == ["answer", "all", "answer"]
    assert [answer.steering.spans[0].strength for answer in answers] == [2.5, 1.0, 2.5]


def test_a_profile_file_is_compared_too(llama: Model, profile: Profile, tmp_path: Path) -> None:
    """By path as by object."""
    profile.save(tmp_path / "mine.json")
    assert select_heads(llama.model, tmp_path / "mine.json", llama.tokenizer).scope == "answer"
    with pytest.raises(HeadError, match="another model"):
        select_heads(another(llama).model, str(tmp_path / "mine.json"), llama.tokenizer)


def test_the_stamped_model_is_compared_with_its_shipped_profile(llama: Model) -> None:
    """A stamp alone does not make a model the one that the shipped profile is for."""
    setattr(llama.model, STAMP, "smollm2")
    with pytest.raises(HeadError, match="SmolLM2"):
        select_heads(llama.model, None, llama.tokenizer)


def test_comparing_costs_nothing_noticeable(smollm2: tuple[Any, Any]) -> None:
    """After the first call, choosing the heads of the shipped profile takes milliseconds."""
    model, tokenizer = smollm2
    profile = Profile.load("smollm2")
    select_heads(model, profile, tokenizer)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        select_heads(model, profile, tokenizer)
        times.append(time.perf_counter() - began)
    assert min(times) < 0.02  # some 2 ms alone on a machine
