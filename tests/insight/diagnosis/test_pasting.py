"""What is pasted asks what was asked: the command line and ``generate`` give the answer that was seen."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

import boldface
from boldface.emphasis.span import CharSpan, EmphasisedText
from boldface.insight.diagnosis.checks import Called
from boldface.insight.diagnosis.pasting import arguments, command
from boldface.insight.diagnosis.reruns import Reruns
from boldface.insight.diagnosis.setting import Setting, choose
from boldface.insight.diagnosis.words import read_prompt

NEVER = Called(lambda answer: False, "never")
TEXT = "Ann's *job*: a nurse, 2**3. Answer in French."


@pytest.fixture(scope="module")
def folder(byte_llama, tmp_path_factory):
    """The tiny model in a folder."""
    place = tmp_path_factory.mktemp("models") / "tiny"
    for part in byte_llama:
        part.save_pretrained(place)
    return place


def settings(model, file):
    """Settings of every kind."""
    heads = choose(model, file)
    marked = EmphasisedText(TEXT, (CharSpan(6, 11), CharSpan(28, 45, 2.0)))
    plain = Setting(marked, heads, room=9)
    chat = replace(plain, chat=True)
    turns = [{"role": "system", "content": "Be brief.", "emphasis": True}, {"role": "user", "content": TEXT}]
    return {
        "raw": plain,
        "overlapping": replace(plain, words=EmphasisedText(TEXT, (CharSpan(0, 9), CharSpan(5, 30, 4.0)))),
        "strength": replace(plain, strength=1.25),
        "heads": replace(plain, heads=choose(model, "L0H1, L1H3=-0.5")),
        "drawn": replace(plain, drawing={"do_sample": True, "temperature": 1.5, "top_p": 0.9}, seed=3),
        "scope": replace(plain, steering={"scope": "answer"}),
        "gate and phases": replace(plain, steering={"gate": 0.3, "phases": {"answer": 0.5}}),
        "raw, with examples": replace(plain, shots=(("Bo's job?", " baker"),)),
        "chat": chat,
        "chat, begun, with examples": replace(chat, beginning="Je suis", shots=(("Bo?", "baker"), ("Di?", "judge"))),
        "messages": replace(plain, words=read_prompt(turns), chat=True),
    }


KINDS = (
    "raw",
    "overlapping",
    "strength",
    "heads",
    "drawn",
    "scope",
    "gate and phases",
    "raw, with examples",
    "chat",
    "chat, begun, with examples",
    "messages",
)


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_gives_the_answer_that_was_seen(kind, folder, known, tmp_path, monkeypatch):
    """To the letter, in a shell's words; emphasis makes a difference to it."""
    from typer.testing import CliRunner

    from boldface.cli.app import app

    file = tmp_path / "known.json"
    known.save(file)
    model = boldface.load(str(folder))
    setting = settings(model, str(file))[kind]
    seen = Reruns(model, NEVER).one(setting)
    typed = command(setting, str(folder))
    line, _, given = typed.partition(" <<'END'\n")
    words = shlex.split(line)
    assert words[:2] == ["boldface", "generate"]
    done = CliRunner().invoke(app, ["generate", "--json", *words[2:]], input=given.removesuffix("END") or None)
    assert done.exit_code == 0, done.stderr
    said = json.loads(done.stdout)
    assert setting.beginning + said["answer"] == seen.answers[0]
    assert said["steered"]["heads"] == {str(head): gain for head, gain in setting.heads.profile.gains.items()}


@pytest.mark.parametrize("kind", ["raw", "chat", "messages", "drawn"])
def test_the_arguments_give_it_too(kind, folder, known, tmp_path):
    """As JSON values, which survive being written and read."""
    file = tmp_path / "known.json"
    known.save(file)
    model = boldface.load(str(folder))
    setting = settings(model, str(file))[kind]
    said = json.loads(json.dumps(arguments(setting)))
    prompt = said.pop("prompt")
    if isinstance(prompt, dict):
        prompt = EmphasisedText(prompt["text"], tuple(CharSpan(**span) for span in prompt["spans"]))
    assert model.generate(prompt, **said).text == Reruns(model, NEVER).one(setting).answers[0]


def test_what_the_command_line_cannot_say_has_no_command(folder, known):
    """A penalty, or answers that are allowed."""
    model = boldface.load(str(folder))
    plain = Setting(EmphasisedText(TEXT), choose(model, known))
    assert command(plain, "tiny")
    assert command(replace(plain, drawing={"repetition_penalty": 2.0}), "tiny") == ""
    assert command(replace(plain, choices=("a",)), "tiny") == ""
    assert arguments(replace(plain, choices=("a",)))["choices"] == ["a"]
