"""Make the head gains that ship with boldface: learn them on a frozen model, prune them, judge them, write a profile.

    python benchmarks/make_default_gains.py smollm2 --data DATA --out src/boldface/profiles/shipped/smollm2.json

Every head's gain is a free number, ``1.5 * tanh(raw)``, and the model is frozen. A step makes the wanted answers of a
few prompts a task likelier while their emphasis stands (weighted cross-entropy of the target's tokens), keeps the model
close to itself where emphasis should change nothing (KL divergence on the ``calm`` task) and pays for every gain that
is not 0. Adam, cosine decay. Small gains are pruned; strength is chosen on the validation split; the test split is
looked at once, at the end, with two placebos: the same gains with another span emphasised, and the same gains on
randomly drawn heads.

DATA holds ``wikibios/wikibios.jsonl.gz`` and ``counterfact/counterfact.jsonl.gz`` (see gain_tasks.py); the variable
``BOLDFACE_DATA`` names it as well.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from gain_tasks import Example, Template, examples, followed
from torch import Tensor
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.emphasis.strength import DEFAULT_STRENGTH
from boldface.emphasis.tokens import EncodedPrompt, encode
from boldface.engine.catalogue import EMBEDDED
from boldface.engine.loading import load_pretrained
from boldface.engine.settings import settings
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile
from boldface.steering.plan import Plan, Steering, build_plan

LARGEST_GAIN = 1.5
# Examples a step, weight in the loss.
MIX = {
    "json": (5, 6.0),
    "choice": (3, 3.0),
    "pronouns": (1, 3.0),
    "occupation": (2, 0.5),
    "fact": (4, 1.5),
    "calm": (2, 2.0),
}
ALL_TASKS = ("json", "json unseen", "choice", "pronouns", "occupation", "fact")
CALM = 0.2  # nats a token, divergence from the plain model
NEW_TOKENS = {"json": 40, "choice": 40, "pronouns": 110}


@dataclass
class Learner:
    """A frozen model and what is needed to steer it.

    Attributes:
        model: The model, in the dtype it learns in.
        tokenizer: Its tokenizer.
        heads: Query heads of every layer.
        template: Its chat template, if it is an instruct model.
    """

    model: Any
    tokenizer: Any
    heads: dict[int, int]
    template: Template | None

    def encode(self, example: Example, strength: float, placebo: bool = False) -> EncodedPrompt:
        """Tokenize an example's prompt with its emphasis, or with the placebo's."""
        prompt = example.other if placebo else example.prompt
        return encode(self.tokenizer, prompt, default=strength, add_special_tokens=not example.chat)

    def target(self, example: Example) -> list[int]:
        """Tokenize the wanted answer."""
        ids = self.tokenizer(example.target, add_special_tokens=False).input_ids
        return ids + [self.tokenizer.eos_token_id] * example.ends

    def lay_out(self, prompts: Sequence[EncodedPrompt], gains: HeadGains) -> tuple[Tensor, Tensor, Plan]:
        """Pad prompts on the left: ids and mask (batch, width), and their plan."""
        width = max(len(prompt.ids) for prompt in prompts)
        rows = [Steering(prompt.spans, gains) for prompt in prompts]
        plan = build_plan(rows, [len(prompt.ids) for prompt in prompts], self.heads)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (width - len(prompt.ids)) + list(prompt.ids) for prompt in prompts])
        mask = torch.tensor([[0] * (width - len(p.ids)) + [1] * len(p.ids) for p in prompts])
        return ids, mask, plan

    def target_logits(self, batch: Sequence[Example], gains: Tensor | None, strength: float) -> tuple[Tensor, Tensor]:
        """Teacher-force the targets: float32 logits (tokens, vocabulary) and ids (tokens,) of all their tokens.

        Args:
            batch: Examples.
            gains: (layers, heads), differentiable; None for the plain model.
            strength: Nats.
        """
        every = HeadGains((layer, head) for layer, count in self.heads.items() for head in range(count))
        ids, mask, plan = self.lay_out([self.encode(example, strength) for example in batch], every)
        targets = [self.target(example) for example in batch]
        longest, pad = max(map(len, targets)), self.tokenizer.pad_token_id
        tail = torch.tensor([target + [pad] * (longest - len(target)) for target in targets])
        real = torch.tensor([[1] * len(target) + [0] * (longest - len(target)) for target in targets])
        ids, mask = torch.cat([ids, tail], 1), torch.cat([mask, real], 1)
        inputs = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        inputs["position_ids"] = (mask.cumsum(1) - 1).clamp(min=0)
        if gains is None:
            hidden = self.model.model(**inputs).last_hidden_state
        else:
            rows = {layer: gains[layer][None].expand(len(batch), -1) for layer in plan.gains}
            with Attachment(self.model, replace(plan, gains=rows), route="folded"):
                hidden = self.model.model(**inputs).last_hidden_state
        hidden = hidden[:, plan.width - 1 : -1][real.bool()]
        return self.model.lm_head(hidden).float(), tail[real.bool()]

    def loss(self, task: str, batch: Sequence[Example], gains: Tensor, strength: float) -> Tensor:
        """Mean over the target's tokens: cross-entropy, or for ``calm`` the divergence from the plain model."""
        logits, ids = self.target_logits(batch, gains, strength)
        if task != "calm":
            return cross_entropy(logits, ids)
        with torch.no_grad():
            plain = log_softmax(self.target_logits(batch, None, strength)[0], -1)
        return kl_div(log_softmax(logits, -1), plain, log_target=True, reduction="batchmean")

    def answers(
        self, batch: Sequence[Example], gains: HeadGains, strength: float, placebo: bool = False, at_once: int = 16
    ) -> list[str]:
        """Generate greedily, steered (plain for no gains)."""
        texts: list[str] = []
        for part in _parts(batch, at_once):
            encoded = [self.encode(example, strength, placebo) for example in part]
            ids, mask, plan = self.lay_out(encoded, gains)
            with Attachment(self.model, plan, prompt=ids), torch.no_grad():
                made = self.model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    do_sample=False,
                    max_new_tokens=NEW_TOKENS[part[0].task],
                    pad_token_id=self.tokenizer.pad_token_id,
                )
            texts += self.tokenizer.batch_decode(made[:, ids.shape[1] :], skip_special_tokens=True)
        return texts

    def next_logits(
        self, batch: Sequence[Example], gains: HeadGains, strength: float, placebo: bool = False, at_once: int = 16
    ) -> Tensor:
        """Logits of the first answer token: (examples, vocabulary)."""
        found = []
        for part in _parts(batch, at_once):
            ids, mask, plan = self.lay_out([self.encode(example, strength, placebo) for example in part], gains)
            positions = (mask.cumsum(1) - 1).clamp(min=0)
            with Attachment(self.model, plan, prompt=ids), torch.no_grad():
                hidden = self.model.model(input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=False)
                found.append(self.model.lm_head(hidden.last_hidden_state[:, -1]).float())
        return torch.cat(found)


