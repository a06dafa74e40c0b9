"""Arms that detect: their own spans in place of the data's, looked for once, and the policy kept."""

from __future__ import annotations

from dataclasses import replace

import pytest

from boldface.detection.fitted import fitted
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.errors import TaskError
from boldface.evaluation.arms import find_arm
from boldface.evaluation.detecting import detected
from boldface.records.store import Store
from boldface.tasks.example import Example, Generate

TEXT = "The mill is old. It was built by Jonas Hale. Bees live there.\nQuestion: Who built it?\nAnswer:"
ORACLE = CharSpan(0, 16)


def example(**how):
    made = Example("1", "1", EmphasisedText(TEXT, (ORACLE,)), Generate(8), answer_start=TEXT.index("Answer"))
    return replace(made, **how)


def words(found):
    return [found.prompt.text[span.start : span.end] for span in found.prompt.spans]


def test_an_arm_emphasises_what_its_detector_finds(tmp_path):
    """The data's spans are not seen; the text is the same, and so is all else of the example."""
    with Store(tmp_path / "run.jsonl", {}) as store:
        ((found,), spent) = detected(find_arm("auto=bm25"), None, store, [example()])
        assert "It was built by Jonas Hale." in words(found)
        assert replace(found, prompt=example().prompt) == example() and found.prompt.text == TEXT
        assert spent["1"] >= 0
        assert detected(find_arm("steered"), None, store, [example()]) == ([example()], {})


def test_nothing_is_looked_for_twice(tmp_path, monkeypatch):
    """Two arms with one detector, and a resumed run, read what was found; another text is looked at."""
    arms = [find_arm("auto=bm25"), find_arm("instaboost=2@auto=bm25")]
    with Store(tmp_path / "run.jsonl", {}) as store:
        first = detected(arms[0], None, store, [example()])
        count = len(store.records)
    monkeypatch.setattr("boldface.detection.evidence.Evidence.propose", None)
    with Store(tmp_path / "run.jsonl", {}) as store:
        assert detected(arms[1], None, store, [example()]) == first
        assert len(store.records) == count
        with pytest.raises(TypeError):
            detected(arms[1], None, store, [example(prompt=EmphasisedText(TEXT.replace("old", "new")))])


@pytest.mark.parametrize("name", ["auto", "bm25", "instructions"])
def test_what_another_fit_found_is_looked_for_anew(tmp_path, monkeypatch, name):
    """A detector that was fitted anew may find other words in the same text; its own are read again."""
    arm = find_arm(f"auto={name}")
    with Store(tmp_path / "run.jsonl", {}) as store:
        detected(arm, None, store, [example()])
        detected(arm, None, store, [example()])
        assert len(store.records) == 1
        other = {each: replace(fit, intercept=fit.intercept + 1) for each, fit in fitted().items()}
        monkeypatch.setattr("boldface.detection.catalogue.fitted", lambda: other)
        detected(arm, None, store, [example()])
        assert len(store.records) == 2


def test_text_of_others_is_not_looked_at(tmp_path):
    """Where the prompt says that a part was retrieved, nothing is found there."""
    sources = [[TEXT.index("It was"), TEXT.index("Bees"), "retrieved"]]
    asked = [example(), example(info={"sources": sources})]
    with Store(tmp_path / "run.jsonl", {}) as store:
        (own, theirs), _ = detected(find_arm("auto=bm25"), None, store, asked)
    assert any("Jonas" in one for one in words(own))
    assert not any("Jonas" in one for one in words(theirs))


def test_arms_with_detectors_have_names():
    """A detector stands behind any arm that emphasises what is asked for; ``auto=`` alone is the profile's."""
    assert find_arm("auto=bm25").heads == find_arm("steered").heads
    arm = find_arm("instaboost=2@auto=evidence")
    assert (arm.detector, arm.rule, arm.strength) == ("evidence", "flat", find_arm("instaboost=2").strength)
    assert arm.title == "InstABoost × 2, evidence"
    for name in ("auto=", "auto", "auto=oracle", "plain@auto=bm25", "other-span@auto=bm25"):
        with pytest.raises(TaskError):
            find_arm(name)
