"""Emphasis through chat templates: carried exactly, or refused."""

from __future__ import annotations

import html
import json
from collections.abc import Callable
from time import process_time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from boldface.emphasis.chat import render_chat
from boldface.emphasis.content import read_message
from boldface.emphasis.span import CharSpan
from boldface.errors import ChatError, SpanError, StrengthError

Template = Callable[[list[dict[str, Any]]], str]

# Written for these tests, in the manner of the families they are named after.
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA3 = (
    "<|begin_of_text|>{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
MISTRAL = (
    "{% if messages[0].role == 'system' %}{% set system = messages[0].content %}{% set turns = messages[1:] %}"
    "{% else %}{% set turns = messages %}{% endif %}<s>{% for m in turns %}{% if m.role == 'user' %}[INST] "
    "{% if loop.last and system is defined %}{{ system + '\n\n' }}{% endif %}{{ m.content }} [/INST]"
    "{% else %}{{ ' ' + m.content | trim + '</s>' }}{% endif %}{% endfor %}"
)
GEMMA = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}<bos>"
    "{% for m in messages %}<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
    "{{ m.content | trim }}<end_of_turn>\n{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
QWEN3 = (
    "{% for m in messages %}{% set text = m.content %}"
    "{% if m.role == 'assistant' and '</think>' in text %}"
    "{% set text = text.split('</think>')[-1].lstrip('\n') %}{% endif %}"
    "<|im_start|>{{ m.role }}\n{{ text }}<|im_end|>\n{% endfor %}"
)
TOJSON = "{{ messages | map(attribute='content') | list | tojson }}"


def jinja(source: str) -> Template:
    """A chat template as transformers would run it."""

    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.globals["raise_exception"] = raise_exception
    compiled = environment.from_string(source)
    return lambda messages: compiled.render(messages=messages, add_generation_prompt=True)


def marked(messages: list[dict[str, Any]], template: Template, **options: Any) -> list[str]:
    """The emphasised pieces of the prompt, in order; the prompt itself is checked."""
    result = render_chat(messages, template, **options)
    assert result.text == template([read_message(m, "m", {m["role"]}).fields for m in messages])
    return [result.text[span.start : span.end] for span in result.spans]


def part(text: str, emphasis: Any = None) -> dict[str, Any]:
    """A text part, emphasised when asked."""
    return {"type": "text", "text": text} | ({} if emphasis is None else {"emphasis": emphasis})


CHAT = [
    {"role": "user", "content": [part("Mary is a nurse.\n"), part("Answer as JSON.\n", True)]},
    {"role": "assistant", "content": "Yes.", "emphasis": {"x": 10}},
    {"role": "user", "content": "Now Tom. Now Ann.", "spans": [{"substring": "Now", "occurrence": "last"}]},
]


@pytest.mark.parametrize(
    ("source", "trimmed"), [(CHATML, False), (LLAMA3, True), (MISTRAL, False), (GEMMA, True), (QWEN3, False)]
)
def test_families_of_templates_carry_emphasis(source: str, trimmed: bool) -> None:
    """Parts, messages and spans arrive; trimming templates take the edges' white space off."""
    json_part = "Answer as JSON." + ("" if trimmed else "\n")
    assert marked(CHAT, jinja(source)) == [json_part, "Yes.", "Now"]


