"""Bold words in a prompt that a language model really attends to.

The one face of the package; everything is imported on first use, so that importing it loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from boldface.detection.detect import detect
    from boldface.detection.proposal import Proposal
    from boldface.emphasis.dialects import parse_dialect
    from boldface.emphasis.emphasise import emphasise
    from boldface.emphasis.locate import locate
    from boldface.emphasis.markup import escape, parse, render
    from boldface.emphasis.span import CharSpan, EmphasisedText, TokenSpan
    from boldface.emphasis.tokens import EncodedPrompt
    from boldface.engine.caches.blocks import Prefixes
    from boldface.engine.caches.shelf import Shelf
    from boldface.engine.documents import Document
    from boldface.engine.generation import Generation
    from boldface.engine.model import Model, load
    from boldface.engine.steer import steer
    from boldface.errors import BoldfaceError
    from boldface.insight.explaining.explain import explain
    from boldface.profiles.heads import Head, HeadGains
    from boldface.profiles.profile import Profile
    from boldface.steering.plan import Steering

__version__ = "0.1.0"

_HOME = {
    "BoldfaceError": "boldface.errors",
    "CharSpan": "boldface.emphasis.span",
    "Document": "boldface.engine.documents",
    "EmphasisedText": "boldface.emphasis.span",
    "EncodedPrompt": "boldface.emphasis.tokens",
    "Generation": "boldface.engine.generation",
    "Head": "boldface.profiles.heads",
    "HeadGains": "boldface.profiles.heads",
    "Model": "boldface.engine.model",
    "Prefixes": "boldface.engine.caches.blocks",
    "Profile": "boldface.profiles.profile",
    "Proposal": "boldface.detection.proposal",
    "Shelf": "boldface.engine.caches.shelf",
    "Steering": "boldface.steering.plan",
    "TokenSpan": "boldface.emphasis.span",
    "detect": "boldface.detection.detect",
    "emphasise": "boldface.emphasis.emphasise",
    "escape": "boldface.emphasis.markup",
    "explain": "boldface.insight.explaining.explain",
    "load": "boldface.engine.model",
    "locate": "boldface.emphasis.locate",
    "parse": "boldface.emphasis.markup",
    "parse_dialect": "boldface.emphasis.dialects",
    "render": "boldface.emphasis.markup",
    "steer": "boldface.engine.steer",
}

__all__ = sorted([*_HOME, "__version__"])


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'boldface' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
