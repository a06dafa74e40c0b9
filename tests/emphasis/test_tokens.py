"""Characters → tokens: whatever a tokenizer does to a text, the tokens hit are those of the marked characters."""

from __future__ import annotations

from time import process_time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from boldface.emphasis.offsets import align
from boldface.emphasis.pieces import spell_byte_level, spell_sentencepiece
from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan
from boldface.emphasis.tokens import encode
from boldface.errors import AlignmentError, EmphasisError, SpanError, StrengthError

EXACT = ["byte-level", "byte-level-prefix", "llama3", "llama2", "sentencepiece"]
LOSSY = ["unigram", "wordpiece"]
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

WORDS = [
    "Mary",
    " is",
    " a nurse",
    "JSON",
    "  ",
    "\n\n",
    "\t",
    ".",
    "**",
    "é",
    "😀",
    "日本語",
    "e\u0301",
    "<|im_start|>",
    "</s>",
    "x",
    " ",
]
texts = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=12).map("".join),
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cn",)), max_size=20),
)
tame = st.lists(st.sampled_from([*WORDS[:14], "A\u030a", "ﬁ", "①", "naïve", "𒀀"]), max_size=12).map("".join)


def spans_of(text: str) -> st.SearchStrategy[tuple[CharSpan, ...]]:
    """Up to three positive spans of a text."""
    if not text:
        return st.just(())
    one = st.tuples(st.integers(0, len(text) - 1), st.integers(1, len(text)), st.sampled_from([None, 1.0, 2.5]))
    return st.lists(one.filter(lambda t: t[0] < t[1]).map(lambda t: CharSpan(*t)), max_size=3).map(tuple)


emphasised_texts = texts.flatmap(lambda text: spans_of(text).map(lambda spans: EmphasisedText(text, spans)))
tame_texts = tame.flatmap(lambda text: spans_of(text).map(lambda spans: EmphasisedText(text, spans)))


def check_laws(tokenizer: Any, emphasised: EmphasisedText) -> None:
    """Assert everything that holds of any encoded prompt."""
    text, default = emphasised.text, 4.0
    plain = encode(tokenizer, EmphasisedText(text), default=default)
    assert len(plain.offsets) == len(plain.ids), f"{text!r} is not aligned"
    assert plain.ids == tuple(tokenizer(text)["input_ids"])
    assert plain.spans == () and plain.widened == () and plain.skipped == ()
    held = [
        any(
            not s and a < b and a < span.end and span.start < b
            for (a, b), s in zip(plain.offsets, plain.special, strict=True)
        )
        for span in emphasised.spans
    ]
    if not all(held):
        with pytest.raises(AlignmentError, match="hits no token"):
            encode(tokenizer, emphasised, default=default)
        return
    prompt = encode(tokenizer, emphasised, default=default)
    assert (prompt.ids, prompt.offsets, prompt.pieces) == (plain.ids, plain.offsets, plain.pieces)
    # Character by character, without any of the code's own interval arithmetic.
    wanted = [0.0] * len(text)
    for span in emphasised.spans:
        for index in range(span.start, span.end):
            wanted[index] = max(wanted[index], default if span.strength is None else span.strength)
    for (start, end), nats, special in zip(prompt.offsets, prompt.nats, prompt.special, strict=True):
        assert nats == (0.0 if special else max(wanted[start:end], default=0.0))
    asked = {index for index, nats in enumerate(wanted) if nats}
    hit = {i for (a, b), nats in zip(prompt.offsets, prompt.nats, strict=True) if nats for i in range(a, b)}
    assert hit - asked <= {i for span in prompt.widened for i in range(span.start, span.end)} <= hit
    assert [piece for piece, _ in prompt.preview()] == list(prompt.pieces)
    assert all(
        a.end < b.start or a.strength != b.strength for a, b in zip(prompt.spans, prompt.spans[1:], strict=False)
    )
    try:
        inside = encode(tokenizer, emphasised, default=default, overlap="inside")
    except AlignmentError:
        return
    assert all(b == 0 or a >= b for a, b in zip(prompt.nats, inside.nats, strict=True))
    assert inside.widened == ()


