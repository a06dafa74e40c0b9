"""The chats of the soak: plain ones, and every way in which a request says emphasis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

TEXTS = (
    "Mary Doyle grew up in Ohio and has worked as a nurse for twenty years. At weekends she goes sailing.",
    "Tom Berg lives near the harbour with two dogs. He is a carpenter, and his sister sells the chairs he makes.",
    "The museum opened at nine last year. This year it opens at eleven, and the café in the yard at ten.",
    "Zürich, 3 May. The parcel is in Madrid, says the first letter; the second one says that it is in Cairo. 🙂",
)
REQUESTS = (
    "Answer as JSON with keys who and what.",
    "Write one short sentence in French.",
    "List every name, one a line.",
)


@dataclass(frozen=True)
class Chat:
    """One chat, as the server is asked and as the library is.

    Attributes:
        messages: For the server.
        oracle: The same for the library, its emphasis in the messages.
        boldface: The object of that name in the body.
    """

    messages: list[dict[str, Any]]
    oracle: list[dict[str, Any]]
    boldface: dict[str, Any] = field(default_factory=dict)

    def body(self, tokens: int) -> dict[str, Any]:
        """Return the request for a greedy answer."""
        emphasis = {"boldface": self.boldface} if self.boldface else {}
        return {"messages": self.messages, "max_completion_tokens": tokens, "temperature": 0, **emphasis}


def _chats(text: str, request: str) -> list[Chat]:
    whole = f"{text}\n\n{request}"
    bare = [{"role": "user", "content": whole}]
    start = len(whole) - len(request)

    def spans(**said: Any) -> list[dict[str, Any]]:
        return [{"role": "user", "content": whole, "spans": [{"start": start, "end": len(whole), **said}]}]

    parts = [{"type": "text", "text": f"{text}\n\n"}, {"type": "text", "text": request, "emphasis": True}]
    system = {"role": "system", "content": "You are brief."}
    return [
        Chat(bare, bare),
        Chat([{"role": "user", "content": parts}], spans()),
        Chat(bare, spans(x=10.0), {"spans": [{"message": 0, "substring": request, "x": 10.0}]}),
        Chat(
            bare, spans(strength=2.0), {"spans": [{"message": 0, "start": start, "end": len(whole)}], "strength": 2.0}
        ),
        Chat([{"role": "user", "content": f"{text}\n\n**{request}**"}], spans(), {"markup": True}),
        Chat([system, *bare], [system, *bare]),
        Chat(
            [{**system, "emphasis": True}, *bare],
            [{**system, "emphasis": True}, *bare],
        ),
        # What is above the user is lifted as far as the user lifts anything.
        Chat([system, {"role": "user", "content": parts}], [{**system, "emphasis": True}, *spans()]),
    ]


CHATS = [chat for text in TEXTS for request in REQUESTS for chat in _chats(text, request)]
