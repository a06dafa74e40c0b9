"""``boldface generate --auto``: what is detected is steered, and told."""

from __future__ import annotations

import json

STORY = "The mill is old. It was built by Jonas Hale. Bees live in its roof. Children swim there."
PROMPT = f"{STORY} Who built it?"
HALE = "It was built by Jonas Hale."


def test_what_is_detected_is_steered(generate):
    """It gives what marking the same words gives, and says on standard error what was found and why."""
    auto = generate(PROMPT, "--detector", "bm25", "--json")
    assert auto.exit_code == 0, auto.stderr
    said = json.loads(auto.stdout)
    spans = said["detected"]["spans"]
    assert HALE in [span["text"] for span in spans]
    assert all(PROMPT[span["start"] : span["end"]] == span["text"] for span in spans)
    marked = [word for span in spans for word in ("-e", span["text"])]
    assert said["answer"] == json.loads(generate(PROMPT, *marked, "--json").stdout)["answer"]
    assert said["steered"]["tokens"]
    assert f"Detected {HALE!r}" in auto.stderr and "shares rare words with the question" in auto.stderr


def test_nothing_detected_is_the_plain_answer(generate):
    """Where there is no question, evidence is not looked for, and that is told."""
    auto = generate("Bees fly", "--detector", "bm25")
    assert "Nothing was detected." in auto.stderr
    assert auto.stdout == generate("Bees fly").stdout
    refused = generate("Bees fly", "--detector", "bm25", "--compare")
    assert refused.exit_code != 0 and "nothing to compare" in refused.stderr


def test_tools_are_not_looked_at(generate, tmp_path):
    """In a chat, text that may not be emphasised is left alone, and that is told."""
    file = tmp_path / "chat.json"
    chat = [{"role": "tool", "content": STORY}, {"role": "user", "content": f"Bees hum. {PROMPT}"}]
    file.write_text(json.dumps(chat))
    auto = generate("--messages", file, "--detector", "bm25", "--json")
    assert auto.exit_code == 0, auto.stderr
    assert {span["message"] for span in json.loads(auto.stdout)["detected"]["spans"]} == {1}
    assert f"Not looked at: {len(STORY)} characters of tool text" in auto.stderr


def test_unknown_detectors_are_refused(generate):
    """Before the model is loaded, with those that there are."""
    refused = generate(PROMPT, "--detector", "nobody")
    assert refused.exit_code != 0 and "instructions" in refused.stderr
