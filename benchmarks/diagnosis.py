"""Faults planted in prompts that work, and what ``boldface diagnose`` says of each.

    python benchmarks/diagnosis.py plant smollm2 --split validation --out build/diagnosis-validation.jsonl
    python benchmarks/diagnosis.py plant smollm2 --split test --out build/diagnosis-smollm2.jsonl
    python benchmarks/diagnosis.py plant gemma --split test --out build/diagnosis-gemma.jsonl
    python benchmarks/diagnosis.py page build/diagnosis-*.cases.json --to docs/results/diagnosis.md

A prompt is taken whose answer passes its check with the profile that ships for the model. One thing about it is spoilt,
or two (``diagnosis_faults.py``), and often something else is moved as well that does no harm. It is a case when the
answer passes with the harmless part alone, and fails with any one fault alone; what is diagnosed is all of it together.
Requests that no emphasis can make the model follow are cases too: a form that only examples show, and things that it
does not do with examples either. Every diagnosis is given two examples and a right answer, which the model does not
see: it shows that the check can be passed. The strengths and the thresholds were chosen on the faults of the validation
split, but for the share from which on words found far off are not certain; the faults of the test split are others.

``plant`` keeps every answer in ``--out`` and asks none twice, so it goes on where it was stopped and runs through in
seconds when only the diagnosis has changed; what was said of every case is written beside it.
"""

from __future__ import annotations

import json
import random
import time
from argparse import ArgumentParser, Namespace
from collections import Counter, defaultdict
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diagnosis_cases import TASKS, Base, bases, impossible
from diagnosis_faults import FAULTS, HARMLESS, Asked, Fault, Put, Subjects, setting

import boldface
from boldface.engine.fingerprint import fingerprint
from boldface.engine.settings import settings
from boldface.insight.diagnosis.diagnose import diagnose
from boldface.insight.diagnosis.reruns import Reruns
from boldface.metrics.statistics import CONFIDENCE, RESAMPLES, estimate
from boldface.records.store import Store
from boldface.tasks.data import Data

KINDS = ("none", "span", "profile", "too weak", "too strong", "decoding", "examples", "model", "two faults")


def main() -> None:
    """Read the command line and do what it says."""
    parser = ArgumentParser(description=(__doc__ or "").splitlines()[0])
    verbs = parser.add_subparsers(required=True)
    planting = verbs.add_parser("plant")
    planting.add_argument("model")
    planting.add_argument("--split", choices=["validation", "test"], required=True)
    planting.add_argument("--tasks", nargs="+", default=list(TASKS))
    planting.add_argument("--rows", type=int, default=10, help="prompts that work, of every task")
    planting.add_argument("--cases", type=int, default=2, help="cases of every fault and task")
    planting.add_argument("--minutes", type=float, default=1e9, help="stop after the case that is then at work")
    planting.add_argument("--out", type=Path, required=True)
    planting.set_defaults(do=plant)
    paging = verbs.add_parser("page")
    paging.add_argument("files", type=Path, nargs="+")
    paging.add_argument("--to", type=Path, required=True)
    paging.add_argument("--version", default="", help="what was measured, where the files do not say it")
    paging.set_defaults(do=page)
    asked = parser.parse_args()
    asked.do(asked)


class Kept(MutableMapping[str, Any]):
    """What one model answered, in a file of records."""

    def __init__(self, store: Store, subject: str) -> None:
        self.store, self.subject = store, subject

    def __getitem__(self, key: str) -> Any:
        return self.store.records[f"{self.subject}:{key}"]["found"]

    def __setitem__(self, key: str, value: Any) -> None:
        self.store.append([{"key": f"{self.subject}:{key}", "found": value}])

    def __delitem__(self, key: str) -> None:
        raise NotImplementedError("A file of records only grows.")

    def __iter__(self) -> Iterator[str]:
        return iter(self.store.records)

    def __len__(self) -> int:
        return len(self.store.records)