@pytest.mark.parametrize("name", EXACT)
def test_laws_hold_for_any_text_where_pieces_spell_it(name: str, tokenizer_named: Any) -> None:
    """Byte-level and SentencePiece tokenizers align any text at all, and hit exactly the marked characters."""
    tokenizer = tokenizer_named(name)

    @quick
    @given(emphasised_texts)
    def law(emphasised: EmphasisedText) -> None:
        check_laws(tokenizer, emphasised)

    law()


@pytest.mark.parametrize("name", LOSSY)
def test_laws_hold_for_usual_text_where_a_normalizer_rewrites_it(name: str, tokenizer_named: Any) -> None:
    """Lower-casing and NFKC tokenizers align words, accents, ligatures and unknown characters."""
    tokenizer = tokenizer_named(name)

    @quick
    @given(tame_texts)
    def law(emphasised: EmphasisedText) -> None:
        check_laws(tokenizer, emphasised)

    law()


@pytest.mark.parametrize("name", LOSSY)
def test_any_text_is_aligned_or_refused(name: str, tokenizer_named: Any) -> None:
    """Where a normalizer rewrites arbitrary text, the answer obeys the laws or is an AlignmentError."""
    tokenizer = tokenizer_named(name)

    @quick
    @given(emphasised_texts.filter(lambda emphasised: emphasised.spans))
    def law(emphasised: EmphasisedText) -> None:
        try:
            encode(tokenizer, EmphasisedText(emphasised.text, (CharSpan(0, len(emphasised.text)),)), default=1.0)
        except AlignmentError:
            assume(False)
        check_laws(tokenizer, emphasised)

    law()


@pytest.mark.parametrize("name", ["byte-level", "llama3", "llama2"])
def test_offsets_equal_those_of_a_tokenizer_that_reports_well(name: str, tokenizer_named: Any) -> None:
    """Offsets from pieces are the reported ones, less white space at the edges, wherever no space was added."""
    tokenizer = tokenizer_named(name)

    @quick
    @given(tame)
    def law(text: str) -> None:
        prompt = encode(tokenizer, EmphasisedText(text), default=1.0)
        reported = tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
        for (start, end), (first, last), special in zip(prompt.offsets, reported, prompt.special, strict=True):
            if not special and start < end:
                piece = text[first:last]
                lead = len(piece) - len(piece.lstrip()) if piece.strip() else 0
                assert (start, end) == (first + lead, first + lead + len(piece.strip() or piece))

    law()


@pytest.mark.models
@pytest.mark.parametrize("name", ["smollm2_tokenizer", "gemma_tokenizer"])
def test_laws_hold_for_the_embedded_models(name: str, request: pytest.FixtureRequest) -> None:
    """SmolLM2's and Gemma's tokenizers align any text."""
    tokenizer = request.getfixturevalue(name)

    @quick
    @given(emphasised_texts)
    def law(emphasised: EmphasisedText) -> None:
        check_laws(tokenizer, emphasised)

    law()


@pytest.mark.models
def test_the_words_of_an_instruction_are_hit_on_smollm2(smollm2_tokenizer: Any) -> None:
    """The tokens of the marked sentence are hit, its first word with the space that the vocabulary glues to it."""
    text = "Mary is a nurse. Answer as JSON."
    prompt = encode(smollm2_tokenizer, EmphasisedText(text, (CharSpan(17, 32),)), default=4.6)
    hit = [piece for piece, nats in prompt.preview() if nats]
    assert "".join(hit) == " Answer as JSON." and prompt.widened == ()


