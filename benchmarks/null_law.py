"""The null law: a model that boldface loaded, left, or was given nothing to do for, is bit-identical and no slower.

``untouched`` is the same folder loaded by transformers alone. The logits are also compared with those of a fresh
process that never imports boldface. ``untouched again`` shows how much of a difference is noise.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys

import torch
from pairs import interleave
from steering_cost import WARMUP, decodes, prefill
from store import Rounds, options
from subject import MODEL, Arm, Subject, subject
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from boldface.attention.attach import Attachment
from boldface.attention.geometry import geometry
from boldface.engine.loading import load_pretrained

SIZES = {"quick": "128=10", "full": "512=100"}
STEPS = {"quick": 40, "full": 300}

FRESH = """
import hashlib, sys, torch
from transformers import AutoModelForCausalLM
torch.set_num_threads(int(sys.argv[2]))
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32, local_files_only=True).eval()
with torch.no_grad():
    logits = model(torch.tensor([[int(word) for word in sys.stdin.read().split()]])).logits
assert not any(name.startswith("boldface") for name in sys.modules)
print(hashlib.sha256(logits.numpy().tobytes()).hexdigest())
"""


def untouched(what: Subject, folder: str) -> PreTrainedModel:
    """Load the folder by transformers alone, then lay its weights where the other arms' weights are."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    for own, shared in zip(model.parameters(), what.model.parameters(), strict=True):
        if not torch.equal(own, shared):
            raise SystemExit("The weights that boldface loads are not those in its folder.")
        own.data = shared.data
    return model


def arms(what: Subject, folder: str) -> dict[str, Arm]:
    """Return what is compared; the first is the yardstick."""
    detached = what.twin()
    plan = what.plan(64, "start")
    with torch.no_grad(), Attachment(detached, plan, prompt=what.ids[:, :64]):
        detached(what.ids[:, :64])
    null = what.twin()
    geometry(null)
    model = untouched(what, folder)
    return {
        "untouched": Arm(model),
        "untouched again": Arm(model),
        "loaded": Arm(what.model),
        "detached": Arm(detached),
        "null plan": Arm(null, lambda ids: Attachment(null, what.plan(ids.shape[1], "nowhere"), prompt=ids)),
    }


def identical(compared: dict[str, Arm], ids: Tensor, folder: str, threads: int) -> dict[str, bool]:
    """Return for every arm whether its logits are those of a fresh process, to the bit."""
    answer = subprocess.run(
        [sys.executable, "-c", FRESH, folder, str(threads)],
        input=" ".join(map(str, ids[0].tolist())),
        text=True,
        capture_output=True,
        check=True,
    )
    fresh = answer.stdout.split()[-1]
    hashes = {}
    for name, arm in compared.items():
        with torch.no_grad(), arm.attach(ids):
            hashes[name] = hashlib.sha256(arm.model(ids).logits.numpy().tobytes()).hexdigest()
    return {name: one == fresh for name, one in hashes.items()}


def main() -> None:
    """Run the benchmark."""
    chosen = options(__doc__, SIZES)
    steps = STEPS["full" if chosen.full else "quick"]
    what = subject(max(chosen.rounds) + steps + WARMUP, chosen.threads)
    store = Rounds(chosen.out / "null_law.jsonl", what.facts, resume=chosen.resume)
    folder = load_pretrained(MODEL)[2].place
    compared = arms(what, folder)
    for length, rounds in chosen.rounds.items():
        ids = what.ids[:, :length]
        same = identical(compared, ids, folder, what.threads)
        store.note(f"null prefill {length}", identical=same)
        print(f"null prefill {length}: bit-identical: {same}", flush=True)
        runs = {name: prefill(arm, ids) for name, arm in compared.items()}
        interleave(store, f"null prefill {length}", runs, rounds)
        decodes(store, f"null decode {length}", compared, what.ids, length, steps)
        if not all(same.values()):
            raise SystemExit("The null law is broken.")


if __name__ == "__main__":
    main()
