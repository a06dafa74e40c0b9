"""The gate: everything that stands between the network and the application, in its order."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware

from boldface.server.guards import BODY_BYTES, BODY_SECONDS, OPEN, BodyGuard, KeyGuard
from boldface.server.keys import KeyRing
from boldface.server.limits import RequestLimits
from boldface.server.metrics import Metrics
from boldface.server.observe import Observer
from boldface.server.refuse import Refuse
from boldface.server.tracing import Traces


def guard(
    app: Starlette,
    *,
    metrics: Metrics,
    refuse: Refuse,
    ring: KeyRing | None = None,
    limits: RequestLimits | None = None,
    body_bytes: int = BODY_BYTES,
    body_seconds: float = BODY_SECONDS,
    opened: Sequence[str] = OPEN,
    origins: Sequence[str] = (),
    traces: Traces | None = None,
    texts: bool = False,
) -> None:
    """Put an application behind its guards. From the outside in: the observer, other origins, keys, bodies.

    Behind them a request's ``state`` has ``journal``, ``limits`` and ``key``.

    Args:
        app: The application; nothing may have been asked of it.
        metrics: Counts.
        refuse: Makes the answer that tells an error.
        ring: The keys; None lets everybody in.
        limits: What a request may ask for, unless its key says otherwise.
        body_bytes: The longest body.
        body_seconds: The longest time in which a body may arrive.
        opened: Paths that may be looked at without a key.
        origins: Pages of other origins that may ask (CORS); none, unless named.
        traces: Makes traces; None makes none.
        texts: Log what people and the model write.
    """
    app.add_middleware(BodyGuard, refuse=refuse, most=body_bytes, seconds=body_seconds)
    app.add_middleware(KeyGuard, ring=ring, limits=limits or RequestLimits(), refuse=refuse, opened=opened)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "Retry-After"],
        )
    app.add_middleware(Observer, metrics=metrics, refuse=refuse, traces=traces, texts=texts)
