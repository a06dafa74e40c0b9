"""``boldface generate``: the answer on standard output, everything else beside it."""

from __future__ import annotations

import json
import math

import pytest
from rich.cells import cell_len

PROMPT = "Say it **now** please."


def test_only_the_answer_is_on_standard_output(generate):
    """Standard output is the answer and a line end; what was steered is noted on standard error."""
    done = generate(PROMPT)
    assert done.exit_code == 0, done.stderr
    answer = json.loads(generate(PROMPT, "--json").stdout)["answer"]
    assert done.stdout == answer + "\n"
    assert "Steered 3 of 21 prompt tokens by +4.61 nats (×100), 3 heads in 2 layers, route" in done.stderr
    assert "8 tokens in" in done.stderr


def test_quiet_says_nothing_beside_the_answer(generate):
    """``--quiet`` leaves standard error empty."""
    assert generate(PROMPT, "--quiet").stderr == ""


def test_streaming_gives_the_same_answer(generate):
    """Word by word or at once: the same answer, and one line end."""
    assert generate(PROMPT, "--stream").stdout == generate(PROMPT, "--no-stream").stdout


def test_it_steers(generate):
    """The emphasis changes the answer, and other heads change it otherwise."""
    steered, plain, other = (
        generate(*words).stdout for words in ([PROMPT], [PROMPT, "--strength", "0"], [PROMPT, "--heads", "L1H2"])
    )
    assert len({steered, plain, other}) == 3
    assert generate("Say it now please.").stdout == plain


def test_json_is_one_object(generate):
    """``--json`` gives prompt, answer and what was steered, machine-readable."""
    done = generate(PROMPT, "--json", "--factor", "20", "--scope", "answer", "--route", "folded")
    said = json.loads(done.stdout)
    assert said["prompt"] == "<|user|>Say it now please.\n<|assistant|>"
    steered = said["steered"]
    assert steered["tokens"] == [{"start": 8, "end": 11, "strength": pytest.approx(math.log(20))}]
    assert steered["heads"] == {"L0H1": 1.0, "L1H0": 1.0, "L1H3": 0.5}
    assert (steered["scope"], steered["routes"], steered["answer_tokens"]) == ("answer", ["folded"], 8)
    assert steered["finish_reason"] == "length"
    assert "plain" not in said


@pytest.mark.parametrize("words", [("--alpha", "0.05"), ("--factor", "20"), ("--strength", str(math.log(20)))])
def test_strength_has_three_spellings(generate, words):
    """alpha, factor and strength say the same thing."""
    (span,) = json.loads(generate(PROMPT, "--json", *words).stdout)["steered"]["tokens"]
    assert span["strength"] == pytest.approx(math.log(20))


@pytest.mark.parametrize(
    "words",
    [
        ("--span", "7:10", "--no-markup", "Say it now please."),
        ("--emphasise", "now", "Say it now please."),
        ("--emphasize", "now", "--occurrence", "last", "Say it now please."),
        ("--dialect", "mark", "Say it <mark>now</mark> please."),
        ("[Say it]{x=1} **now** please.",),
    ],
)
def test_emphasis_has_many_spellings(generate, words):
    """Markup, dialects, offsets and words that mean the same give the same answer."""
    assert generate(*words).stdout == generate(PROMPT).stdout


def test_prompts_come_from_files_and_pipes(generate, tmp_path):
    """A file, a pipe and an argument of equal text are one prompt."""
    file = tmp_path / "prompt.txt"
    file.write_text(PROMPT + "\n", encoding="utf-8")
    said = generate(PROMPT).stdout
    assert generate("--file", file).stdout == said
    assert generate(input=PROMPT + "\n").stdout == said
    assert generate("-", input=PROMPT + "\n").stdout == said


def test_chats_come_from_files(generate, tmp_path):
    """A chat brings its own emphasis, and markup in it is text."""
    file = tmp_path / "chat.json"
    file.write_text(json.dumps([{"role": "user", "content": "Say it now please.", "spans": [{"substring": "now"}]}]))
    assert generate("--messages", file).stdout == generate(PROMPT).stdout
    file.write_text(json.dumps({"messages": [{"role": "user", "content": PROMPT, "emphasis": True}]}))
    assert "**now**" in json.loads(generate("--messages", file, "--json").stdout)["prompt"]


def test_raw_text_is_not_wrapped(generate):
    """``--raw`` gives the model the text as it is."""
    assert json.loads(generate(PROMPT, "--raw", "--json").stdout)["prompt"] == "Say it now please."


def test_compare_gives_both_answers(generate):
    """``--compare`` asks the plain model as well: in JSON, and in two boxes."""
    said = json.loads(generate(PROMPT, "--json", "--compare").stdout)
    assert said["plain"]["answer"] == json.loads(generate("Say it now please.", "--json").stdout)["answer"]
    assert said["plain"]["answer"] != said["answer"]
    drawn = generate(PROMPT, "--compare").stdout
    assert "╭─ plain" in drawn
    assert "╭─ steered" in drawn


