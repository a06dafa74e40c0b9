"""A tiny llama as a GGUF file and as an ordinary folder, and a byte model with a way to compare its answers."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

TIE = 1e-3
"""Two log-probabilities of the byte model that are closer may change places when sums are taken in another order."""
LAYERS, WIDTH, INNER, HEADS, KV_HEADS, BYTES = 2, 64, 96, 4, 2, 256


def _alphabet() -> list[str]:
    """How byte-level tokenizers spell the 256 bytes."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = iter(range(256, 512))
    return [chr(byte) if byte in shown else chr(next(hidden)) for byte in range(256)]


@pytest.fixture(scope="session")
def tiny_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama of two layers, quantised to Q8_0, with a byte-level tokenizer and a chat template."""
    import gguf
    import numpy as np

    path = tmp_path_factory.mktemp("gguf") / "tiny.gguf"
    tokens = ["<|endoftext|>", *_alphabet(), "he", "ll"]
    out = gguf.GGUFWriter(path, "llama")
    out.add_name("tiny")
    out.add_context_length(128)
    out.add_embedding_length(WIDTH)
    out.add_block_count(LAYERS)
    out.add_feed_forward_length(INNER)
    out.add_head_count(HEADS)
    out.add_head_count_kv(KV_HEADS)
    out.add_rope_freq_base(10000.0)
    out.add_layer_norm_rms_eps(1e-5)
    out.add_vocab_size(len(tokens))
    out.add_tokenizer_model("gpt2")
    out.add_token_list(tokens)
    out.add_token_types([gguf.TokenType.CONTROL] + [gguf.TokenType.NORMAL] * (len(tokens) - 1))
    out.add_token_merges(["h e", "l l"])
    out.add_bos_token_id(0)
    out.add_eos_token_id(0)
    out.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")

    random = np.random.default_rng(0)
    shapes = {"token_embd": (len(tokens), WIDTH)}
    for layer in range(LAYERS):
        at = f"blk.{layer}."
        shapes |= {
            at + "attn_q": (WIDTH, WIDTH),
            at + "attn_k": (WIDTH * KV_HEADS // HEADS, WIDTH),
            at + "attn_v": (WIDTH * KV_HEADS // HEADS, WIDTH),
            at + "attn_output": (WIDTH, WIDTH),
            at + "ffn_gate": (INNER, WIDTH),
            at + "ffn_up": (INNER, WIDTH),
            at + "ffn_down": (WIDTH, INNER),
        }
        for norm in ("attn_norm", "ffn_norm"):
            out.add_tensor(f"{at}{norm}.weight", random.normal(1, 0.1, WIDTH).astype(np.float32))
    out.add_tensor("output_norm.weight", np.ones(WIDTH, np.float32))
    kind = gguf.GGMLQuantizationType.Q8_0
    for name, shape in shapes.items():
        weight = random.normal(0, 0.2, shape).astype(np.float32)
        out.add_tensor(f"{name}.weight", gguf.quants.quantize(weight, kind), raw_dtype=kind)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()
    return path


@pytest.fixture(scope="session")
def tiny_folder(tiny_gguf: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as an ordinary folder; copy it before changing it."""
    from boldface.engine.gguf import GgufSource, convert

    return convert(GgufSource.of(tiny_gguf), tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def model(byte_llama):
    """The byte model."""
    from boldface.engine.model import Model

    return Model(*byte_llama)


@pytest.fixture(scope="session")
def same(model):
    """Tells whether an answer is the one that ``model.generate`` gives, but for what follows a tie."""
    from boldface.engine.scoring import continuation_logprobs
    from boldface.engine.steer import prepare

    def compare(generation, prompt, *, raw=False, **how):
        expected = model.generate(prompt, raw=raw, max_new_tokens=len(generation.ids), **how)
        pairs = enumerate(zip(generation.ids, expected.ids, strict=False))
        place = next((index for index, (a, b) in pairs if a != b), None)
        if place is None:
            return len(generation.ids) == len(expected.ids)
        prepared = prepare(model.model, model.tokenizer, [prompt], chat=not raw, **how)
        best = continuation_logprobs(model, prepared, [list(expected.ids[: place + 1])])[0][place].topk(2).values
        return bool(best[0] - best[1] < TIE)

    return compare


@pytest.fixture(scope="session")
def pieces_of() -> Callable[[Any, Any], list[Any]]:
    """Have a scheduler or an engine answer one request, and return everything that is told of it."""

    def ask(engine: Any, request: Any) -> list[Any]:
        pieces: list[Any] = []
        over = threading.Event()

        def hear(piece: Any) -> None:
            pieces.append(piece)
            if piece.finish_reason is not None:
                over.set()

        engine.submit(request, hear)
        assert over.wait(120)
        return pieces

    return ask


@pytest.fixture(scope="session")
def by_definition(byte_llama) -> Any:
    """Writes gated and phased greedy answers of the byte model from their definition, see :class:`ByDefinition`."""
    return ByDefinition(*byte_llama)


class ByDefinition:
    """Answers without a cache: one whole forward a try, in which every query has the level that it had.

    Args:
        model: The model; a copy of it is run, so that a scheduler may hold it.
        tokenizer: Its tokenizer.
    """

    def __init__(self, model: Any, tokenizer: Any) -> None:
        self.model, self.tokenizer = copy.deepcopy(model), tokenizer

    def logits(self, ids: list[int], length: int, steering: Any = None, levels: Sequence[float] = ()) -> Any:
        """Logits behind some tokens, plain or with a level for every query: (vocabulary,)."""
        import torch

        from boldface.attention.attach import Attachment
        from boldface.attention.geometry import geometry
        from boldface.steering.levels import Levels
        from boldface.steering.plan import build_plan

        class Told(Levels):
            def enter(self, *_: Any) -> None:
                self.current = torch.tensor([levels])

        with torch.no_grad():
            if steering is None or steering.is_null:
                return self.model(torch.tensor([ids]), use_cache=False).logits[0, -1]
            plan = build_plan([steering], [length], geometry(self.model).heads)
            with Attachment(self.model, plan, route="reference", levels=Told([1.0])):
                return self.model(torch.tensor([ids]), use_cache=False).logits[0, -1]

    def write(self, prompt: Sequence[int], steering: Any, tokens: int, text: str = "") -> Any:
        """Return the answer, what its gate did, and the lowest and highest level of a query; None where a tie decides.

        Args:
            prompt: Token ids.
            steering: How they are steered.
            tokens: How many are written.
            text: The prompt as text, for what opens the thinking.
        """
        from boldface.engine.generation import Gated

        ids, told, gate = [], Gated(), steering.gate
        levels = [steering.reading] * (len(prompt) - 1)
        for _ in range(tokens):
            phase, refused = self.phase(steering.phases, ids, text), 0
            whole, plain = [*prompt, *ids], self.logits([*prompt, *ids], len(prompt))
            while True:
                level = phase * (1.0 if gate is None else gate.levels[refused])
                is_plain = gate is not None and gate.levels[refused] == 0
                found = plain if is_plain else self.logits(whole, len(prompt), steering, [*levels, level])
                best = found.topk(2)
                if best.values[0] - best.values[1] < TIE:
                    return None
                token = int(best.indices[0])
                if gate is None or is_plain:
                    break
                ratio = float((plain[token] - plain.max()).exp())
                if abs(ratio - gate.beta) < TIE:
                    return None
                if ratio >= gate.beta:
                    break
                if phase == 0:
                    token, is_plain = int(plain.argmax()), True
                    break
                refused += 1
            levels.append(level)
            told = told.after(refused, is_plain)
            ids.append(token)
        return tuple(ids), None if gate is None else told, (min(levels), max(levels))

    def phase(self, phases: Any, ids: list[int], text: str) -> float:
        """Level of the phase behind the tokens so far, from a look at their whole text."""
        if phases is None:
            return 1.0
        thinks, rest = phases.opens(text), self.tokenizer.decode(ids, skip_special_tokens=False)
        while (mark := phases.end if thinks else phases.begin) in rest:
            rest, thinks = rest.split(mark, 1)[1], not thinks
        return float(phases.of(thinks))