def _parts(batch: Sequence[Example], size: int) -> Iterable[Sequence[Example]]:
    return (batch[start : start + size] for start in range(0, len(batch), size))


def learn(learner: Learner, data: Path, args: argparse.Namespace) -> HeadGains:
    """Learn signed gains of all heads; what has been learned is saved every ten steps."""
    torch.manual_seed(args.seed)
    layers, heads = len(learner.heads), max(learner.heads.values())
    raw = torch.zeros(layers, heads, requires_grad=True)
    optimizer = torch.optim.Adam([raw], lr=args.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps, eta_min=args.rate * 0.05)
    streams = {task: itertools.cycle(examples(task, data, "train", learner.template)) for task in MIX}
    began = time.monotonic()
    for step in range(args.steps):
        gains, told = LARGEST_GAIN * torch.tanh(raw), []
        leaf = gains.detach().requires_grad_()
        for task, (count, weight) in MIX.items():
            loss = learner.loss(task, list(itertools.islice(streams[task], count)), leaf, DEFAULT_STRENGTH)
            (loss * weight / sum(weight for _, weight in MIX.values())).backward()
            told.append(f"{task} {loss.item():.3f}")
        price = args.price * gains.abs().sum()
        optimizer.zero_grad()
        torch.autograd.backward([gains, price], [leaf.grad, torch.ones(())])
        optimizer.step()
        schedule.step()
        line = f"{step:3d} {time.monotonic() - began:5.0f} s  {'  '.join(told)}  heads {(gains.abs() > 0.2).sum()}"
        print(line, flush=True)
        if step % 10 == 9 or step == args.steps - 1:
            learned = _gains(LARGEST_GAIN * torch.tanh(raw.detach()))
            args.work.mkdir(parents=True, exist_ok=True)
            (args.work / f"gains-{args.model}-{step + 1}.json").write_text(json.dumps(learned.to_layers()))
    return learned


