"""Peak memory of a prompt and eight steps of its answer: a process of its own for every measurement.

The plain process loads model and tokenizer by transformers alone and never imports boldface. The peak is that of the
whole process, weights and libraries included.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

from pairs import summary
from store import Rounds, options

SIZES = {"quick": "512=1", "full": "2048=5 8000=5"}
ARMS = ("plain", "steered, end", "steered, start", "naive, sdpa")
STEPS = 8


def measure(arm: str, length: int, threads: int, folder: str) -> None:
    """Print this process's peak in MiB."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

    ids = torch.tensor([[int(word) for word in sys.stdin.read().split()]])
    prompt, rest = ids[:, :length], ids[:, length:]
    if arm == "plain":
        torch.set_num_threads(threads)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        context = nullcontext(tokenizer)
    else:
        from subject import subject

        what = subject(ids, threads)
        kind, how = arm.split(", ")
        chosen = what.naive("start", how) if kind == "naive" else what.steered(how)
        model, context = chosen.model, chosen.attach(prompt)
    with torch.no_grad(), context:
        cache = DynamicCache(config=model.config)
        model(prompt, past_key_values=cache, logits_to_keep=1)
        for token in rest.split(1, dim=1):
            model(token, past_key_values=cache)
    print(peak())


def peak() -> float:
    """Return the peak of this process's resident memory in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss would begin with the peak of the process that started this one
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    """Measure every arm as often as the rounds say."""
    from naive import bytes_free, bytes_needed
    from subject import MODEL, subject

    from boldface.engine.loading import load_pretrained

    chosen = options(__doc__, SIZES)
    what = subject(max(chosen.rounds) + STEPS, chosen.threads)
    folder = load_pretrained(MODEL)[2].place
    store = Rounds(chosen.out / "memory.jsonl", what.facts, resume=chosen.resume)
    for length, rounds in chosen.rounds.items():
        case = f"memory {length}"
        text = " ".join(map(str, what.ids[0, : length + STEPS].tolist()))
        arms = list(ARMS)
        needed = bytes_needed(what.plan(length, "start"), "sdpa")
        if needed > 0.8 * bytes_free():
            arms.remove("naive, sdpa")
            store.note(case, skipped=f"naive, sdpa: needs {needed / 1e9:.0f} GB")
        for _ in range(len(store.rounds(case)), rounds):
            peaks = {}
            for arm in random.sample(arms, len(arms)):
                command = [sys.executable, __file__, "--measure", arm, str(length), str(what.threads), folder]
                answer = subprocess.run(command, input=text, text=True, stdout=subprocess.PIPE, check=True)
                peaks[arm] = float(answer.stdout.split()[-1])
            store.add(case, {arm: peaks[arm] for arm in arms}, "MiB")
            print(f"{case}: {summary(store.rounds(case), 'MiB')}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        main()
