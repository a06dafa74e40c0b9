"""Models that run on a flash kernel, by a double of the kernel that runs anywhere."""

import copy
import functools

import pytest
import torch
from transformers import DynamicCache
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, flash_attention_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from boldface.attention.attach import Attachment
from boldface.errors import RouteError
from boldface.testing import MUTANTS, TOLERANCE, LawBroken, check_decode, sample, tiny
from boldface.testing.laws import distance, forward

NAME = "flash_double"


def flash_double(module, query, key, value, attention_mask, scaling=None, sliding_window=None, **options):
    """Flash attention's conventions: causal from the last key, windows as an argument, padding as a 2-D mask."""
    assert query.shape[-1] == key.shape[-1] == value.shape[-1]
    queries, keys = query.shape[2], key.shape[2]
    age = torch.arange(queries)[:, None] + keys - queries - torch.arange(keys)
    seen = (age >= 0) & ((age < sliding_window) if sliding_window else True)
    seen = seen if attention_mask is None else seen & attention_mask.bool()[:, None, None, :]
    groups = query.shape[1] // key.shape[1]
    scores = query @ key.repeat_interleave(groups, 1).transpose(-1, -2) * scaling
    weights = torch.softmax(scores.masked_fill(~seen, torch.finfo(query.dtype).min), -1)
    return (weights @ value.repeat_interleave(groups, 1)).transpose(1, 2), None


@pytest.fixture
def flash(monkeypatch):
    """Make the twin of a tiny model that runs on the double, and the tiny model itself, both in float64."""
    functions = [(ALL_ATTENTION_FUNCTIONS, flash_double), (ALL_MASK_ATTENTION_FUNCTIONS, flash_attention_mask)]
    for table, function in functions:
        monkeypatch.setitem(table._global_mapping, NAME, function)

    def twins(architecture):
        model = copy.deepcopy(tiny(architecture)).double()
        twin = copy.deepcopy(model)
        for module in twin.modules():
            if getattr(module, "config", None) is not None:
                module.config._attn_implementation_internal = NAME
        return twin, model

    return twins


@pytest.mark.parametrize("own_windows", [False, True], ids=["full cache", "sliding cache"])
@pytest.mark.parametrize("padding", [None, "left", "right"])
@pytest.mark.parametrize("architecture", ["llama", "mistral", "gemma3"])
def test_decoding_on_a_flash_kernel_equals_the_oracle(flash, architecture, padding, own_windows):
    """Chunked prefill and decoding, with the window in the cache or in the kernel alone, equal the oracle."""
    twin, model = flash(architecture)
    batch = sample(model, padding=padding, scopes=("all", "answer", "all"))
    cache = (lambda: DynamicCache(config=twin.config)) if own_windows else DynamicCache
    assert distance(forward(twin, batch, None), forward(model, batch, None)) <= TOLERANCE
    for route in ("folded", "auto"):
        law = functools.partial(check_decode, twin, route, batch, cache=cache, chunks=(5, 14), oracle=model)
        law()
        for mutant in MUTANTS.values():
            with pytest.raises(LawBroken, match="oracle"):
                law(mutant=mutant)


def test_float32_on_a_flash_kernel_is_refused(flash):
    """Flash kernels round float32 to 16 bits, which a single column does not survive."""
    twin, _ = flash("llama")
    twin = twin.float()
    batch = sample(twin)
    with torch.no_grad(), Attachment(twin, batch.plan), pytest.raises(RouteError, match="round float32"):
        twin(batch.ids)
