"""Drift: what the canaries of a profile say of a model that was changed, beside what the profile still does.

    python benchmarks/drift.py smollm2 --data DATA

The profile gets its canaries on the model as it is. Then the model is changed in one way after the other, and a row of
a Markdown table says what ``boldface profiles check`` finds: share kept with its interval, how far the plain model
moved, the verdict. Beside it stands what a user would notice: on CounterFact's test split, with the new fact emphasised
and with the old one, how often the emphasised one is answered (32 rows, the lower of the two shares).

DATA holds CounterFact (see docs/evaluate.md); the variable ``BOLDFACE_DATA`` names it as well.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForCausalLM

import boldface
from boldface.emphasis.span import EmphasisedText
from boldface.engine.scoring import continuation_logprobs, following
from boldface.engine.settings import settings
from boldface.engine.steer import prepare
from boldface.errors import ModelError
from boldface.insight.drift import check
from boldface.profiles.profile import Profile
from boldface.profiling.canaries import measure
from boldface.tasks.catalogue import find_task
from boldface.tasks.data import Data
from boldface.tasks.example import Choose, Example

ROWS, BATCH, SEED = 32, 8, 0


def linears(model: nn.Module) -> Iterable[nn.Linear]:
    """Every linear layer of the decoder."""
    return (module for module in model.model.modules() if isinstance(module, nn.Linear))


def rounded(model: nn.Module, bits: int, group: int | None = None) -> None:
    """Round weights to that many bits; the largest of a row, or of a group in it, is the largest step."""
    for module in linears(model):
        weight = module.weight.view(module.weight.shape[0], -1, group or module.weight.shape[1])
        step = weight.abs().amax(dim=-1, keepdim=True).clamp(min=1e-9) / (2 ** (bits - 1) - 1)
        module.weight.copy_(((weight / step).round() * step).view_as(module.weight))


def noisy(model: nn.Module, size: float) -> None:
    """Add noise, in parts of the spread of a layer's weights."""
    generator = torch.Generator().manual_seed(SEED)
    for module in linears(model):
        module.weight.add_(torch.randn(module.weight.shape, generator=generator) * module.weight.std() * size)


def low_rank(model: nn.Module, size: float, rank: int = 8) -> None:
    """Add an update of low rank, in parts of the norm of a layer's weights."""
    generator = torch.Generator().manual_seed(SEED)
    for module in linears(model):
        rows, columns = module.weight.shape
        update = torch.randn(rows, rank, generator=generator) @ torch.randn(rank, columns, generator=generator)
        module.weight.add_(update * (size * module.weight.norm() / update.norm()))


def turned(model: nn.Module, *, heads: int = 0, groups: int = 0, layers: slice = slice(None)) -> None:
    """Move query heads on within their groups, and groups: without steering the outputs stay what they are."""
    config = model.config.get_text_config()
    kv_heads, group = config.num_key_value_heads, config.num_attention_heads // config.num_key_value_heads
    places = torch.arange(kv_heads * group * config.head_dim).view(kv_heads, group, config.head_dim)
    rows = places.roll((groups, heads), (0, 1)).flatten()
    kv_rows = torch.arange(kv_heads * config.head_dim).view(kv_heads, -1).roll(groups, 0).flatten()
    for layer in model.model.layers[layers]:
        attention = layer.self_attn
        attention.q_proj.weight.copy_(attention.q_proj.weight[rows])
        attention.o_proj.weight.copy_(attention.o_proj.weight[:, rows])
        for projection in (attention.k_proj, attention.v_proj):
            projection.weight.copy_(projection.weight[kv_rows])


def exchanged(model: nn.Module) -> None:
    """Let the attention of two neighbouring layers in the middle change places."""
    middle = len(model.model.layers) // 3
    one, other = (model.model.layers[index].self_attn for index in (middle, middle + 1))
    kept = copy.deepcopy(one.state_dict())
    one.load_state_dict(other.state_dict())
    other.load_state_dict(kept)


def drawn_anew(model: nn.Module) -> nn.Module:
    """Return another model of the same config."""
    torch.manual_seed(SEED)
    return AutoModelForCausalLM.from_config(model.config, dtype=torch.float32).eval()


