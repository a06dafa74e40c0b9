"""Answering: submit what a request wants, gather the answers or stream them, and say what was steered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from boldface.engine.batching import Piece, Request, Sampling
from boldface.engine.steer import lay_out
from boldface.errors import BoldfaceError
from boldface.insight.moved import moved
from boldface.server.bodies import Drawing
from boldface.server.exchange import Exchange, check_end, while_there
from boldface.server.faults import dumps, error_body
from boldface.server.hosting import Hosted
from boldface.server.limits import Asked, check
from boldface.server.logs import LOGGER
from boldface.server.reading import Reading
from boldface.server.service import Service, fingerprint
from boldface.server.sse import ALIVE, DONE, SILENCE, EventStream, event
from boldface.server.steered import steered
from boldface.server.writing import Draft, Writer, head, usage

GONE = 499
"""Status of an answer whose client has left; nobody reads it, but logs do."""


@dataclass(frozen=True)
class Job:
    """What one HTTP request wants.

    Attributes:
        hosted: The model.
        body: The request.
        readings: Its prompts.
        samplings: How every answer is drawn, those to the same prompt side by side; None for an answer of no token.
        writer: Writes the answers.
    """

    hosted: Hosted
    body: Drawing
    readings: Sequence[Reading]
    samplings: Sequence[Sampling | None]
    writer: Writer

    @property
    def copies(self) -> int:
        """Answers to every prompt."""
        return len(self.samplings) // len(self.readings)

    def reading(self, index: int) -> Reading:
        """Return the prompt of an answer."""
        return self.readings[index // self.copies]


def check_size(job: Job, limits: Any) -> None:
    """Refuse a request that wants more tokens or answers than it may.

    Raises:
        LimitError: It does.
    """
    prompts = sum(len(job.reading(index).prompt.ids) for index in range(len(job.samplings)))
    answers = sum(0 if one is None else one.max_tokens for one in job.samplings)
    check(Asked(prompt_tokens=prompts, answer_tokens=answers, choices=len(job.samplings)), limits)


async def answer(service: Service, http: HttpRequest, job: Job) -> Response:
    """Answer a request whose size was checked, whole or as a stream.

    Raises:
        BoldfaceError: It cannot be answered; nothing of a stream has been sent then.
    """
    journal, limits = http.state.journal, http.state.limits
    journal.note(model=job.hosted.id, stream=bool(job.body.stream), answers=len(job.samplings))
    for reading in job.readings:
        journal.refused(reading.refused)
    journal.words(prompts=[reading.prompt.text for reading in job.readings])
    deadline = time.monotonic() + limits.seconds - journal.seconds
    explained = await _explained(service, job)
    requests = [
        None if how is None else _request(service, job.reading(index), how, deadline)
        for index, how in enumerate(job.samplings)
    ]

    def ended(index: int, last: Piece) -> None:
        reading = job.reading(index)
        profile = None if reading.offer is None else reading.offer.profile.name
        journal.answered(job.hosted.id, last, steered=reading.emphasised, profile=profile)

    exchange = Exchange(job.hosted.scheduler, requests, ended)
    delivery = Delivery(job, exchange, fingerprint(job.hosted), explained, journal)
    if job.body.stream:
        return EventStream(delivery.events(), exchange.cancel)
    try:
        content = await while_there(http, asyncio.create_task(delivery.whole()))
    except ClientDisconnect:
        return Response(status_code=GONE)
    finally:
        exchange.cancel()
    return Response(dumps(content), media_type="application/json")


def _request(service: Service, reading: Reading, how: Sampling, deadline: float) -> Request:
    measure = not reading.steering.is_null and service.measures()
    return Request(reading.prompt, reading.steering, how, deadline, measure=measure)


async def _explained(service: Service, job: Job) -> list[dict[str, Any] | None]:
    """Return how the attention moved in every prompt, where that is asked for and something is steered."""
    wanted = job.body.boldface is not None and job.body.boldface.explain
    found: list[dict[str, Any] | None] = []
    for reading in job.readings:
        if not wanted or reading.steering.is_null:
            found.append(None)
            continue
        model = job.hosted.model
        prepared = lay_out(model.model, model.tokenizer, [reading.prompt], [reading.steering])
        found.append((await service.call(job.hosted, partial(moved, prepared=prepared))).to_json())
    return found


class Delivery:
    """The way of the answers to the client.

    Args:
        job: What is wanted.
        exchange: Gives the pieces.
        fingerprint: Stands in the answer.
        explained: Of every prompt, how the attention moved.
        journal: Hears of errors, and of the words.
    """

    def __init__(
        self,
        job: Job,
        exchange: Exchange,
        fingerprint: str,
        explained: Sequence[dict[str, Any] | None],
        journal: Any,
    ) -> None:
        self.job, self.exchange, self.explained, self.journal = job, exchange, explained, journal
        self.head = head(job.writer, job.hosted.id, fingerprint)
        self.drafts = [Draft() for _ in job.samplings]

    async def whole(self) -> dict[str, Any]:
        """Return all answers, once they have ended."""
        while self.exchange.open:
            came = await self.exchange.next()
            assert came is not None
            self._take(*came)
        self.journal.words(answers=[draft.text for draft in self.drafts])
        choices = [
            {**self.job.writer.whole(index, draft), **self._of_choice(index)} for index, draft in enumerate(self.drafts)
        ]
        return {**self.head, "choices": choices, "usage": self._usage(), **self._of_all()}

    async def events(self) -> AsyncIterator[bytes]:
        """Yield the answers as events, piece by piece."""
        writer = self.job.writer
        options = self.job.body.stream_options
        counts = options is not None and bool(options.include_usage)
        part = {**self.head, "object": writer.part_object, **({"usage": None} if counts else {})}
        try:
            for index in range(len(self.drafts)):
                if (choice := writer.opening(index)) is not None:
                    yield event({**part, "choices": [choice]})
            while self.exchange.open:
                if (came := await self.exchange.next(SILENCE)) is None:
                    yield ALIVE
                    continue
                index, piece = came
                self._take(index, piece)
                choice = writer.part(index, piece)
                end = self._of_choice(index) if piece.finish_reason else {}
                close = {} if counts or self.exchange.open else self._of_all()
                yield event({**part, "choices": [{**choice, **end}], **close})
            if counts:
                yield event({**part, "choices": [], "usage": self._usage(), **self._of_all()})
            self.journal.words(answers=[draft.text for draft in self.drafts])
            yield DONE
        except Exception as error:
            # The status has been sent: all that is left is to say it in the stream.
            self.journal.failed(error)
            if not isinstance(error, BoldfaceError):
                LOGGER.error("unforeseen", exc_info=error)
            yield event(error_body(error))

    def _take(self, index: int, piece: Piece) -> None:
        check_end(piece)
        self.drafts[index].add(piece)

    def _usage(self) -> Mapping[str, Any]:
        prompts = [len(reading.prompt.ids) for reading in self.job.readings]
        return usage(prompts, [draft.last for draft in self.drafts if draft.last is not None])

    def _of_all(self) -> dict[str, Any]:
        """Return what stands beside all choices of one prompt."""
        return self._steered(0) if len(self.job.readings) == 1 else {}

    def _of_choice(self, index: int) -> dict[str, Any]:
        """Return what stands at a choice where there are several prompts."""
        return self._steered(index // self.job.copies) if len(self.job.readings) > 1 else {}

    def _steered(self, place: int) -> dict[str, Any]:
        reading = self.job.readings[place]
        if not reading.said and not reading.refused:
            return {}
        drafts = self.drafts[place * self.job.copies : (place + 1) * self.job.copies]
        lasts = [draft.last for draft in drafts if draft.last is not None]
        return {"boldface": steered(reading, lasts, self.explained[place])}
