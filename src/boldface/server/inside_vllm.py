"""Emphasis in vLLM's own OpenAI server: ``vllm serve MODEL --middleware boldface.server.inside_vllm.Emphasis``.

The middleware reads what our own server reads (content parts, spans, substrings, markup, profiles by name, sources),
puts it under the same policy, and hands vLLM the plain text with token spans. What cannot be had is HTTP 400 with the
reason, before vLLM sees anything of it. Requests without emphasis pass through untouched.

``BOLDFACE_VLLM_PROFILES`` names profiles or their files, with commas; the first is the default, which is else the one
shipped with the model. ``BOLDFACE_VLLM_POLICY`` names a file with a policy of trust.
"""

from __future__ import annotations

import asyncio
import json
import os
from concurrent.futures import ThreadPoolExecutor
from hmac import compare_digest
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from boldface.emphasis.trust import DEFAULT_POLICY, Policy
from boldface.engine.model import load
from boldface.engine.vllm_start import check_plugin
from boldface.errors import BoldfaceError, MissingError, QueueFullError, RequestError, UnsupportedModelError
from boldface.profiles.profile import Profile
from boldface.server.faults import respond
from boldface.server.hosting import Offered, find_offers, served_name
from boldface.server.limits import RequestLimits
from boldface.server.reading import Reading
from boldface.server.service import MOST_READS
from boldface.server.vllm_bodies import Served, understood
from boldface.vllm.plugin import SWITCH, in_force

PROFILES, POLICY = "BOLDFACE_VLLM_PROFILES", "BOLDFACE_VLLM_POLICY"
CHATS, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
OTHERS = (
    "/invocations",
    "/v1/chat/completions/batch",
    "/v1/responses",
    "/v1/messages",
    "/generative_scoring",
    "/v1/systemone",
    *(f"/v1/{kind}/render" for kind in ("chat/completions", "completions", "responses", "messages")),
)
"""Where vLLM takes texts too, and emphasis is refused."""
HEADER = b"x-boldface"
"""Header of an answer that tells, as JSON, how many tokens were emphasised and what was refused."""


class Emphasis:
    """The middleware.

    Args:
        app: vLLM's application. It does not start where emphasis would be read and do nothing, or where the model, a
            profile or the policy cannot be read; the log says why.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._served: Served | None = None
        self._keys: tuple[bytes, ...] = ()
        # Templates and tokenizers are other people's, and not all of them can be used by two threads at once.
        self._reader = ThreadPoolExecutor(1, "boldface-reader")
        self._reads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Prepare at the start, and read requests that may hold emphasis."""
        if scope["type"] == "lifespan":
            try:
                await self._prepare(scope["app"].state)
            except Exception as error:  # one that is raised would be taken for an application without a lifespan
                await receive()
                return await send({"type": "lifespan.startup.failed", "message": f"boldface: {error}"})
        path = scope.get("path", "").removeprefix(scope.get("root_path", ""))
        if scope["type"] != "http" or scope["method"] != "POST" or path not in (CHATS, COMPLETIONS, *OTHERS):
            return await self.app(scope, receive, send)
        if not self._knows(scope):
            return await self.app(scope, receive, send)
        body = await _body(receive)
        if body is None:
            return None
        try:
            if path in OTHERS:
                _check_plain(body, path)
                return await self.app(scope, _again(body, receive), send)
            found = await self._understood(body, chat=path == CHATS)
        except BoldfaceError as error:
            return await respond(error)(scope, receive, send)
        if found is None:
            return await self.app(scope, _again(body, receive), send)
        body, reading = found
        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        told = {**scope, "headers": [*headers, (b"content-length", str(len(body)).encode())]}
        sending = send if reading is None else _telling(send, reading)
        return await self.app(told, _again(body, receive), sending)

    async def _prepare(self, state: Any) -> None:
        """Read what requests with emphasis are read by.

        Raises:
            MissingError: The plugin is not installed, not switched on, or vLLM did not load it.
            BoldfaceError: The model, a profile or the policy cannot be read.
        """
        check_plugin()
        if not in_force():
            raise MissingError("The plugin is not in force.", f"Set {SWITCH}=1 for vLLM; its log says if that failed.")
        self._served = await asyncio.to_thread(_served, state.vllm_config.model_config, state.args)
        self._keys = _keys(state.args)

    def _knows(self, scope: Scope) -> bool:
        """Whether the sender has one of vLLM's keys; vLLM itself turns away who has none, but only behind this."""
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        found = [compare_digest(given.encode(), key) for key in self._keys]
        return not self._keys or (scheme.lower() == "bearer" and any(found))

    async def _understood(self, body: bytes, *, chat: bool) -> tuple[bytes, Reading | None] | None:
        assert self._served is not None, "vLLM's server did not start as servers do"
        if self._reads >= MOST_READS:
            raise QueueFullError(f"{self._reads} requests wait to be read.", "Wait a moment, and ask again.")
        self._reads += 1
        try:
            loop, served = asyncio.get_running_loop(), self._served
            return await loop.run_in_executor(self._reader, lambda: understood(served, body, chat=chat))
        finally:
            self._reads -= 1