@pytest.mark.models
def test_smollm2s_own_template_carries_emphasis(smollm2_tokenizer: Any) -> None:
    """Through transformers' apply_chat_template, its default system prompt included."""

    def template(messages: list[dict[str, Any]]) -> str:
        return str(smollm2_tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    assert marked(CHAT, template) == ["Answer as JSON.\n", "Yes.", "Now"]
    with pytest.raises(ChatError, match="not text"):
        render_chat(CHAT, smollm2_tokenizer.apply_chat_template)


def test_a_system_prompt_that_the_template_moves_is_followed() -> None:
    """Mistral's template puts the system prompt into the last user turn."""
    messages = [
        {"role": "system", "content": "Be brief.", "emphasis": True},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello"},
        {"role": "user", "content": "Be brief."},
    ]
    result = render_chat(messages, jinja(MISTRAL))
    (span,) = result.spans
    assert result.text[: span.end] == "<s>[INST] Hi [/INST] Hello</s>[INST] Be brief."


def test_equal_words_elsewhere_are_not_taken_for_the_emphasis() -> None:
    """Only the marked copy of a word is emphasised, however often it stands elsewhere, in the template too."""
    messages = [{"role": "user", "content": "user user user", "spans": [{"start": 5, "end": 9}]}]
    result = render_chat(messages, jinja(CHATML))
    assert [span.start for span in result.spans] == [len("<|im_start|>user\nuser ")]


def test_every_copy_of_repeated_text_is_emphasised() -> None:
    """What the template says twice is emphasised twice."""
    template: Template = lambda messages: " / ".join(m["content"] for m in messages for _ in range(2))  # noqa: E731
    assert marked([{"role": "user", "content": "a b", "spans": [{"start": 2, "end": 3, "x": 2}]}], template) == [
        "b",
        "b",
    ]


def test_emphasis_in_dropped_thoughts_is_refused_and_after_them_carried() -> None:
    """Qwen3 drops earlier thoughts: emphasis in them is an error, emphasis on the answer arrives."""
    answer = {"role": "assistant", "content": "<think>hmm</think>\n\nFour."}
    with pytest.raises(ChatError, match="drops this text") as error:
        render_chat([answer | {"spans": [{"substring": "hmm"}]}], jinja(QWEN3))
    assert "'hmm'" in str(error.value) and error.value.hint
    assert marked([answer | {"spans": [{"substring": "Four"}]}], jinja(QWEN3)) == ["Four"]
    # The white space after the thoughts is stripped; what is left of the emphasis is certain.
    assert marked([answer | {"spans": [{"substring": "\n\nFour."}]}], jinja(QWEN3)) == ["Four."]


def test_changed_text_is_refused() -> None:
    """Upper-cased or escaped emphasis is not the marked text; what a change leaves alone is carried."""
    upper: Template = lambda messages: "".join(m["content"].upper() for m in messages)  # noqa: E731
    with pytest.raises(ChatError, match="changes this text"):
        render_chat([{"role": "user", "content": "hello", "emphasis": True}], upper)
    assert marked([{"role": "user", "content": "say 42", "spans": [{"substring": "42"}]}], upper) == ["42"]
    escape: Template = lambda messages: "".join(html.escape(m["content"]) for m in messages)  # noqa: E731
    with pytest.raises(ChatError, match="changes this text"):
        render_chat([{"role": "user", "content": "a < b", "emphasis": True}], escape)
    assert marked([{"role": "user", "content": "a < bc", "spans": [{"substring": "bc"}]}], escape) == ["bc"]


def test_templates_that_escape_other_alphabets_are_followed_with_ascii_marks() -> None:
    """``tojson`` turns private-use characters into escapes; ASCII marks come through."""
    messages = [{"role": "user", "content": 'say "hi" now', "spans": [{"substring": "now"}]}]
    assert marked(messages, jinja(TOJSON)) == ["now"]
    assert marked(messages, lambda plain: json.dumps(plain)) == ["now"]


def test_a_template_that_swallows_marks_in_one_copy_is_followed_in_both() -> None:
    """A copy that lost one of its marks is not overlooked: other marks are tried."""

    def template(messages: list[dict[str, Any]]) -> str:
        text = messages[0]["content"]
        return f"{text}|{text.rstrip(''.join(map(chr, range(0xE000, 0xF900))))}"

    assert marked([{"role": "user", "content": "say now", "spans": [{"substring": "now"}]}], template) == ["now", "now"]


@pytest.mark.parametrize(
    "template",
    [
        lambda messages: "".join(m["content"] if len(m["content"]) <= 11 else "(too long)" for m in messages),
        lambda messages: "".join(f"{len(m['content'])}: {m['content']}" for m in messages),
        lambda messages: "".join(m["content"][:11] for m in messages),
    ],
)
def test_templates_that_look_at_lengths_are_followed_with_a_stand_in(template: Template) -> None:
    """A stand-in of equal length goes where inserted marks would change the length."""
    assert marked([{"role": "user", "content": "hello world", "spans": [{"substring": "wor"}]}], template) == ["wor"]


@pytest.mark.parametrize(
    "template",
    [
        lambda messages: "".join(m["content"] if m["content"].startswith("hello") else "?" for m in messages),
        lambda messages: "".join(m["content"][::-1] for m in messages),
        lambda messages: "".join(m["content"][:3] for m in messages),
        lambda messages: messages[0]["content"] * (2 if messages[0]["content"] == "hello world" else 1),
        lambda messages: "hello world" if messages[0]["content"] == "hello world" else "bye",
        lambda messages: " ".join("-".join(word) for word in messages[0]["content"].split()),
    ],
)
def test_what_cannot_be_known_is_refused(template: Template) -> None:
    """Reacting to the words, reversing, cutting or tearing them, or answering without them: an error, no guess."""
    with pytest.raises(ChatError, match="cannot be followed"):
        render_chat([{"role": "user", "content": "hello world", "spans": [{"substring": "hello"}]}], template)


def test_one_awkward_span_does_not_change_how_others_are_carried() -> None:
    """Trimming affects only the span at the message's edge; inner white space stays emphasised."""
    spans = [{"start": 0, "end": 2}, {"start": 4, "end": 9}]
    messages = [{"role": "user", "content": " a b cde fg", "spans": spans}]
    assert marked(messages, jinja(LLAMA3)) == ["a", " cde "]


def test_private_characters_of_the_user_are_no_marks() -> None:
    """Text that holds private-use characters is carried like any other."""
    content = "".join(chr(code) for code in range(0xE000, 0xF900)) + "qxz"
    assert marked([{"role": "user", "content": content, "emphasis": True}], jinja(CHATML)) == [content]
    assert marked(
        [{"role": "user", "content": content + "x", "spans": [{"substring": "x", "occurrence": "last"}]}],
        lambda m: json.dumps(m),
    ) == ["x"]


def test_where_every_private_character_is_taken_other_marks_serve() -> None:
    """Text with all of them is carried too, alone and beside more."""
    content = "".join(chr(code) for code in [*range(0xE000, 0xF900), *range(0xF0000, 0xFFFFE)])
    spans = [{"start": 0, "end": 3}, {"start": 5, "end": 7}]
    assert marked([{"role": "user", "content": content, "spans": spans}], jinja(CHATML)) == [content[:3], content[5:7]]


def test_a_template_may_spoil_its_messages_and_refuse_them() -> None:
    """Templates get copies; what they raise on the plain messages comes through as it is."""

    def spoil(messages: list[dict[str, Any]]) -> str:
        return "".join(m.pop("content") for m in messages)

    messages = [{"role": "user", "content": "hi", "emphasis": True}]
    assert marked(messages, spoil) == ["hi"] and messages == [{"role": "user", "content": "hi", "emphasis": True}]
    with pytest.raises(TemplateError, match="System role"):
        render_chat([{"role": "system", "content": "x"}], jinja(GEMMA))


def test_without_emphasis_the_template_is_called_once() -> None:
    """A chat without emphasis costs one rendering and keeps every other key of its messages."""
    calls: list[list[dict[str, Any]]] = []

    def template(messages: list[dict[str, Any]]) -> str:
        calls.append(messages)
        return "x"

    messages = [
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}], "name": "n"},
        {"role": "tool", "content": [part("a"), part("b")], "tool_call_id": "1"},
    ]
    assert render_chat(messages, template).spans == ()
    assert calls == [[messages[0], {"role": "tool", "content": "ab", "tool_call_id": "1"}]]