class Misreporting:
    """A fast tokenizer whose offsets went through ``distort``, everything else as it is."""

    def __init__(self, tokenizer: Any, distort: Any) -> None:
        self._tokenizer, self._distort = tokenizer, distort

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)

    def __call__(self, text: str, **options: Any) -> Any:
        """Tokenize one text."""
        encoding = self._tokenizer(text, **options)
        if "offset_mapping" in encoding:
            encoding["offset_mapping"] = self._distort(text, encoding["offset_mapping"])
        return encoding


def zero_width(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Llama 3's bug: every token but a few is reported with its end as its start."""
    return [(end, end) for _, end in offsets]


def shifted(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """SentencePiece's bug: offsets count the space that was added in front."""
    return [(min(start + 1, len(text)), min(end + 1, len(text))) if end else (0, 0) for start, end in offsets]


def tiled(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Nothing is left out and nothing overlaps, but every word lends its last letter to the next."""
    words = [end - 1 for _, end in offsets if end][:-1]
    tiles = iter(zip([0, *words], [*words, len(text)], strict=True))
    return [next(tiles) if end else (0, 0) for _, end in offsets]


def greedy(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Every token claims the text from its start."""
    return [(0, end) for _, end in offsets]


def truncated(text: str, offsets: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The last word is reported nowhere."""
    return [(min(start, len(text) - 4), min(end, len(text) - 4)) for start, end in offsets]


@pytest.mark.parametrize("distort", [zero_width, shifted, truncated])
@pytest.mark.parametrize("name", ["byte-level", "llama3", "llama2"])
def test_wrong_offsets_do_not_matter_where_pieces_spell_the_text(name: str, distort: Any, tokenizer_named: Any) -> None:
    """A tokenizer that reports Llama 3's zero-width or shifted offsets still hits the right tokens."""
    emphasised = EmphasisedText("hello world, Answer as JSON", (CharSpan(13, 22),))
    right = encode(tokenizer_named(name), emphasised, default=2.0)
    wrong = encode(Misreporting(tokenizer_named(name), distort), emphasised, default=2.0)
    assert wrong == right and "".join(piece for piece, nats in right.preview() if nats).strip() == "Answer as"


@pytest.mark.parametrize("distort", [zero_width, shifted, tiled, greedy])
@pytest.mark.parametrize("name", LOSSY)
def test_wrong_offsets_are_refused_where_nothing_else_is_known(name: str, distort: Any, tokenizer_named: Any) -> None:
    """Where a normalizer rewrote the text, offsets that do not fit pieces and text are an error, never a guess."""
    emphasised = EmphasisedText("HELLO wôrld ﬁne, Answer as JSON", (CharSpan(13, 22),))
    encode(tokenizer_named(name), emphasised, default=2.0)
    with pytest.raises(AlignmentError, match="do not spell the text"):
        encode(Misreporting(tokenizer_named(name), distort), emphasised, default=2.0)


def test_a_tokenizer_that_cuts_the_text_is_refused(tokenizer_named: Any) -> None:
    """Silent truncation is noticed: the tokens must spell the text to its end."""
    whole = tokenizer_named("byte-level")
    text = "Answer as JSON"

    class Cutting(Misreporting):
        def __call__(self, text: str, **options: Any) -> Any:
            """Tokenize one text, and cut it."""
            encoding = whole(text, **options)
            return {key: values[:4] for key, values in encoding.items()}

    with pytest.raises(AlignmentError, match="part at character") as error:
        encode(Cutting(whole, None), EmphasisedText(text, (CharSpan(0, 3),)), default=1.0)
    assert error.value.hint
    with pytest.raises(AlignmentError, match="part at character"):
        encode(Cutting(whole, None), EmphasisedText("<think><|im_end|><think> more", (CharSpan(0, 3),)), default=1.0)
    assert encode(Cutting(whole, None), EmphasisedText(text), default=1.0).offsets == ()


@pytest.mark.models
def test_characters_that_the_vocabulary_lacks_do_not_stand_in_the_way(smollm2_tokenizer: Any) -> None:
    """SmolLM2 has no token for some control characters and drops them; the words around are still hit."""
    text = "a\x04b\x14 Answer\x06 now"
    prompt = encode(smollm2_tokenizer, EmphasisedText(text, (CharSpan(5, 12),)), default=1.0)
    assert [piece for piece, nats in prompt.preview() if nats] == [" Answer"]
    with pytest.raises(AlignmentError, match="hits no token"):
        encode(smollm2_tokenizer, EmphasisedText(text, (CharSpan(1, 2),)), default=1.0)
    with pytest.raises(AlignmentError, match="do not spell"):
        encode(smollm2_tokenizer, EmphasisedText("a\U00040000 b", (CharSpan(0, 1),)), default=1.0)


class Opaque:
    """A slow tokenizer whose vocabulary says nothing; it can only decode."""

    is_fast = False

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.all_special_ids, self.added_tokens_decoder = tokenizer.all_special_ids, tokenizer.added_tokens_decoder

    def __call__(self, text: str, **options: Any) -> Any:
        """Tokenize one text."""
        return {"input_ids": self._tokenizer(text, **options)["input_ids"]}

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        """Entries that say nothing, but for added tokens."""
        known = self.added_tokens_decoder
        return [known[token].content if token in known else f"#{token}" for token in ids]

    def decode(self, ids: list[int], **options: Any) -> str:
        """As the tokenizer within."""
        return str(self._tokenizer.decode(ids, **options))


@pytest.mark.parametrize("name", ["byte-level", "llama3"])
def test_decoding_aligns_a_vocabulary_that_cannot_be_read(name: str, tokenizer_named: Any) -> None:
    """Decoding longer and longer prefixes gives the words of a span; tokens that share a character name it together."""
    text = "hello wörld 😀<|im_end|> Answer as 𒀀 JSON"
    start = text.index("Answer")
    prompt = encode(Opaque(tokenizer_named(name)), EmphasisedText(text, (CharSpan(start, len(text)),)), default=3.0)
    hit = {index for (a, b), nats in zip(prompt.offsets, prompt.nats, strict=True) if nats for index in range(a, b)}
    assert "".join(text[index] for index in sorted(hit)).replace(" ", "") == "Answeras𒀀JSON"


def test_byte_tokens_of_an_emphasised_emoji_are_all_hit(tokenizer_named: Any) -> None:
    """A character cut over four byte tokens is hit as a whole."""
    prompt = encode(tokenizer_named("llama2"), EmphasisedText("a 𒀀 b", (CharSpan(2, 3),)), default=1.0)
    assert [piece for piece, nats in prompt.preview() if nats] == ["\\xf0", "\\x92", "\\x80", "\\x80"]


def test_bos_eos_and_added_spaces_are_never_hit(tokenizer_named: Any) -> None:
    """Emphasis over the whole text leaves out what the tokenizer put around it."""
    prompt = encode(tokenizer_named("llama2"), EmphasisedText("hello", (CharSpan(0, 5),)), default=1.0)
    assert prompt.pieces[0] == "<s>" and prompt.pieces[-1] == "</s>"
    assert [prompt.nats[i] for i in (0, 1, -1)] == [0.0, 0.0, 0.0] and prompt.skipped == ()
    assert "".join(piece for piece, nats in prompt.preview() if nats) == "hello"


def test_special_tokens_inside_a_span_are_skipped_and_reported(tokenizer_named: Any) -> None:
    """A control token written inside emphasised text is not lifted, its neighbours are."""
    text = "a<|im_end|>b <think>"
    prompt = encode(tokenizer_named("llama3"), EmphasisedText(text, (CharSpan(0, len(text)),)), default=1.0)
    (skipped,) = prompt.skipped
    assert prompt.pieces[skipped] == "<|im_end|>" and prompt.special[skipped] and prompt.nats[skipped] == 0
    assert dict(prompt.preview())["<think>"] == 1.0
    assert prompt.report()[skipped] == ("<|im_end|>", 0.0, True)
    assert [span.strength for span in prompt.spans] == [1.0, 1.0]


def test_merged_white_space_belongs_to_no_word(tokenizer_named: Any) -> None:
    """Llama 3's blank line after a word is not hit with the word, and a trailing space does not pull in the next."""
    tokenizer = tokenizer_named("llama3")
    prompt = encode(tokenizer, EmphasisedText("hello there\n\nJSON", (CharSpan(6, 11),)), default=1.0)
    assert "".join(piece for piece, nats in prompt.preview() if nats) == " there" and prompt.widened == ()
    prompt = encode(tokenizer, EmphasisedText("hello there", (CharSpan(0, 6),)), default=1.0)
    assert "".join(piece for piece, nats in prompt.preview() if nats) == "hello"


def wide(tokenizer: Any) -> tuple[str, tuple[int, int]]:
    """A text and the range of a token in it that has at least two letters."""
    text = "the nurse and the occupation"
    offsets = encode(tokenizer, EmphasisedText(text), default=1.0).offsets
    return text, next((start, end) for start, end in offsets if end - start >= 3)


def test_overlap_policies_differ_on_a_straddling_token(tokenizer_named: Any) -> None:
    """A token cut by an edge: any hits it and reports the widening, inside leaves it out, error refuses."""
    tokenizer = tokenizer_named("llama3")
    text, (start, end) = wide(tokenizer)
    cut = EmphasisedText(text, (CharSpan(start + 1, len(text)),))
    hit = encode(tokenizer, cut, default=2.0)
    assert hit.widened == (CharSpan(start, start + 1, 2.0),)
    inside = encode(tokenizer, cut, default=2.0, overlap="inside")
    assert sum(1 for nats in hit.nats if nats) == sum(1 for nats in inside.nats if nats) + 1
    with pytest.raises(AlignmentError, match="straddles"):
        encode(tokenizer, cut, default=2.0, overlap="error")
    whole = EmphasisedText(text, (CharSpan(start, end),))
    assert len(encode(tokenizer, whole, default=2.0, overlap="error").spans) == 1
    with pytest.raises(AlignmentError, match="hits no token"):
        encode(tokenizer, EmphasisedText(text, (CharSpan(start, start + 1),)), default=2.0, overlap="inside")


def test_of_two_spans_on_one_token_the_larger_wins_and_a_tie_is_refused(tokenizer_named: Any) -> None:
    """The size decides, whatever the sign; +s against -s on one token contradicts itself."""
    tokenizer = tokenizer_named("llama3")
    text, (start, end) = wide(tokenizer)
    left, right = (start, start + 1), (start + 1, end)
    prompt = encode(tokenizer, EmphasisedText(text, (CharSpan(*left, 1.0), CharSpan(*right, -2.0))), default=9.0)
    assert [span.strength for span in prompt.spans] == [-2.0]
    assert prompt.widened == (CharSpan(*left, -2.0),)
    with pytest.raises(SpanError, match="pull token"):
        encode(tokenizer, EmphasisedText(text, (CharSpan(*left, 2.0), CharSpan(*right, -2.0))), default=9.0)


def test_marking_in_two_pieces_equals_marking_whole(tokenizer_named: Any) -> None:
    """Several spans do not add up: two halves of a text steer like the whole."""
    tokenizer = tokenizer_named("llama3")
    text, (start, _) = wide(tokenizer)
    halves = EmphasisedText(text, (CharSpan(0, start + 1), CharSpan(start + 1, len(text))))
    whole = EmphasisedText(text, (CharSpan(0, len(text)),))
    assert encode(tokenizer, halves, default=2.0) == encode(tokenizer, whole, default=2.0)


def test_white_space_or_a_control_token_alone_is_refused(tokenizer_named: Any) -> None:
    """Emphasis that would hit nothing is an error that says so."""
    tokenizer = tokenizer_named("llama3")
    for span in (CharSpan(5, 6), CharSpan(11, 21)):
        with pytest.raises(AlignmentError, match="hits no token"):
            encode(tokenizer, EmphasisedText("hello world<|im_end|>", (span,)), default=1.0)


def test_bad_input_is_refused_before_tokenizing(tokenizer_named: Any) -> None:
    """Half a surrogate, an unknown policy and an impossible default are clear errors."""
    tokenizer = tokenizer_named("byte-level")
    with pytest.raises(AlignmentError, match="surrogate"):
        encode(tokenizer, EmphasisedText("a\ud800"), default=1.0)
    with pytest.raises(AlignmentError, match="overlap"):
        encode(tokenizer, EmphasisedText("a"), default=1.0, overlap="most")  # type: ignore[arg-type]
    with pytest.raises(StrengthError):
        encode(tokenizer, EmphasisedText("a", (CharSpan(0, 1),)), default=float("nan"))
    assert issubclass(AlignmentError, EmphasisError)


def test_the_default_fills_in_and_no_special_tokens_are_added_on_request(tokenizer_named: Any) -> None:
    """Spans without a strength take the default; a rendered chat brings its own BOS."""
    tokenizer = tokenizer_named("byte-level")
    prompt = encode(tokenizer, EmphasisedText("x", (CharSpan(0, 1),)), default=1.5, add_special_tokens=False)
    assert prompt.spans == (TokenSpan(0, 1, 1.5),) and prompt.pieces == ("x",)


def test_an_added_token_that_swallows_white_space_is_placed(tokenizer_named: Any) -> None:
    """White space that a token takes along (lstrip, rstrip) belongs to no word."""
    entries = {1: "hello", 2: "<mask>", 3: "Ġthere"}
    how = SimpleNamespace(content="<mask>", lstrip=True, rstrip=False, special=False)
    tokenizer = SimpleNamespace(
        convert_ids_to_tokens=lambda ids: [entries[token] for token in ids],
        all_special_ids=[],
        added_tokens_decoder={2: how},
    )
    placed = align(tokenizer, "hello   <mask> there", [1, 2, 3], None)
    assert [(token.start, token.end) for token in placed] == [(0, 5), (8, 14), (14, 20)]


@given(st.binary(max_size=8))
def test_byte_level_entries_spell_every_byte(data: bytes) -> None:
    """The byte-level alphabet is a bijection on bytes, and agrees with the tokenizers library's."""
    from tokenizers import decoders, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    assert len(alphabet) == 256 and {spell_byte_level(letter) for letter in alphabet} == {
        bytes([n]) for n in range(256)
    }
    text = data.decode("latin-1")
    entry = "".join(piece for piece, _ in pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str(text))
    assert spell_byte_level(entry) == text.encode() and decoders.ByteLevel().decode([entry]) == text
    assert spell_byte_level("▁") is None


def test_sentencepiece_entries_spell_spaces_and_bytes() -> None:
    """``▁`` is a space and ``<0x0A>`` a byte; anything else is itself."""
    assert spell_sentencepiece("▁a▁") == b" a " and spell_sentencepiece("<0x0A>") == b"\n"
    assert spell_sentencepiece("<0x0A") == b"<0x0A" and spell_sentencepiece("é") == b"\xc3\xa9"


def test_encoding_many_spans_takes_no_square_of_time(tokenizer_named: Any) -> None:
    """Thousands of spans, of as many strengths and beside control tokens, are encoded in seconds, and all are hit."""
    text = "nurse </s> " * 8000
    spans = tuple(CharSpan(11 * i + 1, 11 * i + 4, 1.0 + i / 8000) for i in range(8000))
    tokenizer = tokenizer_named("llama3")
    began = process_time()
    prompt = encode(tokenizer, EmphasisedText(text, spans), default=4.6)
    assert process_time() - began < 5
    assert len({nats for nats in prompt.nats if nats}) == 8000
