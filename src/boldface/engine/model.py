"""A loaded model that reads bold text: ``boldface.load`` and ``Model``."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from boldface.attention.attach import Attachment, refuse_steered
from boldface.attention.call import Call
from boldface.attention.geometry import geometry, transformer
from boldface.emphasis.span import EmphasisedText
from boldface.emphasis.strength import DEFAULT_STRENGTH, resolve_strength
from boldface.emphasis.tokens import EncodedPrompt
from boldface.engine import steer as steering
from boldface.engine.caches.memory import Memory, Recalled, check_reusable, check_reuse
from boldface.engine.caches.owner import owner
from boldface.engine.careful import careful as made_careful
from boldface.engine.documents import Document
from boldface.engine.gated import GatedDecoding
from boldface.engine.generation import Gated, Generation
from boldface.engine.heads import STAMP, Heads, select_heads
from boldface.engine.identity import identity
from boldface.engine.levelled import check_single, is_gated, levels_of, with_gate
from boldface.engine.loading import load_pretrained
from boldface.engine.origin import Origin, title
from boldface.engine.prompts import Overlap, Prompt, as_batch, is_batch, pad_id, render_prompt
from boldface.engine.sessions import Session
from boldface.engine.streaming import stream
from boldface.errors import ModelError
from boldface.profiles.identity import Identity
from boldface.steering.levels import Levels
from boldface.steering.phases import Gate, Phases
from boldface.steering.plan import Scope
from boldface.steering.release import Release
from boldface.steering.rules import Rule


class Model:
    """A causal language model and its tokenizer.

    Calls from several threads wait for each other: one model runs one batch at a time.

    Args:
        model: A causal language model of transformers.
        tokenizer: Its tokenizer.
        name: What it was loaded as.
        chat: Whether plain text is wrapped into the chat template; by default when the tokenizer has one.
        origin: Where it was loaded from; None for a model object.

    Raises:
        UnsupportedModelError: When no layer of the model can be steered.
    """

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Any,
        *,
        name: str = "",
        chat: bool | None = None,
        origin: Origin | None = None,
    ) -> None:
        self.model, self.tokenizer, self.name, self.origin = model, tokenizer, name, origin
        self.chat = bool(getattr(tokenizer, "chat_template", None)) if chat is None else chat
        self.geometry = geometry(model)
        self._lock = threading.RLock()

    @property
    def title(self) -> str:
        """Its name for people, without a place on this machine."""
        return title(self.origin, self.name)

    @property
    def identity(self) -> Identity:
        """What tells this model from others: what a profile made on it says that it was made for."""
        return identity(self.model, self.tokenizer, self.origin)

    def encode(
        self,
        prompt: Prompt,
        *,
        heads: Heads | None = None,
        alpha: float | None = None,
        factor: float | None = None,
        strength: float | None = None,
        overlap: Overlap = "any",
        raw: bool = False,
    ) -> EncodedPrompt:
        """Return the tokens of a prompt and which of them its emphasis hits; nothing is run."""
        rendered = render_prompt(self.tokenizer, prompt, chat=self.chat and not raw)
        default = resolve_strength(alpha=alpha, factor=factor, strength=strength)
        if default is None:
            marked = bool(rendered.text.spans)
            default = select_heads(self.model, heads, self.tokenizer).strength if marked else DEFAULT_STRENGTH
        return rendered.encode(self.tokenizer, default=default, overlap=overlap)

    def generate(
        self,
        prompt: Prompt | Sequence[Prompt],
        *,
        heads: Heads | Sequence[Heads | None] | None = None,
        alpha: float | None = None,
        factor: float | None = None,
        strength: float | None = None,
        scope: Scope | None = None,
        rule: Rule | None = None,
        share: float | None = None,
        route: str = "auto",
        overlap: Overlap = "any",
        phases: Phases | Mapping[str, Any] | None = None,
        gate: Gate | float | None = None,
        target: float | None = None,
        release: Release | Sequence[float] | None = None,
        careful: bool = False,
        raw: bool = False,
        max_new_tokens: int | None = None,
        seed: int | None = None,
        memory: Memory | None = None,
        **options: Any,
    ) -> Any:
        """Answer one prompt (a :class:`Generation`) or a batch (a list, one a prompt and returned sequence).

        Args:
            prompt: Marked-up text, an EmphasisedText or messages; a list of these is a batch.
            heads: Which heads; the profile shipped with the model unless given (all heads for rule ``share``). A list
                has one entry a prompt.
            alpha: Strength as PASTA's alpha; only one of alpha, factor and strength.
            factor: Strength as a factor on the attention weight.
            strength: Strength in nats; 0 leaves spans without a strength of their own unsteered.
            scope: ``all`` or ``answer``; None is the profile's own, else ``all``.
            rule: ``pasta``, ``flat`` or ``share``, see :func:`boldface.steer`; None is the profile's own, else
                ``pasta``.
            share: Target share of rule ``share``.
            route: How the bias is carried.
            overlap: What happens to a token that straddles a span's edge.
            phases: How far while the prompt is read, while the model thinks and while it answers, as in
                ``{"thinking": 0}``; see :class:`~boldface.steering.phases.Phases`.
            gate: From 0 to 1: a steered token has to be so plausible to the plain model, else it is steered less; see
                :mod:`boldface.engine.gated`.
            target: Target share beyond which rules ``pasta`` and ``flat`` lift nothing; None is the profile's own.
            release: The upper and the lower mark of the mass on the emphasis, as in (0.2, 0.1): from where nothing is
                lifted any more, and below which it is again; see :mod:`boldface.steering.release`.
            careful: Read the prompt plain first, and emphasise every span only as far as the model itself finds it
                worth reading; see :mod:`boldface.engine.careful`.
            raw: Do not wrap plain text into the chat template.
            max_new_tokens: Most tokens of the answer; 256, or what the context leaves, unless given.
            seed: Of the sampling; the global state of torch's generator is left as it was.
            memory: Takes what it knows of one prompt from here, and leaves here what was read: a session, a document,
                or :class:`~boldface.engine.caches.blocks.Prefixes`.
            options: Passed to transformers' ``generate`` (do_sample, temperature, num_beams, stop_strings, ...).

        Raises:
            BoldfaceError: Before the model runs; see :mod:`boldface.errors`.
        """
        config = options.get("generation_config")
        if max_new_tokens is None and config is not None:
            max_new_tokens = config.max_new_tokens
        _check(max_new_tokens, seed, options)
        prepared = steering.prepare(
            self.model,
            self.tokenizer,
            as_batch(prompt),
            chat=self.chat and not raw,
            heads=heads,
            alpha=alpha,
            factor=factor,
            strength=strength,
            scope=scope,
            rule=rule,
            share=share,
            overlap=overlap,
            phases=phases,
            gate=gate,
            target=target,
            release=release,
            room=max_new_tokens,
        )
        if careful:
            prepared = made_careful(self, prepared)
        answers = self._answers(prepared, route, seed, memory, **options)
        return answers if is_batch(prompt) or len(answers) > 1 else answers[0]

    def stream(self, prompt: Prompt, **options: Any) -> Iterator[str]:
        """Yield the answer piece by piece; takes what :meth:`generate` takes, for one prompt.

        Leaving the iterator early stops the model.
        """
        return stream(self, prompt, **options)

    def session(self, **how: Any) -> Session:
        """Return a conversation that reads every token once, see :class:`~boldface.engine.sessions.Session`."""
        return Session(self, **how)

    def read(self, text: str | EmphasisedText, **how: Any) -> Document:
        """Read a document once for many questions, see :meth:`~boldface.engine.documents.Document.read`."""
        return Document.read(self, text, **how)

    def steer(self, prompt: Prompt | Sequence[Prompt], **options: Any) -> AbstractContextManager[dict[str, Tensor]]:
        """:func:`boldface.steer` on this model: raw text, and the inputs to call ``.model`` with."""
        return steering.steer(self.model, self.tokenizer, prompt, **options)

    def _answers(
        self, prepared: steering.Prepared, route: str, seed: int | None, memory: Memory | None, **options: Any
    ) -> list[Generation]:
        """Run prepared prompts and read the answers; who has another engine does both in its way."""
        return self._read(prepared, self._run(prepared, route, seed, memory, **options))

    def _run(
        self, prepared: steering.Prepared, route: str, seed: int | None, memory: Memory | None, **options: Any
    ) -> _Ran:
        levels = levels_of(prepared, self.tokenizer)
        if levels is not None:
            check_single(options, self.model.generation_config)
        if memory is not None:
            check_reusable(self.model)
            check_reuse(prepared.rows, options)
        if options.get("generation_config") is None:
            options.setdefault("do_sample", False)
        options["return_dict_in_generate"] = False
        assistant = options.get("assistant_model")
        if isinstance(assistant, Model):
            options["assistant_model"] = assistant.model
        if "stop_strings" in options:
            options.setdefault("tokenizer", self.tokenizer)
        with self.running(prepared, route, levels=levels) as attachment, ExitStack() as stack:
            gating = None
            if levels is not None and attachment is not None and is_gated(prepared):
                gating = GatedDecoding(prepared, attachment, levels, options.get("streamer"))
                options = with_gate(options, gating, self.tokenizer)
            if seed is not None:
                stack.enter_context(torch.random.fork_rng())
                torch.manual_seed(seed)
            recalled = None
            if memory is not None:
                recalled = Recalled(memory, prepared, owner(self))
                options["past_key_values"] = recalled.cache
                if attachment is not None:
                    attachment.vouch(recalled.cache, recalled.tokens)
            run: Any = self.model.generate
            output = run(
                **prepared.inputs, max_new_tokens=prepared.room, pad_token_id=pad_id(self.tokenizer), **options
            )
            if recalled is not None:
                recalled.keep(output[0, prepared.rows.ids.shape[1] :])
            return _Ran(
                output,
                attachment.used if attachment else {},
                recalled.tokens if recalled else 0,
                [None] * len(output) if gating is None else gating.gated,
            )

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Wait until no other thread runs the model, and keep them waiting until the block ends."""
        with self._lock:
            yield

    @contextmanager
    def running(
        self,
        prepared: steering.Prepared,
        route: str = "auto",
        watch: Callable[[Call], None] | None = None,
        levels: Levels | None = None,
    ) -> Iterator[Attachment | None]:
        """Have the model to oneself, steered as prepared, without gradients; the attachment is None when nothing is.

        Args:
            prepared: The prompts and how each is steered.
            route: How the bias is carried.
            watch: Told of the attention calls of steered prefills, see :class:`~boldface.attention.attach.Attachment`.
            levels: How far every row is steered, from one forward to the next; None is wholly, always.

        Raises:
            ModelBusyError: When somebody else steers the model object itself.
        """
        with self._lock, ExitStack() as stack, torch.no_grad():
            if prepared.plan is None:
                refuse_steered(self.model)
                yield None
            else:
                ids = prepared.rows.ids
                attached = Attachment(self.model, prepared.plan, prompt=ids, route=route, watch=watch, levels=levels)
                yield stack.enter_context(attached)

    def _read(self, prepared: steering.Prepared, ran: _Ran) -> list[Generation]:
        ends = transformer(self.model).generation_config.eos_token_id
        ends = set(ends if isinstance(ends, list) else [ends])
        padding = pad_id(self.tokenizer)
        width, copies = prepared.rows.ids.shape[1], ran.output.shape[0] // len(prepared.rows.prompts)
        answers = []
        for row, ids in enumerate(ran.output[:, width:].tolist()):
            end = next((index + 1 for index, token in enumerate(ids) if token in ends), None)
            if end is None:  # ended by a stop string, then padded while other rows went on; or not ended at all
                end = len(ids) - next((index for index, token in enumerate(reversed(ids)) if token != padding), 0)
            stopped = end < prepared.room or ids[end - 1] in ends
            steered = prepared.steerings[row // copies]
            answers.append(
                Generation(
                    text=self.tokenizer.decode(ids[:end], skip_special_tokens=True),
                    ids=tuple(ids[:end]),
                    finish_reason="stop" if stopped else "length",
                    prompt=prepared.rows.prompts[row // copies],
                    steering=steered,
                    routes={} if steered.is_null else ran.routes,
                    cached=ran.cached,
                    gated=ran.gated[row],
                )
            )
        return answers


class _Ran(NamedTuple):
    """What a run gave: its tokens with the prompts, its routes, tokens from memory, and what the gates did."""

    output: Tensor
    routes: dict[int, tuple[str, ...]]
    cached: int
    gated: Sequence[Gated | None]


_INPUTS = ("input_ids", "inputs", "inputs_embeds", "attention_mask", "position_ids", "pad_token_id")


def _check(max_new_tokens: Any, seed: Any, options: dict[str, Any]) -> None:
    """Refuse options of transformers' generate that would be ignored, or that contradict the steering."""
    if max_new_tokens is not None and (type(max_new_tokens) is not int or max_new_tokens < 1):
        raise ModelError(f"max_new_tokens is {max_new_tokens!r}.", "Ask for a whole number of tokens, at least 1.")
    if seed is not None and (type(seed) is not int or not 0 <= seed < 2**63):
        raise ModelError(f"The seed is {seed!r}.", "Give a whole number from 0 to 2**63 - 1.")
    if given := next((name for name in _INPUTS if name in options), None):
        raise ModelError(f"{given} comes from the prompt.", "Use model.steer for inputs of your own.")
    if options.get("max_length") is not None:
        raise ModelError("max_length would be ignored.", "Give max_new_tokens: the longest answer, in tokens.")
    if options.get("return_dict_in_generate"):
        raise ModelError("generate gives Generation objects, not dictionaries.", "Use model.steer for raw outputs.")
    if options.get("guidance_scale") not in (None, 1):
        raise ModelError(
            "Guidance also runs the model without the prompt, which is not what was steered.",
            "Leave guidance_scale out.",
        )


def load(
    model: str | nn.Module,
    tokenizer: Any = None,
    *,
    chat: bool | None = None,
    engine: Literal["transformers", "vllm"] = "transformers",
    engine_options: Mapping[str, Any] | None = None,
    **options: Any,
) -> Model:
    """Load a model: an embedded one by name, a folder, a hub id, or a model object with its tokenizer.

    Args:
        model: ``smollm2``, ``gemma``, a path, a hub id or a transformers model.
        tokenizer: Needed with a model object.
        chat: Whether plain text is wrapped into the chat template; by default when there is one.
        engine: What runs it; with ``vllm`` this is a :class:`~boldface.engine.vllm_model.VllmModel`.
        engine_options: Of vLLM: its engine arguments by name.
        options: See :func:`boldface.engine.loading.load_pretrained` (dtype, device_map, revision, offline, progress).

    Raises:
        MissingError: When the model is not here, with what to install.
        UnsupportedModelError: When it cannot be steered.
    """
    if engine == "vllm":
        from boldface.engine.vllm_model import VllmModel
        from boldface.engine.vllm_start import check_plugin

        check_plugin()
        return VllmModel(load(model, tokenizer, chat=chat, **options), options=engine_options)
    if engine_options:
        raise ModelError("There are no options for the engine transformers.", "Leave engine_options out.")
    if isinstance(model, nn.Module):
        if tokenizer is None:
            raise ModelError("A model object needs its tokenizer.", "Call boldface.load(model, tokenizer).")
        if options:
            raise ModelError(f"{', '.join(options)} cannot be changed on a loaded model.", "Load it that way.")
        return Model(model.eval(), tokenizer, name=type(model).__name__, chat=chat)
    loaded, own_tokenizer, origin = load_pretrained(model, **options)
    if origin.kind == "embedded":
        setattr(loaded, STAMP, origin.name)
    chats = origin.chat if chat is None else chat
    return Model(loaded, tokenizer or own_tokenizer, name=origin.name, chat=chats, origin=origin)
