"""``/v1/boldface/explain``: why an answer is what it is, and which heads made it so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, cast

from fastapi import APIRouter, Body, Request
from pydantic import Discriminator, Field, Tag
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from boldface.emphasis.trust import Refused
from boldface.engine.model import Model
from boldface.engine.steer import lay_out
from boldface.errors import LimitError, RequestError, TimeoutReachedError
from boldface.insight.explaining.explain import answer_ids
from boldface.insight.explaining.steps import Explaining
from boldface.server.answering import GONE
from boldface.server.bodies import MOST_MESSAGES, Boldface, ChatBody, ChatMessage, CompletionBody
from boldface.server.endpoints import ANSWERS, service_of
from boldface.server.exchange import while_there
from boldface.server.explain_shapes import ExplainedAnswer
from boldface.server.faults import dumps
from boldface.server.hosting import Hosted
from boldface.server.limits import Asked, RequestLimits, check
from boldface.server.neutral import Body as Fields
from boldface.server.reading import Reading, read_chat, read_texts
from boldface.server.service import Service

router = APIRouter()

MOST_CHARACTERS = 200_000
SHARE = 0.5
"""Most of a model's time that an explanation takes while the model answers others too."""


class ExplainedBody(Fields):
    """What the two kinds of prompts have in common."""

    model: str | None = Field(default=None, description="One of /v1/models; may be left out.")
    answer: str = Field(min_length=1, max_length=MOST_CHARACTERS, description="The answer to the prompt, or any other.")
    each_head: bool = Field(
        default=False,
        description="Leave every steered head out in turn, and not only tell what the slopes expect; takes long.",
    )
    boldface: Boldface | None = None


class ExplainedChat(ExplainedBody):
    """An answer to a chat."""

    messages: list[ChatMessage] = Field(fail_fast=True, min_length=1, max_length=MOST_MESSAGES)


class ExplainedText(ExplainedBody):
    """What follows a text."""

    prompt: str


def _kind(value: Any) -> str:
    has_prompt = isinstance(value, dict) and "prompt" in value
    return "<completion>" if has_prompt or isinstance(value, ExplainedText) else "<chat>"


Explained = Annotated[
    Annotated[ExplainedChat, Tag("<chat>")] | Annotated[ExplainedText, Tag("<completion>")], Discriminator(_kind)
]


@router.post(
    "/v1/boldface/explain",
    summary="Why an answer is what it is",
    response_model=ExplainedAnswer,
    responses=ANSWERS,
)
async def explain(body: Annotated[Explained, Body()], request: Request) -> Response:
    """Tell where the attention went, what the emphasis changed, and which heads made the answer what it is.

    It is done in small pieces of work, between which others are answered; while some are, it rests for as long as it
    worked. One answer at a time is explained.
    """
    service, limits = service_of(request), request.state.limits
    deadline = time.monotonic() + limits.seconds - request.state.journal.seconds
    hosted = service.hosts.find(body.model)
    reading = await _read(service, hosted, body, limits)
    request.state.journal.refused(reading.refused)
    if reading.steering.is_null:
        raise _nothing_emphasised(reading.refused)
    ids = await service.read(_answer_ids, hosted, body.answer, reading)
    check(Asked(prompt_tokens=len(reading.prompt.ids), answer_tokens=len(ids), choices=1), limits)
    _check_length(len(reading.prompt.ids) + len(ids), service.explain_tokens)
    work = await service.read(_lay_out, hosted, body, reading, ids)
    with service.explaining():
        try:
            await while_there(request, asyncio.create_task(_carry_out(service, hosted, work, deadline)))
        except ClientDisconnect:
            return Response(status_code=GONE)
    return Response(await service.read(_written, hosted, work, reading), media_type="application/json")


async def _read(service: Service, hosted: Hosted, body: ExplainedBody, limits: RequestLimits) -> Reading:
    if body.boldface is not None and body.boldface.careful:
        raise RequestError(
            "What a careful request emphasises is not explained.", "Leave careful out.", param="boldface.careful"
        )
    if isinstance(body, ExplainedChat):
        chat = ChatBody(messages=body.messages, boldface=body.boldface)
        return await service.read(read_chat, hosted, chat, service.policy, limits, detects=chat.detects)
    assert isinstance(body, ExplainedText)
    text = CompletionBody(prompt=body.prompt, boldface=body.boldface)
    (reading,) = await service.read(read_texts, hosted, text, service.policy, limits, detects=text.detects)
    return reading


def _nothing_emphasised(refused: Sequence[Refused]) -> RequestError:
    """Return what is wrong with a prompt that is not emphasised."""
    nothing = "Nothing of the prompt is emphasised, so there is nothing to explain"
    if refused:
        why = "; ".join(dict.fromkeys(f"{one.source}: {one.reason}" for one in refused))
        return RequestError(
            f"{nothing}: this server's policy of trust refused what was marked ({why}).",
            "Emphasise text of a source that may, or ask whoever runs the server to let this one.",
            param="boldface",
        )
    return RequestError(f"{nothing}.", "Emphasise some words of it.", param="boldface")


def _answer_ids(hosted: Hosted, answer: str, reading: Reading) -> list[int]:
    with hosted.in_use:
        return answer_ids(hosted.model, answer, reading.prompt.text)


def _lay_out(hosted: Hosted, body: ExplainedBody, reading: Reading, ids: Sequence[int]) -> Explaining:
    model = hosted.model
    with hosted.in_use:
        prepared = lay_out(model.model, model.tokenizer, [reading.prompt], [reading.steering])
        return Explaining(model, prepared, ids, body.answer, each=body.each_head)


def _written(hosted: Hosted, work: Explaining, reading: Reading) -> bytes:
    """Put the explanation together, now that the model has no part in it any more."""
    with hosted.in_use:
        next(work, None)
    told = {
        **work.result.to_json(heat=False),
        "model": hosted.id,
        "refused": [asdict(one) for one in reading.refused],
        "protected": [asdict(one) for one in reading.protected],
    }
    return dumps(cast(ExplainedAnswer, told))


def _check_length(tokens: int, most: int) -> None:
    if most == 0:
        raise LimitError("This server explains no answers.", "Ask one that does, or use boldface explain.")
    if tokens > most:
        raise LimitError(
            f"Prompt and answer have {tokens} tokens together.",
            f"At most {most} are explained here; shorten the answer, or use boldface explain.",
            param="answer",
        )


async def _carry_out(service: Service, hosted: Hosted, work: Explaining, deadline: float) -> None:
    """Run the model step by step, and rest between two steps while it answers others.

    Raises:
        TimeoutReachedError: The time of the request is up.
    """

    def step(_: Model) -> float:
        began = time.perf_counter()
        next(work)
        return time.perf_counter() - began

    while True:
        seconds = await service.call(hosted, step)
        if work.done == work.total:
            return
        load = hosted.scheduler.state()
        if load.running or load.queued:
            await asyncio.sleep(min(seconds * (1 / SHARE - 1), max(0.0, deadline - time.monotonic())))
        if time.monotonic() >= deadline:
            raise TimeoutReachedError("The time for this explanation is up.", "Leave each_head out.")