def test_the_nearer_word_about_emphasis_wins() -> None:
    """A part overrides its message, a span overrides both."""
    message = {
        "role": "user",
        "content": [part("one "), part("two ", False), part("three ", {"factor": 2}), part("four "), part("five")],
        "emphasis": {"strength": 3},
        "spans": [{"start": 1, "end": 2, "alpha": 0.5}],
    }
    spans = {(span.start, span.end): round(span.strength or 0, 3) for span in read_message(message, "m").spans}
    assert spans == {(0, 1): 3, (1, 2): 0.693, (2, 4): 3, (8, 14): 0.693, (14, 23): 3}


def test_markup_in_messages_stays_text() -> None:
    """Asterisks in a message are never read as emphasis."""
    assert marked([{"role": "user", "content": "**bold** [x]{x=3}"}], jinja(CHATML)) == []


@pytest.mark.parametrize(
    ("message", "error", "words"),
    [
        ({"role": "tool", "content": "x", "emphasis": True}, ChatError, "may not be emphasised"),
        ({"role": "function", "content": [part("x", True)]}, ChatError, "may not be emphasised"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {}}]}, ChatError, "no text part"),
        ({"role": "user", "content": [part("x") | {"emphasise": True}]}, ChatError, "unknown key 'emphasise'"),
        ({"role": "user", "content": 7}, ChatError, "int"),
        ({"role": "user", "content": "", "emphasis": True}, ChatError, "without text"),
        ({"role": "user", "content": None, "emphasis": True}, ChatError, "without text"),
        ({"role": "user", "content": [part("", True), part("x")]}, ChatError, "empty text"),
        ({"role": "user", "content": "x", "emphasis": "yes"}, ChatError, "Write true"),
        ({"role": "user", "content": "x", "emphasis": {}}, ChatError, "Write true"),
        ({"role": "user", "content": "x", "emphasis": {"weight": 2}}, ChatError, "unknown key"),
        ({"role": "user", "content": "x", "emphasis": {"x": 2, "alpha": 0.1}}, StrengthError, "twice"),
        ({"role": "user", "content": "x", "emphasis": {"x": 2, "factor": 2}}, StrengthError, "twice"),
        ({"role": "user", "content": "x", "emphasis": {"x": "2"}}, StrengthError, "not a number"),
        ({"role": "user", "content": "x", "emphasis": {"x": True}}, StrengthError, "not a number"),
        ({"role": "user", "content": "x", "emphasis": {"x": -1}}, StrengthError, "above 0"),
        ({"role": "user", "content": "x", "spans": {"start": 0, "end": 1}}, ChatError, "not a list"),
        ({"role": "user", "content": "x", "spans": [{"start": 0, "end": 2}]}, SpanError, "beyond the content"),
        ({"role": "user", "content": "x", "spans": [{"start": 0}]}, SpanError, "whole numbers"),
        ({"role": "user", "content": "x", "spans": [{"start": 0, "end": 1, "substring": "x"}]}, ChatError, "no span"),
        ({"role": "user", "content": "x", "spans": [{"substring": "y"}]}, SpanError, "does not occur"),
        ({"role": "user", "content": "x", "spans": [{"substring": 3}]}, ChatError, "substring"),
        ("hi", ChatError, "not a message"),
    ],
)
def test_bad_messages_are_refused_by_name(message: Any, error: type[Exception], words: str) -> None:
    """Every mistake is named with its place, and says what to do."""
    with pytest.raises(error, match=words) as caught:
        render_chat([{"role": "user", "content": "fine"}, message], jinja(CHATML))
    assert "messages[1]" in str(caught.value) and caught.value.hint  # type: ignore[attr-defined]