def _check_plain(body: bytes, path: str) -> None:
    """Refuse emphasis where it is not read.

    Raises:
        RequestError: A body may hold some.
    """
    if any(word in body for word in (b'"boldface"', b'"emphasis"')):
        raise RequestError(f"Emphasis is not read at {path}.", f"Ask {CHATS} or {COMPLETIONS}.", param="boldface")


async def _body(receive: Receive) -> bytes | None:
    """Return a body; None when its sender has left."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a whole body, and after it what comes."""
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Message:
        return whole.pop() if whole else await receive()

    return give


def _telling(send: Send, reading: Reading) -> Send:
    """Return what sends an answer with a header about its emphasis."""
    told = {
        "steered": not reading.steering.is_null,
        "tokens": reading.emphasised,
        "profile": None if reading.offer is None else reading.offer.profile.name,
        "refused": [{"message": one.message, "source": one.source} for one in reading.refused[:8]],
        "protected": len(reading.protected),
    }

    async def tell(message: Message) -> None:
        if message["type"] == "http.response.start":
            header = (HEADER, json.dumps(told, separators=(",", ":")).encode())
            message = {**message, "headers": [*message.get("headers", ()), header]}
        await send(message)

    return tell


def _served(model_config: Any, arguments: Any) -> Served:
    """Read the model that vLLM serves as transformers has it, and what requests may name.

    Raises:
        BoldfaceError: The model, a profile or the policy cannot be read.
    """
    own = model_config.model, model_config.revision
    if (model_config.tokenizer, model_config.tokenizer_revision) != own:
        raise UnsupportedModelError("vLLM was given another tokenizer than the model's own.", "Leave --tokenizer out.")
    model = load(model_config.model, revision=model_config.revision)
    profiles = [Profile.load(name.strip()) for name in os.environ.get(PROFILES, "").split(",") if name.strip()]
    offers, default = find_offers(model, profiles)
    file = os.environ.get(POLICY)
    return Served(
        Offered(served_name(model), model, offers, default, model_config.max_model_len),
        Policy.read(json.loads(Path(file).read_text(encoding="utf-8"))) if file else DEFAULT_POLICY,
        RequestLimits(),
        _template(getattr(arguments, "chat_template", None)),
        getattr(arguments, "default_chat_template_kwargs", None) or {},
    )


def _keys(arguments: Any) -> tuple[bytes, ...]:
    """Return the keys that vLLM asks for."""
    given = getattr(arguments, "api_key", None) or [os.environ.get("VLLM_API_KEY")]
    return tuple(key.encode() for key in ([given] if isinstance(given, str) else given) if key)


def _template(named: str | None) -> str | None:
    """Return the chat template that vLLM was started with: a file's, or the words themselves."""
    if named is None:
        return None
    file = Path(named)
    return file.read_text(encoding="utf-8") if "\n" not in named and file.is_file() else named
