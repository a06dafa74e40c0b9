"""How long ``import boldface`` takes in a fresh interpreter, and that it leaves torch and transformers alone."""

from __future__ import annotations

import subprocess
import sys

from pairs import summary
from store import Rounds, machine, options

SIZES = {"quick": "0=11", "full": "0=51"}
CODE = """
import sys, time
begin = time.perf_counter()
import boldface
print(time.perf_counter() - begin, [name for name in ("torch", "transformers", "numpy") if name in sys.modules])
"""


def main() -> None:
    """Run the benchmark; the files are in the page cache from the second round on."""
    chosen = options(__doc__, SIZES)
    store = Rounds(chosen.out / "import_time.jsonl", machine(), resume=chosen.resume)
    case = "import"
    for _ in range(len(store.rounds(case)), max(chosen.rounds.values())):
        answer = subprocess.run([sys.executable, "-c", CODE], text=True, capture_output=True, check=True)
        seconds, heavy = answer.stdout.strip().split(" ", 1)
        store.add(case, {"import boldface": float(seconds)})
        if heavy != "[]":
            raise SystemExit(f"import boldface imports {heavy}.")
    taken = [one["import boldface"] for one in store.rounds(case)]
    print(f"{case}: {summary(store.rounds(case))}, best {1000 * min(taken):.2f} ms, without torch", flush=True)


if __name__ == "__main__":
    main()