def test_roles_that_may_be_emphasised_are_the_callers_choice() -> None:
    """A caller who trusts tools can say so, and one who trusts only the system as well."""
    tool = [{"role": "tool", "content": "x", "emphasis": True}]
    assert marked(tool, jinja(CHATML), allowed_roles=("tool",)) == ["x"]
    with pytest.raises(ChatError, match="'user' may not"):
        render_chat([{"role": "user", "content": "x", "emphasis": True}], jinja(CHATML), allowed_roles=("system",))
    with pytest.raises(ChatError, match="not a list"):
        render_chat("hi", jinja(CHATML))  # type: ignore[arg-type]


# Templates as lists of letters that know where they come from: (letter, (message, index)) or (letter, None).
Letters = list[tuple[str, tuple[int, int] | None]]


def rewrite(letters: Letters, how: Callable[[str], str]) -> Letters:
    """Letters that ``how`` changes are new ones, of unknown origin."""
    return [
        pair
        for letter, origin in letters
        for pair in ([(letter, origin)] if how(letter) == letter else new(how(letter)))
    ]


def new(text: str) -> Letters:
    """Letters of the template's own."""
    return [(letter, None) for letter in text]


def strip(letters: Letters) -> Letters:
    """What ``str.strip`` leaves."""
    text = "".join(letter for letter, _ in letters)
    lead = len(text) - len(text.lstrip())
    return letters[lead : lead + len(text.strip())]