CHANGES: Mapping[str, Callable[[Any], nn.Module | None]] = {
    "none": lambda _: None,
    "float16": lambda model: model.to(torch.float16),
    "bfloat16": lambda model: model.to(torch.bfloat16),
    "8 bits a weight": partial(rounded, bits=8),
    "6 bits": partial(rounded, bits=6),
    "4 bits, groups of 32": partial(rounded, bits=4, group=32),
    "4 bits, whole rows": partial(rounded, bits=4),
    "noise 1 %": partial(noisy, size=0.01),
    "noise 5 %": partial(noisy, size=0.05),
    "noise 10 %": partial(noisy, size=0.1),
    "noise 20 %": partial(noisy, size=0.2),
    "update of rank 8, 5 %": partial(low_rank, size=0.05),
    "update of rank 8, 10 %": partial(low_rank, size=0.1),
    "update of rank 8, 20 %": partial(low_rank, size=0.2),
    "two layers exchanged": exchanged,
    "heads turned in one layer": partial(turned, heads=1, layers=slice(12, 13)),
    "heads turned in every other layer": partial(turned, heads=1, layers=slice(None, None, 2)),
    "heads turned": partial(turned, heads=1),
    "groups turned": partial(turned, groups=1),
    "heads and groups turned": partial(turned, heads=1, groups=1),
    "another model of the same shape": drawn_anew,
}


def obeyed(model: boldface.Model, profile: Profile, rows: list[Example]) -> float:
    """Return how often the emphasised fact is answered, for the new or the old one, whichever is less."""
    shares = []
    for wanted in (0, 1):
        right = 0
        for start in range(0, len(rows), BATCH):
            batch = rows[start : start + BATCH]
            texts = [EmphasisedText(one.prompt.text, (one.prompt.spans, one.other)[wanted]) for one in batch]
            how = {"heads": profile.gains, "strength": profile.strength, "scope": profile.scope, "rule": profile.rule}
            prepared = prepare(model.model, model.tokenizer, texts, **how)
            for one, found in zip(batch, continuation_logprobs(model, prepared, [()] * len(batch)), strict=True):
                assert isinstance(one.question, Choose)
                first = [following(model.tokenizer, f" {word}", one.prompt.text)[0] for word in one.question.candidates]
                right += bool(found[0, first[wanted]] > found[0, first[1 - wanted]])
        shares.append(right / len(rows))
    return min(shares)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="an embedded model")
    parser.add_argument("--profile", help="its profile (default: the one that ships with it)")
    parser.add_argument("--data", type=Path, default=settings().data)
    parser.add_argument("--only", nargs="*", help="these changes")
    said = parser.parse_args()
    model = boldface.load(said.model)
    shipped = Profile.load(said.profile or said.model)
    canaries = measure(model, shipped.gains, shipped.strength, shipped.scope, rule=shipped.rule)
    profile = replace(shipped, identity=model.identity, canaries=canaries)
    asked = find_task("counterfact-efficacy").examples(Data(said.data), "test", "original")
    rows = list(islice((one for one in asked if one.info["kind"] == "efficacy"), ROWS))
    print("| change | kept (95 %) | plain moved | relation | verdict | obeyed |\n|---|---|---|---|---|---|")
    for name in said.only or CHANGES:
        other = copy.deepcopy(model.model)
        with torch.no_grad():
            other = CHANGES[name](other) or other
        live = boldface.Model(other, model.tokenizer)
        try:
            found = check(profile, live)
        except ModelError:
            print(f"| {name} | | | | refused: its numbers are not finite | |", flush=True)
            continue
        kept = f"{found.kept.mean:.0%} ({found.kept.low:.0%} to {found.kept.high:.0%})"
        kind = found.relation.kind if found.relation else ""
        told = f"| {name} | {kept} | {found.plain_moved:.3f} | {kind} | {found.verdict} "
        print(f"{told}| {obeyed(live, profile, rows):.0%} |", flush=True)


if __name__ == "__main__":
    main()
