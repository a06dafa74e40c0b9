"""``/v1/boldface/preview``: the tokens that a request would emphasise; the model does not run."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from pydantic import Discriminator, Tag

from boldface.errors import RequestError
from boldface.server.bodies import ChatBody, CompletionBody
from boldface.server.endpoints import REFUSED, service_of
from boldface.server.hosting import Hosted
from boldface.server.reading import read_chat, read_texts
from boldface.server.shapes import Preview
from boldface.server.steered import preview

router = APIRouter()


def _kind(value: Any) -> str:
    has_prompt = isinstance(value, dict) and "prompt" in value
    return "<completion>" if has_prompt or isinstance(value, CompletionBody) else "<chat>"


Previewed = Annotated[
    Annotated[ChatBody, Tag("<chat>")] | Annotated[CompletionBody, Tag("<completion>")], Discriminator(_kind)
]


@router.post("/v1/boldface/preview", summary="What a request would emphasise", responses=REFUSED)
async def previews(body: Annotated[Previewed, Body()], request: Request) -> Preview:
    """Tell the tokens of a prompt and their strengths, as the same body would have them at the other endpoints."""
    service = service_of(request)
    hosted: Hosted = service.hosts.find(body.model)
    limits = request.state.limits
    if body.boldface is not None and body.boldface.careful:
        raise RequestError(
            "A preview does not run the model, so no emphasis is doubted in it.",
            "Leave careful out.",
            param="boldface.careful",
        )
    if isinstance(body, ChatBody):
        reading = await service.read(read_chat, hosted, body, service.policy, limits, detects=body.detects)
    else:
        if len(body.prompts) > 1:
            raise RequestError("A preview is of one prompt.", "Send them one by one.", param="prompt")
        (reading,) = await service.read(read_texts, hosted, body, service.policy, limits, detects=body.detects)
    request.state.journal.refused(reading.refused)
    return preview(hosted.id, reading)