@pytest.mark.parametrize(("columns", "side_by_side"), [("80", False), ("140", True)])
def test_boxes_stand_where_there_is_room(generate, monkeypatch, columns, side_by_side):
    """Answers stand side by side in a wide terminal and one above the other in a narrow one."""
    monkeypatch.setenv("COLUMNS", columns)
    lines = generate(PROMPT, "--compare").stdout.splitlines()
    assert any("plain" in line and "steered" in line for line in lines) is side_by_side
    assert max(map(cell_len, lines)) <= int(columns)


def test_answers_cannot_command_a_terminal():
    """Control characters in an answer are drawn as pictures; line ends and tabs are let through."""
    from boldface.cli.terminal import harmless

    assert harmless("a\x1b[2Jb\x07\r\x9b\x7f\n\tc") == "a␛[2Jb␇␍\ufffd␡\n\tc"


def test_colours_are_for_terminals(generate):
    """A pipe gets no colour codes."""
    assert "\x1b" not in generate(PROMPT, "--compare").stdout + generate(PROMPT, "--show-spans").stdout


def test_sampling_follows_its_seed(generate):
    """Equal seeds draw equal words; a temperature above 0 samples without being told."""
    first, again, other = (generate(PROMPT, "--temperature", "3", "--seed", seed).stdout for seed in (1, 1, 2))
    assert first == again != other
    assert generate(PROMPT, "--temperature", "0").stdout == generate(PROMPT).stdout != first


def test_answer_is_as_long_as_the_context_leaves(boldface, tiny):
    """Without --max-new-tokens a prompt near the context's limit gets what fits, as from the library, and says so."""
    done = boldface("generate", "--model", tiny, "--raw", "--json", "x" * 8189)
    assert json.loads(done.stdout)["steered"]["answer_tokens"] == 3
    done = boldface("generate", "--model", tiny, "--raw", "x" * 8190)
    assert "2 tokens in" in done.stderr
    assert ", cut there (the context is full)." in done.stderr


def test_cut_answer_names_its_limit(boldface, tiny, generate):
    """An answer that was cut at the asked or the usual length says by which option."""
    assert "8 tokens" in generate(PROMPT).stderr
    for done in (generate(PROMPT), boldface("generate", "--model", tiny, "--raw", "x")):
        assert ", cut there (--max-new-tokens)." in done.stderr


def test_without_emphasis_the_plain_model_answers(generate):
    """No emphasis needs no heads, and the note says that nothing was steered."""
    done = generate("Say it now please.", heads=None)
    assert done.exit_code == 0
    assert "Nothing was steered: no words are emphasised." in done.stderr


