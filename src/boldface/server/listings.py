"""What there is to know before anything is asked: the models, their profiles, whether all is well, the figures."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from boldface.server.endpoints import ANSWERS, REFUSED, service_of
from boldface.server.faults import dumps
from boldface.server.hosting import Hosted
from boldface.server.shapes import Health, ModelCard, ModelCards, ProfileCard, ProfileNames

router = APIRouter()


@router.get("/v1/models", summary="The models that are served", responses=REFUSED)
async def models(request: Request) -> ModelCards:
    """List the models that are served."""
    return {"object": "list", "data": [_card(one) for one in service_of(request).hosts.by_id.values()]}


@router.get("/v1/models/{model:path}", summary="One model", responses=REFUSED)
async def model(model: str, request: Request) -> ModelCard:
    """Describe one model."""
    return _card(service_of(request).hosts.find(model))


@router.get("/v1/boldface/profiles", summary="The profiles that a request may name", responses=REFUSED)
async def profiles(request: Request, model: str | None = None) -> ProfileNames:
    """List the profiles that go with a model."""
    hosted = service_of(request).hosts.find(model)
    return {"object": "list", "model": hosted.id, "default": hosted.default, "profiles": sorted(hosted.offers)}


@router.get("/v1/boldface/profiles/{name}", summary="One profile", responses=REFUSED)
async def profile(name: str, request: Request, model: str | None = None) -> ProfileCard:
    """Tell the heads of a profile, and with what it steers by default."""
    hosted = service_of(request).hosts.find(model)
    if name not in hosted.offers:
        raise HTTPException(404)
    offer = hosted.offers[name]
    shape = hosted.model.geometry
    return {
        "name": offer.profile.name,
        "model": offer.profile.model,
        "strength": offer.selected.strength,
        "scope": offer.selected.scope,
        "rule": offer.selected.rule,
        "target": offer.selected.target,
        "layers": shape.depth,
        "heads": max(shape.heads.values()),
        "gains": {str(head): gain for head, gain in offer.selected.gains.items()},
        "tasks": [task.name for task in offer.profile.tasks],
    }


@router.get("/health", summary="Whether requests are taken", response_model=Health, responses=ANSWERS)
async def health(request: Request) -> Response:
    """Tell whether requests are taken, and how much runs; 503 where none are."""
    service = service_of(request)
    loads = {name: asdict(hosted.scheduler.state()) for name, hosted in service.hosts.by_id.items()}
    alive = all(hosted.scheduler.is_open for hosted in service.hosts.by_id.values())
    told = {"status": "ok" if alive else "failed", "models": loads}
    return Response(dumps(told), 200 if alive else 503, media_type="application/json")


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response, responses=REFUSED)
async def metrics(request: Request) -> Response:
    """Tell the figures as Prometheus reads them."""
    page, kind = service_of(request).metrics.page(request.headers.get("accept", ""))
    return Response(page, headers={"content-type": kind})


def _card(hosted: Hosted) -> ModelCard:
    return {
        "id": hosted.id,
        "object": "model",
        "created": hosted.created,
        "owned_by": "boldface",
        "context": hosted.context,
        "profile": hosted.default,
    }
