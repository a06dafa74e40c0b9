"""Explain: how long ``boldface explain`` takes on a prompt of 500 tokens, by where the emphasis stands.

    python benchmarks/explain.py smollm2

The model answers with and without the emphasis (64 tokens at most), both answers' readings are taken, the slopes of all
heads, and every head that the profile steers is left out in turn. What stands before the emphasis is read once, so an
instruction at the end costs least; one at the very start costs most. A row of a Markdown table for each place; the last
columns say how the effects of leaving heads out agree with the slopes (Spearman), and over how many heads.
"""

from __future__ import annotations

import argparse
import time

import torch

import boldface
from boldface.insight.explaining.explain import explain

TOKENS, LONGEST = 500, 64
WISH = "**Answer as JSON with the keys topic and summary.**"
SENTENCES = (
    "The mill at the river was built in {year} by a family of bakers. Its wheel drove two stones, and later a saw. "
    "In dry summers the water of the pond lasted for {hours} hours of work a day. "
)
PLACES = {"start": 0.0, "middle": 0.5, "end": 1.0}


def prompt_at(place: float, tokenizer: object, length: int) -> str:
    """Return a text of about so many tokens with the wish at a place, from 0, its start, to 1, its end."""
    sentences = [SENTENCES.format(year=1700 + 7 * number, hours=number % 9 + 1) for number in range(length)]
    count = next(n for n in range(1, length) if len(tokenizer(" ".join(sentences[:n])).input_ids) > length)  # type: ignore[operator]
    kept, cut = sentences[:count], round(place * count)
    return "\n".join(("".join(kept[:cut]), WISH, "".join(kept[cut:]))).strip()


def main() -> None:
    """Time one explanation for every place."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--places", default=",".join(PLACES), help="Some of start, middle, end.")
    chosen = parser.parse_args()
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    model = boldface.load(chosen.model)
    print(f"{chosen.model}, float32, {torch.get_num_threads()} threads\n")
    print("| emphasis at the | prompt tokens | answer tokens | seconds | of them answering | Spearman | heads |")
    print("|---|---|---|---|---|---|---|")
    for name in chosen.places.split(","):
        prompt = prompt_at(PLACES[name], model.tokenizer, TOKENS - 60)
        first: list[float] = []
        began = time.perf_counter()
        told = explain(
            model, prompt, max_new_tokens=LONGEST, watch=lambda *_, seen=first: seen.append(time.perf_counter())
        )
        took, answering = time.perf_counter() - began, first[0] - began
        agreement = "–" if told.agreement is None else f"{told.agreement:.2f}"
        shape = f"{len(told.tokens)} | {len(told.answer)} | {took:.1f} | {answering:.1f}"
        print(f"| {name} | {shape} | {agreement} | {len(told.ranked)} |", flush=True)


if __name__ == "__main__":
    main()
