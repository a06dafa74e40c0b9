"""Write docs/benchmarks.md from the rounds in benchmarks/results (or print a table of another folder).

python benchmarks/table.py [FOLDER]
"""

from __future__ import annotations

import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pairs import amount, ratio
from store import read

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "benchmarks.md"

FLOORS = (
    (r"null ", r"loaded|detached|null plan", 1),
    (r"decode \d+", r"steered", 3),
    (r"prefill \d+", r"steered, end", 2),
    (r"prefill \d+", r"steered, start", 5),
    (r"memory \d+", r"steered.*", 5),
    (r"serve \d+", r"steered", 5.2),
    (r"batching 8, steered", r"8 at once", -60),
    (r"vllm (prefill|decode) \d+", r"idle|steered", 11.1),
    (r"second question 4000", r"session|document.*|answer scope", -85),
    (r"closed loop ", r"target|release", 10),
)
"""Case, arm, and how many percent more it may take at most; of throughput, 95 % is 5.2 more time, 90 % 11.1,
2.5 times 60 less; 0.15 of the time is 85 less."""

SECTIONS = {
    "null_law": "Unsteered: the null law",
    "steering_cost": "Steered: prefill and decode",
    "memory": "Peak memory of the process",
    "import_time": "Import",
    "routes": "One attention call, by route",
    "serve": "Served: under load",
    "sessions": "Kept: the second question about a document",
    "closed_loop_bfloat16": "Closed loops: target share and release, at decoding",
    "vllm_eager_bfloat16": "Inside vLLM",
    "vllm_compiled_bfloat16": "Inside vLLM, compiled",
}

HEAD = """# Benchmarks

Written by `python benchmarks/table.py` from `benchmarks/results/`; made with `make bench FULL=1`. How it is measured,
and what every arm is: [benchmarks/README.md](../benchmarks/README.md).

*more* is the median over the rounds of how much more an arm took than the first arm of its case in the same round, with
a bootstrap 95 % interval. *held* means that the whole interval is within the floor, *open* that only the median is.
"""


def main() -> None:
    """Write the page, or print it for another folder than the project's own results."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "results"
    page = "\n".join([HEAD, *(section(folder / f"{name}.jsonl", title) for name, title in SECTIONS.items())])
    if len(sys.argv) > 1:
        print(page)
    else:
        PAGE.write_text(page, encoding="utf-8")


def section(path: Path, title: str) -> str:
    """Return the section of one file of rounds."""
    if not path.exists():
        return f"## {title}\n\nNot measured.\n"
    facts, *lines = read(path)
    said = ", ".join(f"{name} {value}" for name, value in facts["facts"].items())
    rows = ["| case | arm | median | more | floor | rounds |", "|---|---|---|---|---|---|", *table(lines)]
    return "\n".join([f"## {title}\n", f"{said}.\n", *rows, "", *notes(lines)])


def table(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a row for every arm of every case."""
    cases: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        if "took" in line:
            cases.setdefault(line["case"], []).append(line)
    for case, measured in cases.items():
        rounds = [line["took"] for line in measured]
        first = next(iter(rounds[0]))
        for arm in rounds[0]:
            took = [one[arm] for one in rounds if arm in one]
            median = amount(statistics.median(took), measured[0]["unit"])
            more = "" if arm == first else ratio(rounds, arm, first).percent
            yield f"| {case} | {arm} | {median} | {more} | {verdict(case, arm, rounds, first)} | {len(took)} |"


def verdict(case: str, arm: str, rounds: Sequence[dict[str, float]], first: str) -> str:
    """Return the floor of an arm and whether it holds; nothing where there is none."""
    for cases, arms, percent in FLOORS:
        if arm != first and re.match(cases, case) and re.fullmatch(arms, arm):
            found, most = ratio(rounds, arm, first), 1 + percent / 100
            word = "held" if found.high <= most else "open" if found.median <= most else "**missed**"
            return f"≤ {percent} % {word}"
    return ""


def notes(lines: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield what was found beside the rounds; the latest of a kind counts."""
    latest: dict[tuple[str, ...], str] = {}
    for line in lines:
        if "note" in line:
            said = "; ".join(f"{name}: {_words(value)}" for name, value in line["note"].items())
            latest[(line["case"], *line["note"])] = f"- {line['case']}: {said}"
    yield from latest.values()
    if latest:
        yield ""


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{name} {'yes' if said is True else 'NO' if said is False else said}" for name, said in value.items()
        )
    return str(value)


if __name__ == "__main__":
    main()