def _gains(values: Tensor) -> HeadGains:
    rows = enumerate(values.tolist())
    return HeadGains({(layer, head): round(gain, 4) for layer, row in rows for head, gain in enumerate(row)})


def prune(gains: HeadGains, least: float) -> HeadGains:
    """Drop gains below ``least`` in size and round the others to two digits."""
    kept = gains.select(lambda _, gain: abs(gain) >= least)
    return HeadGains({head: round(gain, 2) for head, gain in kept.items()})


def shuffled(gains: HeadGains, heads: dict[int, int], seed: int) -> HeadGains:
    """Return the same gains on randomly drawn heads: the placebo for the choice of heads."""
    every = [(layer, head) for layer, count in heads.items() for head in range(count)]
    return HeadGains(dict(zip(random.Random(seed).sample(every, len(gains)), gains.values(), strict=True)))


def choose(learner: Learner, data: Path, learned: HeadGains, count: int = 8) -> tuple[HeadGains, float]:
    """Choose pruning and strength by the weighted loss on the validation split.

    Only what disturbs the ``calm`` task by at most ``CALM`` counts (beyond, answers begin to repeat themselves); of
    what is as good, the fewest heads.
    """
    batches = {
        task: list(itertools.islice(examples(task, data, "validation", learner.template), count)) for task in MIX
    }
    layers, heads = len(learner.heads), max(learner.heads.values())
    tried = []
    for least, scale in itertools.product((0.2, 0.35), (0.5, 0.75, 1.0)):
        gains, strength = prune(learned, least), round(DEFAULT_STRENGTH * scale, 3)
        values = torch.zeros(layers, heads)
        for head, gain in gains.items():
            values[head] = gain
        with torch.no_grad():
            losses = {task: learner.loss(task, batch, values, strength).item() for task, batch in batches.items()}
        total = sum(loss * MIX[task][1] for task, loss in losses.items())
        told = "  ".join(f"{task} {loss:.3f}" for task, loss in losses.items())
        print(f"least {least}  strength {strength}  heads {len(gains)}  total {total:.3f}  {told}", flush=True)
        if losses["calm"] <= CALM:
            tried.append((total, gains, strength))
    if not tried:
        raise SystemExit(f"Every setting disturbs plain text by more than {CALM} nats a token; learn with less.")
    best = min(total for total, _, _ in tried)
    _, gains, strength = min((one for one in tried if one[0] <= best * 1.03), key=lambda one: (len(one[1]), one[0]))
    return gains, strength


def judge(
    learner: Learner,
    data: Path,
    gains: HeadGains,
    strength: float,
    count: int,
    *,
    placebo: bool = False,
    tasks: Sequence[str] = ALL_TASKS,
    split: str = "test",
) -> dict[str, dict[str, float]]:
    """Score tasks: every metric's share and standard error, over all prompts and over chat and raw ones apart.

    ``json unseen`` asks in words of which no training prompt is made. ``occupation`` and ``fact`` look at the first
    token alone and are judged on four times as many prompts.
    """
    scores: dict[str, dict[str, float]] = {}
    for name in tasks:
        task = name.split()[0]
        wanted = count if task in NEW_TOKENS else 4 * count
        source = examples(task, data, split, learner.template, unseen="unseen" in name)
        batch = list(itertools.islice(source, wanted))
        if task in NEW_TOKENS:
            answers = learner.answers(batch, gains, strength, placebo)
            told = [followed(example, answer) for example, answer in zip(batch, answers, strict=True)]
        else:
            told = _first_token(learner, batch, learner.next_logits(batch, gains, strength, placebo))
        for metric in told[0]:
            hits = [one[metric] for one in told]
            scores.setdefault(name, {}).update(_share(metric, hits))
            if learner.template and metric in ("strict", "wanted", "changed", "new"):
                for kind in (True, False):
                    part = [hit for hit, example in zip(hits, batch, strict=True) if example.chat is kind]
                    scores[name].update(_share(f"{metric} {'chat' if kind else 'raw'}", part))
        scores[name]["prompts"] = len(batch)
        print(f"{name}: {scores[name]}", flush=True)
    return scores


