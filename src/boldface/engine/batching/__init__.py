"""Continuous batching: requests join and leave a running batch, each with an emphasis of its own, exactly."""

from boldface.engine.batching.pieces import FinishReason, Load, Mass, Piece, Timings, TokenScore, Usage
from boldface.engine.batching.request import Request
from boldface.engine.batching.sampling import Sampling
from boldface.engine.batching.scheduler import Scheduler
from boldface.engine.batching.ticket import Ticket

__all__ = [
    "FinishReason",
    "Load",
    "Mass",
    "Piece",
    "Request",
    "Sampling",
    "Scheduler",
    "Ticket",
    "Timings",
    "TokenScore",
    "Usage",
]
