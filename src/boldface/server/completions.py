"""``/v1/completions``: texts go to the model as they stand, and may be given back with their log-probabilities."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from fastapi import APIRouter, Request
from starlette.responses import Response

from boldface.engine.batching import TokenScore
from boldface.engine.steer import answer_room
from boldface.server.answering import Job, answer, check_size
from boldface.server.bodies import CompletionBody
from boldface.server.careful import doubted
from boldface.server.drawing import COMPLETION_TOKENS, check_stream, sampling
from boldface.server.endpoints import ANSWERS, service_of, streamed
from boldface.server.hosting import Hosted
from boldface.server.limits import Asked, check
from boldface.server.reading import Reading, read_texts
from boldface.server.scores import TextScoring
from boldface.server.service import Service
from boldface.server.shapes import TextCompletion
from boldface.server.text_writing import Echo, TextWriter

router = APIRouter()


@router.post(
    "/v1/completions",
    summary="Complete texts",
    response_model=TextCompletion,
    responses={200: streamed("text_completion"), **ANSWERS},
)
async def completions(body: CompletionBody, request: Request) -> Response:
    """Complete one text or several; what is emphasised in them is attended to."""
    service = service_of(request)
    check_stream(body)
    copies = body.n or 1
    check(Asked(choices=copies * len(body.prompts)), request.state.limits)
    hosted = service.hosts.find(body.model)
    readings = await service.read(read_texts, hosted, body, service.policy, request.state.limits, detects=body.detects)
    samplings = []
    for reading in readings:
        tokens = answer_room(len(reading.prompt.ids), body.max_tokens, hosted.context, COMPLETION_TOKENS)
        for copy in range(copies):
            samplings.append(sampling(hosted, body, tokens, body.logprobs, copy) if tokens else None)
    writer = TextWriter([], [])
    job = Job(hosted, body, readings, samplings, writer)
    check_size(job, request.state.limits)
    job = replace(job, readings=await doubted(service, hosted, body, readings))
    echoes = [await _echo(service, hosted, reading, body.logprobs) if body.echo else None for reading in job.readings]
    writer.echoes = [echo for echo in echoes for _ in range(copies)]
    writer.scorings = [_scoring(hosted, body.logprobs) for _ in samplings]
    return await answer(service, request, job)


async def _echo(service: Service, hosted: Hosted, reading: Reading, logprobs: int | None) -> Echo:
    """Return a prompt to be given back, scored where that is asked for."""
    prompt = reading.prompt
    if logprobs is None:
        return Echo(prompt.text, ())
    scores = await service.scores(hosted, prompt, reading.steering, logprobs)
    places = prompt.offsets or ((0, 1),) * len(scores)
    return Echo(prompt.text, tuple(_written(hosted, *one) for one in zip(scores, places, strict=True)))


def _written(hosted: Hosted, score: TokenScore, place: tuple[int, int]) -> TokenScore:
    """Return a token with what the prompt's text has for it: a control token stands there by its name."""
    if score.text or place[0] == place[1]:
        return score
    return score._replace(text=_name(hosted, score.id).encode())


def _scoring(hosted: Hosted, logprobs: int | None) -> TextScoring | None:
    return None if logprobs is None else TextScoring(partial(_name, hosted), logprobs)


def _name(hosted: Hosted, token: int) -> str:
    return str(hosted.model.tokenizer.convert_ids_to_tokens(token))
