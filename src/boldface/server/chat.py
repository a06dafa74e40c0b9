"""``/v1/chat/completions``."""

from __future__ import annotations

from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import Response

from boldface.engine.steer import answer_room
from boldface.server.answering import Job, answer, check_size
from boldface.server.bodies import ChatBody
from boldface.server.careful import doubted
from boldface.server.chat_writing import ChatWriter
from boldface.server.drawing import chat_logprobs, check_stream, longest_chat, sampling
from boldface.server.endpoints import ANSWERS, service_of, streamed
from boldface.server.limits import Asked, check
from boldface.server.reading import read_chat
from boldface.server.shapes import ChatCompletion

router = APIRouter()


@router.post(
    "/v1/chat/completions",
    summary="Answer a chat",
    response_model=ChatCompletion,
    responses={200: streamed("chat.completion.chunk"), **ANSWERS},
)
async def chat(body: ChatBody, request: Request) -> Response:
    """Answer a chat; what is emphasised in it is attended to."""
    service = service_of(request)
    check_stream(body)
    check(Asked(choices=body.n or 1), request.state.limits)
    logprobs, wanted = chat_logprobs(body), longest_chat(body)
    hosted = service.hosts.find(body.model)
    reading = await service.read(read_chat, hosted, body, service.policy, request.state.limits, detects=body.detects)
    tokens = answer_room(len(reading.prompt.ids), wanted, hosted.context, service.answer_tokens)
    samplings = [sampling(hosted, body, tokens, logprobs, copy) for copy in range(body.n or 1)]
    job = Job(hosted, body, [reading], samplings, ChatWriter(scored=logprobs is not None))
    check_size(job, request.state.limits)
    return await answer(service, request, replace(job, readings=await doubted(service, hosted, body, job.readings)))