def plant(asked: Namespace) -> None:
    """Plant faults, diagnose them, and write what was said of each."""
    model = boldface.load(asked.model, dtype="bfloat16")
    subjects = Subjects(model, asked.model)
    data, until = Data(settings().data), time.monotonic() + 60 * asked.minutes
    facts = {
        "model": asked.model,
        "fingerprint": fingerprint(model.model, model.tokenizer),
        "split": asked.split,
        "torch": torch.__version__,
    }
    cases: list[dict[str, Any]] = []
    with Store(asked.out, facts) as store:
        working = {task: list(worked(subjects, store, task, data, asked)) for task in asked.tasks}
        print(", ".join(f"{task}: {len(some)} prompts that work" for task, some in working.items()), flush=True)
        for base, cause in impossible(asked.split, data, 3 * asked.cases, chat=model.chat):
            if time.monotonic() < until:
                cases += beyond(subjects, store, base, cause)
        pairs = enumerate(product(FAULTS[asked.split], asked.tasks))
        every_third = len(asked.tasks) * 3
        # Where time is short, all kinds of faults have had their turn.
        for number, (fault, task) in sorted(pairs, key=lambda one: one[0] % every_third // len(asked.tasks)):
            start, found = number % max(1, len(working[task])), 0
            for base in working[task][start:] + working[task][:start]:
                if time.monotonic() > until or found == asked.cases:
                    break
                case = planted(subjects, store, base, fault)
                cases += [] if case is None else [case]
                found += case is not None
    seconds = [case["seconds"] for case in cases]
    right = [set(case["named"]) == set(case["planted"]) for case in cases]
    print(f"{sum(right)} of {len(right)} named right, {sum(seconds):.0f} s")
    how = f"plant {asked.model} --split {asked.split} --tasks {' '.join(asked.tasks)} --rows {asked.rows}"
    command = f"python benchmarks/diagnosis.py {how} --cases {asked.cases} --out {asked.out.name}"
    said = {"model": asked.model, "split": asked.split, "version": boldface.__version__, "command": command}
    said["cases"] = cases
    asked.out.with_suffix(".cases.json").write_text(json.dumps(said, ensure_ascii=False, indent=1), encoding="utf-8")


def worked(subjects: Subjects, store: Store, task: str, data: Data, asked: Namespace) -> Iterator[Base]:
    """Yield the first prompts that work, of four times as many."""
    tried = islice(bases(task, data, asked.split, chat=subjects.model("").chat), 4 * asked.rows)
    works = (base for base in tried if passes(subjects, store, base, setting(subjects, base, Put(base))))
    yield from islice(works, asked.rows)


def passes(subjects: Subjects, store: Store, base: Base, put: Any) -> bool:
    """Whether what was asked passes its check."""
    reruns = Reruns(subjects.model(put.subject), base.check, kept=Kept(store, put.subject))
    return reruns.one(put.setting).passed


def planted(subjects: Subjects, store: Store, base: Base, fault: Fault) -> dict[str, Any] | None:
    """Plant a fault in a prompt that works, and diagnose it; None where it does no harm or cannot be planted."""
    seed, clean = f"{fault.name}:{base.id}", Put(base)
    harmless = random.Random(seed).choice(HARMLESS)(clean, subjects) if fault.distracted else clean
    if not passes(subjects, store, base, setting(subjects, base, harmless)):
        harmless = clean
    spoilt = harmless
    for part in fault.parts:
        alone, both = (part.plant(put, subjects, random.Random(seed)) for put in (clean, spoilt))
        if alone is None or both is None or passes(subjects, store, base, setting(subjects, base, alone)):
            return None
        spoilt = both
    if passes(subjects, store, base, setting(subjects, base, spoilt)) != (not fault.parts):
        return None
    for part in fault.parts if len(fault.parts) > 1 else ():
        rest = harmless
        for other in fault.parts:
            rest = rest if other is part else other.plant(rest, subjects, random.Random(seed)) or rest
        if passes(subjects, store, base, setting(subjects, base, rest)):
            return None
    return told(subjects, store, base, spoilt, fault.name, [part.cause for part in fault.parts] or ["none"])


def beyond(subjects: Subjects, store: Store, base: Base, cause: str) -> Iterator[dict[str, Any]]:
    """Diagnose what no emphasis makes the model do; nothing where examples say otherwise than is meant."""
    clean = setting(subjects, base, Put(base))
    forced = Asked(replace(clean.setting, shots=base.examples), clean.subject)
    if passes(subjects, store, base, clean) or passes(subjects, store, base, forced) != (cause == "examples"):
        return
    yield told(subjects, store, base, Put(base), base.task, [cause])


def told(subjects: Subjects, store: Store, base: Base, put: Put, fault: str, causes: list[str]) -> dict[str, Any]:
    """Diagnose, and return what is kept of it."""
    began = time.perf_counter()
    known = len(store.records)
    found = diagnose(
        subjects.model(put.subject),
        put.words,
        base.check,
        heads=put.heads,
        strength=put.strength,
        raw=not base.chat,
        max_new_tokens=put.room,
        seed=put.seed,
        examples=base.examples,
        right=[base.right] if base.right else [],
        kept=Kept(store, put.subject),
        **put.drawing,
    )
    case = {
        "task": base.task,
        "row": base.id,
        "fault": fault,
        "planted": causes,
        "named": list(found.causes),
        "reason": found.reason,
        "reruns": len(found.reruns),
        "seconds": round(time.perf_counter() - began, 3) if len(store.records) > known else 0.0,
        "answer": found.asked.answers[0][:200],
    }
    verdict = "right" if set(found.causes) == set(causes) else "WRONG"
    print(f"{verdict}: {base.task} {base.id}, {fault}: {' + '.join(found.causes)}. {found.reason}", flush=True)
    return case


def page(asked: Namespace) -> None:
    """Write the page."""
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in asked.files]
    asked.to.write_text(
        "\n".join([*_head(), *(line for run in runs for line in _run(run, asked.version))]) + "\n", encoding="utf-8"
    )


