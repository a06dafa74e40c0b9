from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.evaluation.record import AnswerRecord, Case, Cost, example_line, session_line, skip_line
from boldface.records.store import Store, key_of
from boldface.tasks.example import Answer, Choose, Continue, Example, Generate
from boldface.tasks.task import Metric, Task

if TYPE_CHECKING:
    from boldface.evaluation.results import Results

PAPER = {
    "json": ("format", "prediction", "strict"),
    "pronouns": ("sub", "all"),
    "wikibios": ("top1",),
    "counterfact": ("efficacy", "paraphrase"),
}
Measured = Callable[..., "Results"]


def _task(name: str, metrics: tuple[str, ...]) -> Task:
    """A task whose every metric says whether the answer begins with "yes"; n/a of an answer with a question mark."""
    return Task(
        name,
        f"The {name} task",
        f"What {name} asks.",
        tuple(Metric(metric, metric.capitalize(), f"What {metric} says.") for metric in metrics),
        lambda data, split, variant: iter(()),
        lambda example, answer: {
            metric: None if "?" in answer.text else float(answer.text.startswith("yes")) for metric in metrics
        },
    )


NEUTRAL = Task(
    "neutral",
    "The neutral task",
    "Nothing is asked.",
    (Metric("divergence", "KL", "Nats a token from the plain model.", unit="nats", better="lower"),),
    lambda data, split, variant: iter(()),
    lambda example, answer: {"divergence": answer.divergence},
)
TASKS = {name: _task(name, metrics) for name, metrics in PAPER.items()} | {"neutral": NEUTRAL}


@pytest.fixture
def measured(tmp_path: Path) -> Measured:
    """A function from arm to how many of 40 rows it gets right, by task or in all of the paper's, to results."""

    def make(
        right: Mapping[str, int | Mapping[str, int]],
        *,
        tasks: tuple[str, ...] = tuple(PAPER),
        answers: tuple[str, str] = ("yes, it is so", "no, it is not so"),
        skipped: Mapping[str, str] | None = None,
        divergence: Mapping[str, float] | None = None,
        split: str = "test",
    ) -> Results:
        from boldface.evaluation.results import Results  # needs the evaluate extra

        path = tmp_path / f"tiny-{split}.jsonl"
        path.unlink(missing_ok=True)
        with Store(path, {"model": "tiny & small", "profile": {"heads": 3}, "seed": 7}) as store:
            store.append([session_line(command="boldface evaluate --arms 'marked=*'", began="2026-02-03T04:05:06")])
            for name in (*tasks, *(["neutral"] if divergence else [])):
                case, rows = Case(name, "raw", "original", split), [str(row) for row in range(40)]
                question = Continue(" and so on") if name == "neutral" else Generate(8)
                prompt = EmphasisedText("Say <b>yes</b> now.", (CharSpan(4, 14),))
                examples = [Example(row, row, prompt, question) for row in rows]
                store.append(example_line(case, example) for example in examples)
                for arm, counts in (divergence if name == "neutral" else right).items():
                    count = counts if isinstance(counts, int | float) else counts.get(name, 0)
                    store.append(
                        AnswerRecord(
                            key_of(arm=arm, case=list(case), row=example.id),
                            case,
                            arm,
                            example.id,
                            prompt.text,
                            Answer(divergence=count)
                            if name == "neutral"
                            else Answer(answers[place >= count], 5, plain_logprob=-1.0),
                            Cost(0.5 if arm == "plain" else 0.75, 12),
                        ).to_line()
                        for place, example in enumerate(examples)
                    )
                for arm, why in (skipped or {}).items():
                    store.append(skip_line(case, arm, example.id, why) for example in examples)
        return Results.load([path], TASKS)

    return make


@pytest.fixture
def tasks() -> dict[str, Task]:
    """Two tiny tasks: one writes an answer that holds a word, one picks the first of two candidates."""

    def said(example: Example, answer: Answer) -> dict[str, float | None]:
        holds = float(example.info["word"] in answer.text)
        return {"says": holds, "both": holds, "either": holds, "clean": None if "?" in answer.text else 1.0}

    says = Task(
        "says",
        "Says it",
        "The answer holds the word asked for.",
        (
            Metric("says", "Says", "Holds the word."),
            Metric("both", "Both", "Holds the word in every example of the group.", within="all"),
            Metric("either", "Either", "Holds the word in any example of the group.", within="any"),
            Metric("clean", "Clean", "Cannot be told of answers with a question mark."),
        ),
        lambda data, split, variant: iter(()),
        said,
    )
    picks = Task(
        "picks",
        "Picks it",
        "The first candidate is the likelier.",
        (Metric("first", "First", "The first candidate is the likelier."),),
        lambda data, split, variant: iter(()),
        lambda example, answer: {"first": float(answer.logprobs[0] > answer.logprobs[1])},
    )
    return {"says": says, "picks": picks}


