"""``boldface diagnose``: a cause, the reruns that bear it out, and a command that repairs it."""

from __future__ import annotations

import json
import shlex

import pytest

import boldface as package
from boldface.cli.failures import FAULTY
from boldface.profiles.heads import HeadGains
from boldface.profiles.profile import Profile

PROMPT = "Ann is a nurse. **Answer in French.** Be brief."
GAINS = HeadGains.parse("L0H1, L0H2=-0.5, L1H0, L1H3=0.5")
ROOM = 12


@pytest.fixture(scope="module")
def model(byte_llama) -> package.Model:
    """The tiny model."""
    return package.Model(*byte_llama)


@pytest.fixture
def known(model, tmp_path):
    """A file of heads that are known to fit it."""
    file = tmp_path / "known.json"
    Profile("known", "tiny", GAINS, 3.0, identity=model.identity).save(file)
    return file


@pytest.fixture
def right(model, known, tmp_path) -> list[str]:
    """A check that only the answer to the prompt as it should be asked passes."""
    answer = model.generate(PROMPT, heads=known, max_new_tokens=ROOM).text
    (tmp_path / "mine.py").write_text(f"def right(answer):\n    return answer == {answer!r}\n", encoding="utf-8")
    return ["--python", f"{tmp_path / 'mine.py'}:right"]


@pytest.fixture
def diagnose(boldface, tiny, known):
    """Run the verb on the tiny model."""

    def run(*words: object):
        return boldface(
            "diagnose", "--model", tiny, "--heads", known, "--reference", known, "--max-new-tokens", ROOM, *words
        )

    return run


def test_what_works_is_no_fault(diagnose, right):
    """Exit code 0, one run."""
    done = diagnose(*right, PROMPT)
    assert done.exit_code == 0, done.stderr
    assert "nothing is wrong" in done.stdout
    assert done.stdout.count("passes") == 2


def test_the_repair_can_be_pasted(diagnose, boldface, right, tiny):
    """The last line is a command, and its answer is the right one; the exit code says that something was wrong."""
    done = diagnose(*right, "--strength", "0.5", PROMPT)
    assert done.exit_code == FAULTY
    assert "Cause: the emphasis is too weak" in done.stdout
    typed = shlex.split(done.stdout.splitlines()[-1])
    again = boldface(*typed[1:])
    assert again.exit_code == 0, again.stderr
    namespace: dict = {}
    exec(open(right[1].rpartition(":")[0]).read(), namespace)  # noqa: SIM115
    assert namespace["right"](again.stdout.removesuffix("\n"))


def test_json_tells_everything(diagnose, right):
    """Causes, repair and every rerun, machine-readable."""
    done = diagnose(*right, "--json", "--strength", "0.5", "**Ann is a nurse.** Answer in French. Be brief.")
    assert done.exit_code == FAULTY, done.stderr
    said = json.loads(done.stdout)
    assert set(said["causes"]) == {"span", "too weak"}
    assert said["certain"] is True
    assert len(said["repair"]["changes"]) == 2
    assert said["repair"]["arguments"]["prompt"]["spans"] == [{"start": 16, "end": 33, "strength": None}]
    assert not said["reruns"][0]["changes"]
    assert {rerun["passed"] for rerun in said["reruns"]} == {True, False}


def test_chats_and_schemas_come_from_files(diagnose, tmp_path):
    """Nothing that a random model writes is JSON, not even behind the beginning of an object and examples."""
    for name, content in (
        ("chat.json", [{"role": "user", "content": "Who is Ann?", "emphasis": True}]),
        ("schema.json", {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}),
        ("examples.jsonl", {"prompt": "Who is Bo?", "answer": '{"name": "Bo"}'}),
    ):
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    files = {name: tmp_path / f"{name}.json" for name in ("chat", "schema")}
    examples = tmp_path / "examples.jsonl"
    done = diagnose("--messages", files["chat"], "--schema", files["schema"], "--examples", examples, "--json")
    assert done.exit_code == FAULTY, done.stderr
    said = json.loads(done.stdout)
    assert said["causes"] == ["model"]
    assert {rerun["changes"][-1]["says"] for rerun in said["reruns"][-2:]} == {
        "1 example before the prompt",
        'the answer begins with \'{"name": "\'',
    }


def test_the_model_may_judge_itself(diagnose):
    """A question of yes or no is a check like any other; where no answer can pass, the model is not blamed."""
    done = diagnose("--judge", "Is it polite?", "--contains", "nothing like it", "--choice", "yes", "--json", PROMPT)
    assert done.exit_code == FAULTY, done.stderr
    said = json.loads(done.stdout)
    assert said["causes"] == ["unknown"]
    assert "None of the right answers given passes the check." in said["facts"]


def test_no_command_is_printed_for_several_draws(diagnose, right):
    """It would give one of them."""
    done = diagnose(*right, "--sample", "--temperature", "0.001", "--strength", "0.5", PROMPT)
    assert done.exit_code == FAULTY, done.stderr
    assert "draws several answers" in done.stdout
    assert "boldface generate" not in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([PROMPT], "Nothing says what a right answer is."),
        (["--matches", "(", PROMPT], "no regular expression"),
        (["--python", "nowhere.py:f", PROMPT], "names no Python file"),
        (["--schema", "nowhere.json", PROMPT], "cannot be read"),
        (["--contains", "a", "--judge-model", "gemma", PROMPT], "is asked nothing"),
        (["--contains", "a", "--examples", "nowhere.jsonl", PROMPT], "cannot be read"),
        (["--contains", "a", "--messages", "chat.json", PROMPT], "stands alone"),
        (["--contains", "a", "--factor", "0", PROMPT], "factor"),
        (["--contains", "a", "--reference", "nobody", PROMPT], "no shipped profile 'nobody'"),
    ],
)
def test_bad_input_is_one_clear_error(diagnose, words, message):
    """Two lines on standard error, exit code 2, and nothing on standard output."""
    done = diagnose(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert message in error
    assert hint.startswith("Hint: ")


def test_examples_are_read_line_by_line(diagnose, tmp_path):
    """A line that is no example is told with its number."""
    file = tmp_path / "examples.jsonl"
    file.write_text('{"prompt": "a", "answer": "b"}\n\n{"prompt": "a"}\n', encoding="utf-8")
    done = diagnose("--contains", "a", "--examples", file, PROMPT)
    assert done.exit_code == 2
    assert "line 3, is no example" in done.stderr.replace("\n", " ")


def test_answers_cannot_command_a_terminal(diagnose, right):
    """The table shows control characters as pictures."""
    done = diagnose(*right, "--strength", "0.5", PROMPT)
    assert not set(done.stdout) & set(map(chr, [*range(10), *range(11, 32), 127]))