def _head() -> list[str]:
    return [
        "# Diagnosis of planted faults",
        "",
        "What `boldface diagnose` names, where the fault is known: it was planted in a prompt that works, by "
        "`benchmarks/diagnosis.py`, which says how. Weights in bfloat16, the profiles that ship. A case of two faults "
        "is right only if both are named and nothing else. Strengths and thresholds were chosen on the validation "
        "split of SmolLM2; the faults and the prompts of the test split are others. Cases of one prompt depend on each "
        f"other: the interval of their share resamples prompts ({RESAMPLES} times), and prompts of which every case "
        "is named right are counted, with Wilson's interval.",
        "",
    ]


def _run(run: dict[str, Any], version: str) -> Iterator[str]:
    cases = run["cases"]
    yield f"## {run['model']}, {run['split']}"
    yield ""
    if measured := run.get("version", version):
        yield f"Measured with boldface {measured}."
        yield ""
    by_row = defaultdict(list)
    for case in cases:
        by_row[case["task"], case["row"]].append(float(_is_right(case)))
    low, high = _clustered(list(by_row.values()))
    whole = estimate([float(all(values)) for values in by_row.values()], share=True)
    right, reruns = sum(map(_is_right, cases)), sum(case["reruns"] for case in cases) / len(cases)
    yield (
        f"**{right} of {len(cases)} cases** are named right: {100 * right / len(cases):.1f} %, 95 % interval "
        f"{100 * low:.1f} to {100 * high:.1f}. Of {len(by_row)} prompts {sum(map(all, by_row.values()))} are named "
        f"right in every case: {100 * whole.mean:.1f} %, 95 % interval {100 * whole.low:.1f} to "
        f"{100 * whole.high:.1f}. A diagnosis takes {reruns:.1f} reruns."
    )
    yield ""
    yield "| planted ↓ named → | " + " | ".join((*KINDS, "two, not these", "unknown")) + " | right |"
    yield "|---|" + "---:|" * (len(KINDS) + 3)
    for kind in KINDS:
        mine = [case for case in cases if _kind(case["planted"]) == kind]
        if mine:
            named = Counter(_column(case) for case in mine)
            cells = " | ".join(str(named[column] or "") for column in (*KINDS, "two, not these", "unknown"))
            yield f"| {kind} | {cells} | {sum(map(_is_right, mine))} of {len(mine)} |"
    yield ""
    yield "| fault | planted | cases | right | reruns |"
    yield "|---|---|---:|---:|---:|"
    for fault in dict.fromkeys(case["fault"] for case in cases):
        mine = [case for case in cases if case["fault"] == fault]
        mean = sum(case["reruns"] for case in mine) / len(mine)
        yield f"| {fault} | {' + '.join(mine[0]['planted'])} | {len(mine)} | {sum(map(_is_right, mine))} | {mean:.1f} |"
    yield ""
    if wrong := [case for case in cases if not _is_right(case)]:
        yield "Named wrongly:"
        yield ""
        for case in wrong:
            yield (
                f"- {case['task']}, {case['fault']}: planted {' + '.join(case['planted'])}, named "
                f"{' + '.join(case['named'])}. {_escaped(case['reason'])}"
            )
        yield ""
    if command := run.get("command"):
        yield from ("```sh", command, "```", "")


def _clustered(groups: list[list[float]]) -> tuple[float, float]:
    """The interval of the share of cases: the bootstrap of groups, with Wilson's bound where all cases are alike."""
    if len({value for values in groups for value in values}) == 1:
        alike = estimate([values[0] for values in groups], share=True)
        return alike.low, alike.high
    right, cases = (np.array([function(values) for values in groups]) for function in (sum, len))
    drawn = np.random.default_rng(0).integers(0, len(groups), (RESAMPLES, len(groups)))
    shares = right[drawn].sum(1) / cases[drawn].sum(1)
    low, high = np.quantile(shares, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)


def _is_right(case: dict[str, Any]) -> bool:
    return set(case["named"]) == set(case["planted"])


def _kind(causes: list[str]) -> str:
    return causes[0] if len(causes) == 1 else "two faults"


def _column(case: dict[str, Any]) -> str:
    kind = _kind(case["named"])
    return "two, not these" if kind == "two faults" and not _is_right(case) else kind


def _escaped(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\`*_[]<>|#~&{}" else char for char in " ".join(text.split()))


if __name__ == "__main__":
    main()
