"""``boldface generate --show-spans``: exactly which tokens are hit."""

from __future__ import annotations

import json
import math


def test_json_lists_every_token(generate):
    """Every token has its text, characters, strength, and whether it is a control token."""
    said = json.loads(generate("a**b**[c]{x=0.5}d", "--show-spans", "--json").stdout)
    tokens = said["tokens"]
    assert said["prompt"] == "<|user|>abcd\n<|assistant|>"
    assert [token["piece"] for token in tokens] == ["<|user|>", "a", "b", "c", "d", "\n", "<|assistant|>"]
    assert [token["special"] for token in tokens] == [True, False, False, False, False, False, True]
    assert [token["strength"] for token in tokens] == [0, 0, math.log(100), math.log(0.5), 0, 0, 0]
    assert tokens[2]["characters"] == [9, 10]
    assert [(span["start"], span["end"]) for span in said["spans"]] == [(2, 3), (3, 4)]


def test_what_is_hit_is_seen_without_colour(generate):
    """Hit tokens stand in brackets, each apart, and are listed with their strength."""
    said = generate("so **go** on", "--show-spans").stdout
    assert "so ⟦g│o⟧ on↵" in said
    assert [line.split() for line in said.splitlines() if line.rstrip().endswith("(×100)")] == [
        ["4", str(_id("g")), "11–12", "'g'", "+4.61", "nats", "(×100)"],
        ["5", str(_id("o")), "12–13", "'o'", "+4.61", "nats", "(×100)"],
    ]
    assert "2 of 11 tokens emphasised; 2 are control tokens, which are never hit." in said


def test_widening_and_control_tokens_are_told(generate):
    """What a span hits beyond its characters, and what it leaves out, is said."""
    said = generate("--raw", "--no-markup", "--span", "1:11", "--show-spans", "a<|user|>bc").stdout
    assert "Left out: token 1 (<|user|>), a control token inside the emphasis." in said


def test_nothing_emphasised(generate):
    """A prompt without emphasis is shown, with no token hit and no heads needed."""
    said = generate("so go on", "--show-spans", heads=None).stdout
    assert "so go on↵" in said
    assert "0 of 11 tokens emphasised" in said


def _id(letter: str) -> int:
    from tokenizers import pre_tokenizers

    return 3 + sorted(pre_tokenizers.ByteLevel.alphabet()).index(letter)
