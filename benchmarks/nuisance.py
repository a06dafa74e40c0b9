"""Requests that no well-behaved client sends: broken, too long, or meant to break something."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

CHAT = "/v1/chat/completions"
GOOD = {"messages": [{"role": "user", "content": "Say hello."}], "max_completion_tokens": 2}
Made = tuple[str, bytes, Mapping[str, str]]


@dataclass(frozen=True)
class Broken:
    """One kind of nuisance.

    Attributes:
        name: For the table.
        content: Makes the body, given what is random and the longest body that the server reads.
        path: What is asked.
        method: Of HTTP.
        headers: Further ones, or others.
        json: Whether the answer is an error in OpenAI's shape; what the web server itself refuses is not.
        may_hang_up: Whether the server may break off instead of answering.
    """

    name: str
    content: Callable[[random.Random, int], Any]
    path: str = CHAT
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)
    json: bool = True
    may_hang_up: bool = False

    def make(self, draw: random.Random, body_bytes: int) -> Made:
        """Return path, body and headers of one such request."""
        content = self.content(draw, body_bytes)
        return self.path, content if isinstance(content, bytes) else json.dumps(content).encode(), self.headers


def _but(**changes: Any) -> Callable[[random.Random, int], Any]:
    return lambda draw, most: {**GOOD, **changes}


def _says(content: Any, **fields: Any) -> Callable[[random.Random, int], Any]:
    return _but(messages=[{"role": "user", "content": content, **fields}])


def _cut(draw: random.Random, most: int) -> bytes:
    whole = json.dumps(GOOD).encode()
    return whole[: draw.randrange(len(whole))]


def _long_prompt(draw: random.Random, most: int) -> Any:
    return {**GOOD, "messages": [{"role": "user", "content": "word " * (most // 6)}]}


BROKEN = (
    Broken("half a body", _cut),
    Broken("random bytes", lambda draw, most: draw.randbytes(draw.randrange(1, 400))),
    Broken("no object", lambda draw, most: draw.choice([[], None, 3, "x", True])),
    Broken("deep nesting", lambda draw, most: b"[" * 50_000),
    Broken("deep object", lambda draw, most: b'{"messages":' * 5_000 + b"1" + b"}" * 5_000),
    Broken("no number", lambda draw, most: b'{"messages":[{"role":"user","content":"x"}],"temperature":NaN}'),
    Broken(
        "huge number", lambda draw, most: b'{"messages":[{"role":"user","content":"x"}],"seed":' + b"9" * 5000 + b"}"
    ),
    Broken("body too long", lambda draw, most: b" " * (most + 1), may_hang_up=True),
    Broken("prompt too long", _long_prompt),
    Broken("answer too long", _but(max_completion_tokens=10**9)),
    Broken("no messages", _but(messages=[])),
    Broken("wrong types", lambda draw, most: {**GOOD, draw.choice(["n", "seed", "stop", "stream"]): {"a": 1}}),
    Broken("unknown field", _but(emphasise=True)),
    Broken("tools", _but(tools=[{"type": "function", "function": {"name": "f"}}])),
    Broken("unknown model", _but(model="../../etc/passwd")),
    Broken("unknown profile", _but(boldface={"profile": "/etc/passwd"})),
    Broken("strength out of range", _says("Say hello.", emphasis={"strength": 1e9})),
    Broken("strength no number", _says("Say hello.", emphasis={"x": "ten"})),
    Broken("span out of range", _says("Say hello.", spans=[{"start": 3, "end": 10_000}])),
    Broken("span of nothing", _says("Say hello.", spans=[{"substring": "goodbye"}])),
    Broken(
        "markup out of range", _but(boldface={"markup": True}, messages=[{"role": "user", "content": "[x]{x=1e99}"}])
    ),
    Broken("no such page", lambda draw, most: GOOD, path="/v1/images"),
    Broken("no such method", lambda draw, most: GOOD, method="DELETE"),
    Broken("no such word of HTTP", lambda draw, most: GOOD, method="BREW", json=False, may_hang_up=True),
    Broken(
        "length that is none", lambda draw, most: GOOD, headers={"Content-Length": "ten"}, json=False, may_hang_up=True
    ),
)
