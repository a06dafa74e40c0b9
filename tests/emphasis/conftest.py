"""Tokenizers of every kind, built here from a few lines of text, and those of the two embedded models."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

LINES = [
    "Mary is a nurse in Ohio. Answer as JSON with keys name and occupation.",
    "The capital of France is Paris; the quick brown fox jumps over the lazy dog.",
    "hello world, hello   there\n\nnew paragraph\tand a tab: naïve café, ÀÉ, 日本語, 😀 emoji",
] * 8
SPECIALS = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]


def _wrap(backend: Any, **options: Any) -> Any:
    from transformers import PreTrainedTokenizerFast

    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"} | options
    return PreTrainedTokenizerFast(tokenizer_object=backend, additional_special_tokens=SPECIALS[3:], **names)


def _with_bos_and_eos(backend: Any) -> None:
    from tokenizers import processors

    backend.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(name, backend.token_to_id(name)) for name in ("<s>", "</s>")]
    )


def _byte_level(*, prefix: bool, merged: bool) -> Any:
    """GPT-2 like; ``prefix``: RoBERTa's added space; ``merged``: Llama 3's one token for white space and a word."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    level = pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=not merged)
    split = pre_tokenizers.Split(
        Regex(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s*[\r\n]+|\s+| ?[^\s\p{L}\p{N}]+[\r\n]*"), "isolated"
    )
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, level]) if merged else level
    backend.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        LINES,
        trainers.BpeTrainer(vocab_size=600, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False),
    )
    backend.add_tokens([AddedToken("<think>", normalized=False)])
    _with_bos_and_eos(backend)
    return _wrap(backend)


def _llama2() -> Any:
    """SentencePiece BPE as in Llama 2: space added in front, bytes for unknown characters."""
    from tokenizers import Tokenizer, decoders, models, normalizers, trainers

    backend = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=SPECIALS + byte_tokens, show_progress=False)
    backend.train_from_iterator(LINES[:2] * 8, trainer)
    # The byte tokens are vocabulary here, not added tokens: rebuild the backend around the trained vocabulary.
    import json

    state = json.loads(backend.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] in SPECIALS]
    backend = Tokenizer.from_str(json.dumps(state))
    _with_bos_and_eos(backend)
    return _wrap(backend)


def _unigram() -> Any:
    """SentencePiece Unigram with NFKC: the normalizer changes the text."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.NFKC()
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    backend.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=SPECIALS, unk_token="<unk>", show_progress=False)
    backend.train_from_iterator(LINES, trainer)
    _with_bos_and_eos(backend)
    return _wrap(backend)


def _wordpiece() -> Any:
    """BERT like: lower case, accents stripped, no token for spaces."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    backend = Tokenizer(models.WordPiece(unk_token="<unk>"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.train_from_iterator(
        LINES, trainers.WordPieceTrainer(vocab_size=300, special_tokens=SPECIALS, show_progress=False)
    )
    _with_bos_and_eos(backend)
    return _wrap(backend)


def _sentencepiece() -> Any:
    """A slow tokenizer, without offsets: the sentencepiece library itself, in the shape of transformers."""
    import sentencepiece

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(LINES),
        model_writer=model,
        vocab_size=420,
        hard_vocab_limit=False,
        model_type="bpe",
        byte_fallback=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        user_defined_symbols=["<|im_start|>"],
        minloglevel=2,
    )
    return SlowSentencePiece(sentencepiece.SentencePieceProcessor(model_proto=model.getvalue()))


class SlowSentencePiece:
    """What boldface asks of a slow tokenizer, and nothing else."""

    is_fast = False
    unk_token_id, bos_token_id, eos_token_id = 0, 1, 2

    def __init__(self, model: Any) -> None:
        self.model = model
        self.all_special_ids = [1, 2, model.piece_to_id("<|im_start|>")]

    def __call__(self, text: str, *, add_special_tokens: bool = True, **options: Any) -> dict[str, list[int]]:
        """Tokenize one text."""
        ids = self.model.encode(text)
        return {"input_ids": [1, *ids, 2] if add_special_tokens else ids}

    def convert_ids_to_tokens(self, ids: list[int]) -> list[str]:
        """Vocabulary entries."""
        return [self.model.id_to_piece(token) for token in ids]

    def decode(self, ids: list[int], **options: Any) -> str:
        """The text of some ids."""
        return str(self.model.decode(ids))


BUILDERS: dict[str, Callable[[], Any]] = {
    "byte-level": lambda: _byte_level(prefix=False, merged=False),
    "byte-level-prefix": lambda: _byte_level(prefix=True, merged=False),
    "llama3": lambda: _byte_level(prefix=False, merged=True),
    "llama2": _llama2,
    "unigram": _unigram,
    "wordpiece": _wordpiece,
    "sentencepiece": _sentencepiece,
}


@pytest.fixture(scope="session")
def tokenizer_named() -> Callable[[str], Any]:
    """Build a tokenizer by its kind, once a session."""
    return cache(lambda name: BUILDERS[name]())


@pytest.fixture(scope="session")
def smollm2_tokenizer(smollm2: tuple[Any, Any]) -> Any:
    """SmolLM2's tokenizer (byte-level BPE) with its chat template."""
    return smollm2[1]


@pytest.fixture(scope="session")
def gemma_tokenizer(gemma: tuple[Any, Any]) -> Any:
    """Gemma 3's tokenizer (SentencePiece with byte fallback)."""
    return gemma[1]
