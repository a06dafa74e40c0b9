"""The application: models behind endpoints behind guards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from boldface.emphasis.trust import DEFAULT_POLICY, Policy
from boldface.engine.model import Model
from boldface.insight.drift import Measured
from boldface.profiles.profile import Profile
from boldface.server import chat, completions, explaining, faults, listings, page, preview
from boldface.server.canaries import Watch
from boldface.server.gate import guard
from boldface.server.guards import BODY_BYTES
from boldface.server.hosting import Hosted, Hosts, engine_of, find_offers, served_name
from boldface.server.hosts import HostGuard
from boldface.server.keys import KeyRing
from boldface.server.limits import RequestLimits
from boldface.server.logs import LOGGER
from boldface.server.metrics import Metrics
from boldface.server.service import ANSWER_TOKENS, EXPLAIN_TOKENS, MEASURED, Service
from boldface.server.tracing import Traces

DRAIN = 30.0
"""Seconds that running answers have to end when the server stops."""


def create_app(
    models: Model | Sequence[Model] | Mapping[str, Model],
    *,
    profiles: Sequence[Profile] = (),
    policy: Policy = DEFAULT_POLICY,
    limits: RequestLimits | None = None,
    ring: KeyRing | None = None,
    scheduling: Mapping[str, Any] | None = None,
    answer_tokens: int = ANSWER_TOKENS,
    body_bytes: int = BODY_BYTES,
    origins: Sequence[str] = (),
    names: Collection[str] | None = None,
    traces: Traces | None = None,
    texts: bool = False,
    check_profiles: bool = False,
    check_every: float | None = None,
    measured: int = MEASURED,
    explain_tokens: int = EXPLAIN_TOKENS,
    drain: float = DRAIN,
    failed: Callable[[], None] = lambda: None,
) -> FastAPI:
    """Return an application that serves models in OpenAI's shape.

    Its lifespan starts and stops the schedulers, so a model is nobody else's between the two.

    Args:
        models: The models, or by the names that requests call them; the first is the one of requests that name none.
        profiles: Profiles that requests may name besides those that are shipped; the first is the default.
        policy: Which sources of text may emphasise, and how strongly.
        limits: What a request may ask for.
        ring: The keys; None lets everybody in.
        scheduling: Options of :class:`boldface.engine.batching.Scheduler`, or of the engine that a model is for.
        answer_tokens: Longest answer to a chat that names none.
        body_bytes: The longest body of a request.
        origins: Pages of other origins that may ask (CORS).
        names: Names that the server answers to; None for any.
        traces: Makes traces; None makes none.
        texts: Log what people and the model write.
        check_profiles: Measure at the start whether the profiles still do what they did.
        check_every: Seconds in which that is measured anew, a little at a time; None for never.
        measured: One in so many steered answers tells how much attention its emphasis gets; 0 for none.
        explain_tokens: Longest prompt with its answer that is explained; 0 for none.
        drain: Seconds that running answers have to end when the server stops.
        failed: Called, from another thread, when a model can answer no more; the reason is in the log.

    Raises:
        BoldfaceError: There is no model, two have the same name, or a profile does not fit.
    """
    metrics = Metrics()
    hosts = Hosts([_host(name, model, profiles, scheduling or {}) for name, model in _named(models)])
    service = Service(
        hosts,
        policy=policy,
        metrics=metrics,
        answer_tokens=answer_tokens,
        measured=measured,
        explain_tokens=explain_tokens,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        started: list[Hosted] = []
        watches: list[Watch] = []
        try:
            for hosted in hosts.by_id.values():
                await asyncio.to_thread(hosted.scheduler.start, partial(_fail, hosted.id, failed))
                started.append(hosted)
                metrics.follow(hosted.id, hosted.scheduler.state)
                if check_profiles or check_every is not None:
                    watches.append(_watch(hosted, metrics, check_profiles, check_every))
                    watches[-1].start()
            yield
        finally:
            await asyncio.gather(*(asyncio.to_thread(watch.stop) for watch in watches))
            stops = (asyncio.to_thread(hosted.scheduler.stop, True, drain) for hosted in started)
            await asyncio.gather(*stops)
            service.close()
            if traces is not None:
                traces.close()

    app = FastAPI(
        title="boldface",
        version=version("boldface"),
        summary="OpenAI's API, with emphasis that the model attends to.",
        lifespan=lifespan,
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        middleware=[] if names is None else [Middleware(HostGuard, names=names, refuse=faults.respond)],
    )
    app.state.service = service
    faults.install(app)
    for part in (chat, completions, explaining, preview, listings):
        app.include_router(part.router)
    page.install(app)
    guard(
        app,
        metrics=metrics,
        refuse=faults.respond,
        ring=ring,
        limits=limits,
        body_bytes=body_bytes,
        origins=origins,
        traces=traces,
        texts=texts,
    )
    return app


def _named(models: Model | Sequence[Model] | Mapping[str, Model]) -> list[tuple[str, Model]]:
    if isinstance(models, Mapping):
        return list(models.items())
    return [(served_name(model), model) for model in ([models] if isinstance(models, Model) else models)]


def _host(name: str, model: Model, profiles: Sequence[Profile], scheduling: Mapping[str, Any]) -> Hosted:
    offers, default = find_offers(model, profiles)
    engine = engine_of(model, scheduling)
    return Hosted(name, model, offers, default, engine.capacity_tokens, scheduler=engine)


def _fail(name: str, failed: Callable[[], None], error: BaseException) -> None:
    LOGGER.critical("model_failed", exc_info=error, extra={"facts": {"model": name}})
    failed()


def _watch(hosted: Hosted, metrics: Metrics, at_once: bool, period: float | None) -> Watch:
    def between(measure: Callable[[], Measured]) -> Measured:
        return hosted.scheduler.call(lambda _: measure()).result()

    profiles = [offer.profile for offer in hosted.offers.values()]
    return Watch(hosted.id, hosted.model, profiles, between, metrics, at_once=at_once, period=period)