@pytest.fixture
def case() -> Case:
    """The case of the lines that ``says`` makes."""
    return Case("says", "raw", "original", "test")


@pytest.fixture
def asked():
    """Makes an example of a group."""

    def make(group: str, place: int = 0, word: str = "yes") -> Example:
        prompt = EmphasisedText(f"Row {group}: say {word}.", (CharSpan(0, 3),))
        return Example(f"{group}.{place}", group, prompt, Generate(8), info={"word": word})

    return make


@pytest.fixture
def answered():
    """Makes the line of an answer."""

    def make(case: Case, arm: str, example: Example, answer: Answer, seconds: float = 0.5) -> dict:
        key = key_of(case=list(case), arm=arm, example=example.id, text=answer.text)
        return AnswerRecord(key, case, arm, example.id, "…", answer, Cost(seconds, 20, 3, 7)).to_line()

    return make


@pytest.fixture
def says(case, asked, answered):
    """Makes the lines of arms by name, each with the texts that it answers to the examples of a group."""

    def make(answers: Mapping[str, Mapping[str, Sequence[str]]], case: Case = case) -> list[dict]:
        counts: dict[str, int] = {}
        for by_group in answers.values():
            for group, texts in by_group.items():
                counts[group] = max(counts.get(group, 0), len(texts))
        lines = [example_line(case, asked(group, place)) for group, count in counts.items() for place in range(count)]
        for arm, by_group in answers.items():
            for group, texts in by_group.items():
                for place, text in enumerate(texts):
                    answer = Answer(text, tokens=len(text), plain_logprob=-1.0)
                    lines.append(answered(case, arm, asked(group, place), answer))
        return lines

    return make


@pytest.fixture
def results(tmp_path: Path, tasks):
    """Loads the results of files of the given lines."""
    pytest.importorskip("scipy", reason="scipy is of the evaluate extra")
    pytest.importorskip("nltk", reason="nltk is of the evaluate extra")
    from boldface.evaluation.results import Results

    def load(*files: list[dict]) -> Results:
        paths = []
        for place, lines in enumerate(files):
            path = tmp_path / f"{len(list(tmp_path.iterdir()))}-{place}.jsonl"
            with Store(path, {"model": "tiny", "file": place}) as store:
                store.append(lines)
            paths.append(path)
        return Results.load(paths, tasks)

    return load


@pytest.fixture
def llama(byte_llama):
    """The tiny model as boldface runs it."""
    import boldface

    return boldface.Model(*byte_llama, name="tiny")


@pytest.fixture
def profile():
    """Gains and strength for the tiny model."""
    from boldface.engine.heads import Selected
    from boldface.profiles.heads import HeadGains

    return Selected(HeadGains.parse("L0H1, L0H2, L1H0, L1H3=0.5"), 4.6)


@pytest.fixture
def chores() -> Task:
    """A task of eight rows a split; each row writes, picks and reads."""

    def examples(data: object, split: str, variant: str):
        for row in range(8):
            text = f"{split}{' word' * (1 + row * 5 % 8)} Say yes. Then stop:"
            start = text.index("Say")
            for kind, question in (
                ("writes", Generate(6)),
                ("picks", Choose(("yes", "no"))),
                ("reads", Continue(" yes, it is")),
            ):
                yield Example(
                    f"{row}.{kind}",
                    f"{row}",
                    EmphasisedText(text, (CharSpan(start, start + 8),)),
                    question,
                    other=(CharSpan(start + 9, len(text)),),
                    target=" yes",
                )

    def score(example: Example, answer: Answer) -> dict[str, float | None]:
        return {"right": float(answer.logprobs[0] > answer.logprobs[1]) if answer.logprobs else None}

    return Task("chores", "Chores", "Three kinds.", (Metric("right", "Right", "Yes is likelier."),), examples, score)