def after(letters: Letters, mark: str) -> Letters:
    """What follows the last ``mark``."""
    return letters["".join(letter for letter, _ in letters).rfind(mark) + 1 :]


def words(letters: Letters) -> Letters:
    """White space collapsed to single spaces of the template's own."""
    spaced = [(letter, origin) if not letter.isspace() else (" ", None) for letter, origin in strip(letters)]
    return [
        pair for pair, before in zip(spaced, [("x", None), *spaced], strict=False) if (pair[0], before[0]) != (" ", " ")
    ]


STEPS: dict[str, Callable[[Letters], Letters]] = {
    "as is": lambda text: text,
    "trim": strip,
    "upper": lambda text: rewrite(text, str.upper),
    "html": lambda text: rewrite(text, html.escape),
    "json": lambda text: [*new('"'), *rewrite(text, lambda letter: json.dumps(letter)[1:-1]), *new('"')],
    "twice": lambda text: [*text, *new("|"), *text],
    "drop": lambda text: [],
    "cut": lambda text: text[:6],
    "long": lambda text: text if len(text) < 12 else new("…"),
    "first line": lambda text: text[: next((n for n, (letter, _) in enumerate(text) if letter == "\n"), None)],
    "thoughts": lambda text: after(text, "b"),
    "asks": lambda text: [*text, *new("!")] if any(letter == "a" for letter, _ in text) else text,
    "reverse": lambda text: text[::-1],
    "words": words,
    "echo": lambda text: [*new("".join(letter for letter, _ in text)), *text],
}
steps = st.fixed_dictionaries(
    {role: st.lists(st.sampled_from(sorted(STEPS)), max_size=2) for role in ("user", "assistant", "system")}
)