def _first_token(learner: Learner, batch: Sequence[Example], logits: Tensor) -> list[dict[str, bool]]:
    first = functools.cache(lambda text: learner.tokenizer(text, add_special_tokens=False).input_ids[0])
    if batch[0].task == "fact":
        pairs = [(first(example.target), first(example.info["old"])) for example in batch]
        return [{"new": bool(row[new] > row[old])} for row, (new, old) in zip(logits, pairs, strict=True)]
    jobs = sorted({job for example in batch for job in example.info["occupations"]})
    told = []
    for row, example in zip(logits, batch, strict=True):
        best = max({first(" " + job) for job in jobs}, key=row.__getitem__)
        told.append({"top1": best in {first(" " + job) for job in example.info["occupations"]}})
    return told


def _share(name: str, hits: Sequence[bool]) -> dict[str, float]:
    share = sum(hits) / len(hits)
    return {name: round(share, 4), f"{name} stderr": round(math.sqrt(share * (1 - share) / len(hits)), 4)}


def load(name: str, dtype: torch.dtype) -> Learner:
    """Load a frozen model."""
    model, tokenizer, origin = load_pretrained(name, dtype=dtype)
    model.requires_grad_(False)

    def template(words: str) -> str:
        message = [{"role": "user", "content": words}]
        return tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)

    return Learner(model, tokenizer, dict(geometry(model).heads), template if origin.chat else None)


def main() -> None:
    """Learn, prune, choose the strength, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=("smollm2", "gemma"))
    parser.add_argument("--data", type=Path, help="folder of the data sets (default: BOLDFACE_DATA)")
    parser.add_argument("--out", type=Path, required=True, help="profile to write")
    parser.add_argument("--work", type=Path, default=Path("build/gains"), help="folder for what was learned so far")
    parser.add_argument("--gains", type=Path, help="skip learning: {layer: {head: gain}} from an earlier run")
    parser.add_argument("--steps", type=int, default=70)
    parser.add_argument("--rate", type=float, default=0.08, help="learning rate")
    parser.add_argument("--price", type=float, default=0.001, help="loss for every gain of size 1")
    parser.add_argument("--least", type=float, default=0.2, help="smaller gains are pruned")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=48, help="prompts a task that are judged")
    parser.add_argument("--float32", action="store_true", help="learn and judge in float32 rather than bfloat16")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    data = settings(data=args.data).data
    if data is None:
        parser.error("name the data folder: --data or BOLDFACE_DATA")
    torch.manual_seed(args.seed)
    dtype = torch.float32 if args.float32 else torch.bfloat16
    learner = load(args.model, dtype)
    learned = _read(args.gains) if args.gains else learn(learner, data, args)
    gains, strength = choose(learner, data, learned)
    layers, heads = len(learner.heads), max(learner.heads.values())
    description = {
        "name": args.model,
        "model": EMBEDDED[args.model].title,
        "gains": gains,
        "strength": strength,
        "layers": layers,
        "heads": heads,
        "method": "signed gains learned on the frozen model (benchmarks/make_default_gains.py)",
        "note": "A first default, learned in minutes: it serves the demo, not a benchmark.",
        "seed": args.seed,
        "trained_on": {
            "tasks": {task: {"a step": count, "weight": weight} for task, (count, weight) in MIX.items()},
            "steps": args.steps,
            "learning rate": args.rate,
            "price of a gain": args.price,
            "split": "train (a hash of the row's id)",
            "data": "wikibios (CC BY-SA 4.0), CounterFact (MIT)",
        },
    }
    Profile(**description).save(args.out)
    placebo = ("json", "choice", "fact")
    scores = {"split": "test", "dtype": str(dtype).removeprefix("torch.")}
    for name, arm, tasks in (
        ("steered", {"gains": gains}, ALL_TASKS),
        ("plain", {"gains": HeadGains()}, ALL_TASKS),
        ("other span emphasised", {"gains": gains, "placebo": True}, placebo),
        ("random heads, same gains", {"gains": shuffled(gains, learner.heads, args.seed)}, placebo),
    ):
        print(name, flush=True)
        scores[name] = judge(learner, data, strength=strength, count=args.count, tasks=tasks, **arm)
        Profile(**description, scores=scores).save(args.out)


def _read(path: Path) -> HeadGains:
    return HeadGains.from_layers(json.loads(path.read_text()))


if __name__ == "__main__":
    main()