def test_widening_is_told(generate):
    """A token that straddles a span's edge is told of, or refused on request."""
    words = ("--span", "0:1:x=9", "é")
    assert generate(*words).exit_code == 0
    done = generate("--span", "0:5", "--show-spans", "<|user|>")
    assert (done.exit_code, done.stdout) == (2, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((PROMPT, "--heads", "L9H0"), "L9H0"),
        ((PROMPT, "--heads", "nobody"), "no shipped profile 'nobody'"),
        ((PROMPT, "--alpha", "0.1", "--factor", "10"), "say the same thing twice"),
        ((PROMPT, "--strength", "nan"), "not finite"),
        (("Say **it",), None),
        (("[it]{x=0}",), "factor"),
        ((PROMPT, "--dialect", "bbcode"), "There is no dialect 'bbcode'."),
        ((PROMPT, "--emphasise", "later"), "'later' does not occur"),
        ((PROMPT, "--messages", "chat.json"), None),
        (("Say it now.", "--compare"), "nothing to compare"),
        ((PROMPT, "--temperature", "0", "--sample"), "greedy"),
        ((PROMPT, "--max-new-tokens", "9000"), "exceed"),
    ],
)
def test_bad_input_is_one_clear_error(generate, words, message):
    """What cannot be used is exit code 2, two lines on standard error, and nothing on standard output."""
    done = generate(*words)
    if message is None and done.exit_code == 0:
        assert words == ("Say **it",)  # a lone ** is text
        return
    assert (done.exit_code, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("Error: ")
    assert hint.startswith("Hint: ")
    assert (message or "") in error


def test_a_model_without_a_profile_needs_heads(generate):
    """Emphasis without heads is refused rather than ignored."""
    done = generate(PROMPT, heads=None)
    assert done.exit_code == 2
    assert "No profile comes with this model" in done.stderr


def test_a_missing_model_is_exit_code_3(boldface, tmp_path):
    """A model that is not here is told apart from wrong usage."""
    done = boldface("generate", PROMPT, "--model", tmp_path / "nowhere")
    assert done.exit_code == 3
    assert "Hint: " in done.stderr
    assert boldface("generate", PROMPT, "--model", "no-body/no-model", "--offline").exit_code == 3


def test_the_real_model_follows_the_emphasis(boldface, smollm2):
    """SmolLM2 says what is emphasised where the plain model says what it remembers, by the profile shipped with it."""
    prompt = "Previously Apple's iPhone was made by Apple. **Currently the iPhone is made by Nokia.** Complete: "
    prompt += "The iPhone is made by"
    done = boldface("generate", "--max-new-tokens", "12", "--json", "--compare", prompt)
    said = json.loads(done.stdout)
    assert done.exit_code == 0, done.stderr
    assert "Nokia" in said["answer"]
    assert "Nokia" not in said["plain"]["answer"]
    assert len(said["steered"]["heads"]) > 10


def test_a_profile_of_a_variant_is_noted_and_a_foreign_one_forced(generate, byte_llama, tmp_path):
    """One line of note for a variant; an error for another model, until it is forced."""
    import copy

    import torch

    from boldface.engine.identity import identity
    from boldface.profiles.heads import HeadGains
    from boldface.profiles.profile import Profile

    for name, factor in (("own", 1.0), ("variant", 1.05), ("foreign", -1.0)):
        changed = copy.deepcopy(byte_llama[0])
        with torch.no_grad():
            for weight in changed.parameters():
                weight.mul_(factor)
        made_for = identity(changed, byte_llama[1])
        Profile(name, "Tiny", HeadGains([(0, 1)]), 2.0, scope="answer", identity=made_for).save(
            tmp_path / f"{name}.json"
        )

    def answered(name, *words):
        return generate("Say **yes**.", "--json", *words, heads=tmp_path / f"{name}.json")

    own, variant, foreign = (answered(name) for name in ("own", "variant", "foreign"))
    assert "Note:" not in own.stderr
    assert variant.stderr.count("Note: Profile 'variant' was made for a variant of this model") == 1
    assert "UserWarning" not in variant.stderr
    assert foreign.exit_code == 2
    assert "--force-profile" in foreign.stderr
    forced = json.loads(answered("foreign", "--force-profile").stdout)
    assert forced["answer"] == json.loads(own.stdout)["answer"]
    assert forced["steered"]["scope"] == "answer"
    assert json.loads(answered("own", "--scope", "all").stdout)["steered"]["scope"] == "all"


@pytest.mark.parametrize("heads", [None, "L0H1"])
def test_only_a_named_profile_is_forced(generate, heads):
    """There is nothing to force about heads, or about no profile."""
    refused = generate("Say **yes**.", "--force-profile", heads=heads)
    assert refused.exit_code == 2
    assert "none is named" in refused.stderr


def test_gate_and_phases(generate):
    """What they do to an answer is what the engine says, and stands in the JSON."""
    words = (PROMPT, "--json", "--factor", "200")
    gated = json.loads(generate(*words, "--gate", "0.2", "--phase", "reading=0", "--phase", "begin=<a>").stdout)
    steered = gated["steered"]
    assert (steered["gate"], steered["phases"]["reading"], steered["phases"]["begin"]) == (0.2, 0.0, "<a>")
    assert steered["gated"].keys() == {"lowered", "plain", "tries"}
    noted = generate(*words[:1], *words[2:], "--gate", "0.2").stderr
    assert "The gate lowered " in noted
    strict = json.loads(generate(*words, "--gate", "1").stdout)["answer"]
    assert strict == json.loads(generate("Say it now please.", "--json").stdout)["answer"]
    assert strict != json.loads(generate(*words).stdout)["answer"]


def test_target_shares_and_releases(generate):
    """What is said reaches the engine and stands in the JSON; what makes no sense is told before a model is loaded."""
    told = [
        json.loads(generate(PROMPT, "--json", "--factor", "200", *more).stdout)["steered"]
        for more in (("--target", "0.4", "--rule", "flat"), ("--release", "0.2", "0.1"))
    ]
    assert (told[0]["target"], told[0]["rule"], told[0]["routes"]) == (0.4, "flat", ["split"])
    assert told[1]["release"] == {"upper": 0.2, "lower": 0.1, "tokens": 4}
    for wrong in (("--target", "2"), ("--rule", "other"), ("--release", "0.1", "0.2")):
        done = generate(PROMPT, *wrong, "--model", "/nowhere")
        assert done.exit_code != 0 and "nowhere" not in done.stderr


@pytest.mark.parametrize("phase", ["thinking", "thinking=half", "thought=1", "thinking=2", "end= "])
def test_phases_that_make_no_sense(generate, phase):
    """Told before a model is loaded."""
    done = generate(PROMPT, "--phase", phase, "--model", "/nowhere")
    assert done.exit_code != 0
    assert "nowhere" not in done.stderr