@st.composite
def chats(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Messages with up to two spans each."""
    messages = []
    for role in draw(st.lists(st.sampled_from(["user", "assistant", "system"]), min_size=1, max_size=3)):
        content = draw(st.text(alphabet='ab \n"<é\ue000😀A', max_size=14))
        ends = st.tuples(st.integers(0, len(content)), st.integers(0, len(content))).filter(lambda e: e[0] < e[1])
        spans = draw(st.lists(ends, max_size=2)) if content else []
        messages.append({"role": role, "content": content, "spans": [{"start": a, "end": b} for a, b in spans]})
    return messages


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(chats(), steps, st.booleans())
def test_any_template_carries_the_marked_letters_or_is_refused(
    messages: list[dict[str, Any]], how: dict[str, list[str]], backwards: bool
) -> None:
    """Law: every span covers marked text or its stripped form, the very letters of it, in every copy."""

    def render(plain: list[dict[str, Any]]) -> Letters:
        pieces = []
        for index, message in enumerate(plain):
            letters: Letters = [(letter, (index, place)) for place, letter in enumerate(message["content"])]
            for step in how[message["role"]]:
                letters = STEPS[step](letters)
            pieces.append([*new(f"<{message['role']}>"), *letters])
        return [pair for piece in (reversed(pieces) if backwards else pieces) for pair in piece]

    def template(plain: list[dict[str, Any]]) -> str:
        return "".join(letter for letter, _ in render(plain))

    plain = [{"role": m["role"], "content": m["content"]} for m in messages]
    letters = render(plain)
    try:
        result = render_chat(messages, template)
    except ChatError:
        assert any(how[m["role"]] for m in messages if m["spans"]), "a template that changes nothing was refused"
        return
    assert result.text == template(plain)
    asked: dict[str, set[tuple[int, int]]] = {}
    for index, message in enumerate(messages):
        for span in message["spans"]:
            text = message["content"][span["start"] : span["end"]]
            for form in (text, text.strip()):
                asked.setdefault(form, set()).update((index, place) for place in range(span["start"], span["end"]))
            found = [one for one in result.spans if result.text[one.start : one.end] in (text, text.strip())]
            assert found, f"{text!r} was lost"
    covered = set()
    for one in result.spans:
        covered.update(range(one.start, one.end))
        form = result.text[one.start : one.end]
        origins = [origin for letter, origin in letters[one.start : one.end]]
        known = [origin for origin in origins if origin is not None]
        assert form in asked and set(known) <= asked[form], f"{form!r} is not the marked text"
        if "echo" not in {step for steps in how.values() for step in steps}:
            assert all(origin is not None or letter.isspace() for letter, origin in letters[one.start : one.end])
    marked_letters = {origin for origins in asked.values() for origin in origins}
    missed = [n for n, (letter, origin) in enumerate(letters) if origin in marked_letters and not letter.isspace()]
    assert set(missed) <= covered, "a copy of marked text was left out"


def test_spans_keep_their_strength() -> None:
    """What arrives in the prompt has the strength that was asked for, or none: the default is resolved later."""
    messages = [{"role": "user", "content": "ab", "spans": [{"start": 0, "end": 1, "x": 1}, {"start": 1, "end": 2}]}]
    assert render_chat(messages, lambda plain: plain[0]["content"]).spans == (CharSpan(0, 1, 0.0), CharSpan(1, 2))


@pytest.mark.parametrize("key", ["emphasize", "emphasise", "emphasised", "Emphasis", "span", "x", "strength", "alpha"])
def test_misspelt_emphasis_of_a_message_is_refused(key: str) -> None:
    """A key that was meant for emphasis must not vanish in the template without a word."""
    with pytest.raises(ChatError, match=key):
        read_message({"role": "user", "content": "Be brief.", key: True}, "messages[0]")


@pytest.mark.parametrize("key", ["name", "tool_calls", "tool_call_id", "reasoning_content", "thinking", "prefix"])
def test_keys_of_templates_pass(key: str) -> None:
    """Keys that templates read are theirs."""
    assert key in read_message({"role": "user", "content": "Hi", key: "x"}, "messages[0]").fields


def test_chat_without_messages_is_refused() -> None:
    """An empty list is no chat."""
    with pytest.raises(ChatError, match="no messages"):
        render_chat([], lambda messages: "")


def test_very_many_spans_are_carried_in_little_time() -> None:
    """40 000 spans, for whose edges there are not enough marks at once, are carried one by one to their places."""
    spans = [{"start": 3 * i, "end": 3 * i + 2} for i in range(40_000)]
    messages = [{"role": "user", "content": "ab " * 40_000, "spans": spans}]
    began = process_time()
    carried = render_chat(messages, lambda plain: f"<user>{plain[0]['content']}").spans
    assert process_time() - began < 10
    assert carried == tuple(CharSpan(6 + 3 * i, 8 + 3 * i) for i in range(40_000))
