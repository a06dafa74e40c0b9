"""``boldface cache``: a document is read once, and answers, is listed and is removed by name."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

import boldface as package

TEXT = "Ada wrote the **first program**. Charles built the machine.\n"
HEADS = "L0H1, L1H0, L1H3=0.5"


@pytest.fixture
def kept(boldface, tiny, tmp_path):
    """Run ``boldface cache`` with a cache folder of its own."""

    def run(verb, *words, input=None):
        where = ("--cache", tmp_path / "cache")
        named = ("--model", tiny) if verb in ("build", "ask") else ()
        return boldface("cache", verb, *words, *named, *where, input=input)

    return run


@pytest.fixture
def document(tmp_path):
    """A file with emphasis in it."""
    path = tmp_path / "On Ada (1).md"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_built_asked_listed_and_cleared(kept, document, tiny):
    """One document on its way; the answer is that of steering the whole prompt, and the file is not for others."""
    built = kept("build", document, "--heads", HEADS)
    assert (built.exit_code, built.stdout) == (0, "On-Ada-1\n")
    asked = kept("ask", "On-Ada-1", "Who wrote?", "--json", "--max-new-tokens", 8)
    assert asked.exit_code == 0, asked.stderr
    said = json.loads(asked.stdout)
    prompt = TEXT.rstrip("\n") + "\n\nWho wrote?"
    expected = package.load(str(tiny)).generate(prompt, heads=HEADS, max_new_tokens=8)
    assert said["answer"] == expected.text
    assert said["steered"]["tokens"] == expected.report()["tokens"] != []
    assert said["steered"]["cached_tokens"] > len("Ada wrote the first program. Charles built")
    plain = kept("ask", "On-Ada-1", "Who wrote?", "--max-new-tokens", 8)
    assert plain.stdout == expected.text + "\n"
    assert "read for the question" in plain.stderr
    [row] = json.loads(kept("list", "--json").stdout)
    assert (row["name"], row["questions"], row["emphasised"], row["problem"]) == ("On-Ada-1", "steered", 13, "")
    assert "On-Ada-1" in kept("list").stdout
    assert kept("clear", "On-Ada-1").exit_code == 0
    assert json.loads(kept("list", "--json").stdout) == []


def test_a_plain_document_is_asked_with_emphasis(kept, document):
    """Heads named with the question steer it; without, the error says what to name."""
    assert kept("build", document, "--name", "plain", "--no-markup").exit_code == 0
    asked = kept("ask", "plain", "**Who** wrote?", "--json", "--heads", HEADS, "--strength", 5, "--max-new-tokens", 4)
    said = json.loads(asked.stdout)["steered"]
    assert {token["strength"] for token in said["tokens"]} == {5.0} and said["cached_tokens"] > 50
    refused = kept("ask", "plain", "**Who** wrote?")
    assert refused.exit_code == 2 and "heads must be named" in " ".join(refused.stderr.split())


def test_options_of_building(kept, document):
    """Name, place and strength of the emphasis, plain questions, standard input, and no markup."""
    assert (
        kept("build", "-", "--name", "a", "--heads", HEADS, "--questions", "plain", "-e", "Ada", input=TEXT).exit_code
        == 0
    )
    assert kept("build", document, "--name", "b", "--no-markup", "--between", " ").exit_code == 0
    rows = {row["name"]: row for row in json.loads(kept("list", "--json").stdout)}
    assert {name: (row["questions"], row["emphasised"]) for name, row in rows.items()} == {
        "a": ("plain", 16),
        "b": ("steered", 0),
    }
    assert rows["b"]["tokens"] > rows["a"]["tokens"]  # the asterisks


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("build", "-"), 2, "no name"),
        (("build", "-", "--name", "../x"), 2, "is no name"),
        (("ask", "nothing", "Who?"), 3, "Nothing is kept"),
        (("clear",), 2, "Say what to clear"),
        (("clear", "a", "--all"), 2, "Say what to clear"),
        (("clear", "nothing"), 3, "Nothing is kept"),
    ],
)
def test_refused(kept, words, code, says):
    """What cannot be done says so, with the exit code of its kind."""
    done = kept(*words, input="A text.")
    assert done.exit_code == code
    assert says in done.stderr


def test_damaged_files_are_told_and_cleared(kept, document, tmp_path):
    """A damaged file is refused when asked, told when listed, and goes with the others."""
    kept("build", document, "--heads", HEADS, "--name", "a")
    [path] = (tmp_path / "cache" / "documents").glob("*.safetensors")
    path.write_bytes(path.read_bytes()[:-5])
    asked = kept("ask", "a", "Who?")
    assert (asked.exit_code, "damaged" in asked.stderr) == (2, True)
    listed = kept("list")
    assert listed.exit_code == 0
    assert "damaged" in listed.stderr
    assert kept("clear", "--all").exit_code == 0
    assert not path.exists()


def test_somebody_elses_file_is_named_and_left(kept, document, tmp_path):
    """Weights that lie in the folder are told apart from what is damaged, and nothing removes them."""
    kept("build", document, "--heads", HEADS, "--name", "a")
    weights = tmp_path / "cache" / "documents" / "model-00001-of-00002.safetensors"
    save_file({"weight": torch.zeros(3)}, weights)
    listed = kept("list")
    said = " ".join(listed.stderr.split())
    assert "somebody else's" in said and "cache clear" not in said
    assert [row["foreign"] for row in json.loads(kept("list", "--json").stdout) if row["name"] == weights.name] == [
        True
    ]
    assert kept("clear", weights.name).exit_code == 3
    assert kept("clear", "--all").exit_code == 0
    assert weights.exists() and [row["name"] for row in json.loads(kept("list", "--json").stdout)] == [weights.name]


@pytest.mark.parametrize(
    ("words", "reason"), [(["--name", "no name"], "is no name"), (["--detector", "bm52"], "Did you mean 'bm25'")]
)
def test_what_cannot_be_is_refused_before_a_model_is_looked_for(boldface, tmp_path, words, reason):
    """With one line that says why; the model does not exist."""
    text = tmp_path / "contract.md"
    text.write_text("Rent is due on the first.", encoding="utf-8")
    ended = boldface("cache", "build", str(text), "--model", "nowhere/at-all", *words)
    assert ended.exit_code == 2
    assert reason in " ".join(ended.stderr.split())
